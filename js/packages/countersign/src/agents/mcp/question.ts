/**
 * The question in a result, for revisions of MCP without sessions: the client asks the person, and repeats the request
 * with the answer and the state of the question.
 */

import { field } from "../../own.js";
import type { ApprovalStates } from "../approval-state.js";
import type { Approval, ApprovalRequest } from "../options.js";
import type { McpImplementation } from "./context.js";
import { questionOf } from "./elicitation.js";
import type { RpcRequest, RpcResponse } from "./transport.js";

/** The key of the question and of its answer. */
const KEY = "countersign_approval";

/** The fields of a request's `_meta` with the client's capabilities and name. */
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";
const CLIENT = "io.modelcontextprotocol/clientInfo";

type State = Awaited<ReturnType<ApprovalStates["read"]>>;

/** The parameters of a repeated request. */
interface Repetition {
  readonly inputResponses?: unknown;
  readonly requestState?: unknown;
}

/** The question about a request, and its answer if the request repeats an earlier one. */
export class Question {
  /** The request as the tool gets it: without the answer, and with what the question displaced. */
  readonly request: RpcRequest;
  readonly #states: ApprovalStates;
  readonly #state: State;
  readonly #isAccepted: boolean | undefined;

  private constructor(request: RpcRequest, states: ApprovalStates, state: State, isAccepted: boolean | undefined) {
    this.request = request;
    this.#states = states;
    this.#state = state;
    this.#isAccepted = isAccepted;
  }

  /** Reads the answer in a request. */
  static async in(request: RpcRequest, states: ApprovalStates): Promise<Question> {
    const answer = field(field(request.params, "inputResponses"), KEY);
    if (answer === undefined) {
      return new Question(request, states, undefined, undefined);
    }
    const { inputResponses, requestState, ...params } = request.params as Repetition;
    const state = await states.read(requestState);
    const displaced = (state?.displaced ?? {}) as Repetition;
    const isAccepted = field(answer, "action") === "accept";
    return new Question({ ...request, params: { ...params, ...displaced } }, states, state, isAccepted);
  }

  /** True if the request belongs to no session, so that a question can only be asked in its result. */
  get isStateless(): boolean {
    return this.#meta(CAPABILITIES) !== undefined;
  }

  /** The client's name, which requests without a session state. */
  get client(): McpImplementation | undefined {
    const client = this.#meta(CLIENT);
    return typeof field(client, "name") === "string" ? (client as McpImplementation) : undefined;
  }

  /** Returns the answer to an earlier question about the same call; undefined if there is none. It counts once. */
  async answer(request: ApprovalRequest): Promise<Approval | undefined> {
    const isValid = this.#state !== undefined && (await this.#states.redeem(this.#state, request));
    return isValid ? this.#isAccepted : undefined;
  }

  /** Returns the result that asks the person; undefined if the client can't ask, or can't show the whole call. */
  async ask(request: ApprovalRequest, validMs: number): Promise<RpcResponse | undefined> {
    const params = questionOf(request);
    if (params === undefined || field(this.#meta(CAPABILITIES), "elicitation") === undefined) {
      return undefined;
    }
    const { inputResponses, requestState } = Object(this.request.params) as Repetition;
    return {
      result: {
        resultType: "input_required",
        inputRequests: { [KEY]: { method: "elicitation/create", params } },
        requestState: await this.#states.issue(request, { inputResponses, requestState }, validMs),
      },
    };
  }

  #meta(name: string): unknown {
    return field(field(this.request.params, "_meta"), name);
  }
}
