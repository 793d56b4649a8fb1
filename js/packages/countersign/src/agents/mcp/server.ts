/** The adapter for MCP servers. */

import { must } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import { ApprovalStates } from "../approval-state.js";
import type { AskedApproval } from "../call.js";
import type { AgentOptions, ApprovalRequest } from "../options.js";
import { AgentRecording } from "../recording.js";
import { type McpAuthInfo, type McpContext, type McpImplementation, originOf } from "./context.js";
import { type ElicitingServer, elicited } from "./elicitation.js";
import { type CallSide, callGuard } from "./guard.js";
import { observeTransports } from "./observe-transports.js";
import { Question } from "./question.js";
import { type Exchange, GuardedTransport, type McpTransport, type RpcRequest, type RpcResponse } from "./transport.js";

/** The parts of the SDK's `Server` that are used. */
export interface McpProtocolServer extends ElicitingServer {
  // biome-ignore-start lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  connect(...args: any[]): Promise<any>;
  setRequestHandler(...args: any[]): void;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
  getClientVersion(): McpImplementation | undefined;
}

/** The SDK's `McpServer`, or its `Server`. */
export type McpServerLike = McpProtocolServer | { readonly server: McpProtocolServer };

/**
 * Records each tool call, resource read, and prompt of an MCP server, and returns the server. With the option `gate`,
 * calls that the gate refuses don't reach the tool; if the gate challenges one, the client asks its user. All requests
 * that a transport of the server receives are seen, whichever handler they have.
 *
 * By default, the actor is the OAuth client, or without one the name that the client states, which isn't verified, or
 * without a name the agent `unknown`. The person is the subject of the access token (`authInfo.extra.sub`).
 *
 * @example
 * ```ts
 * const server = auditMcp(audit, new McpServer({ name: "jobs", version: "1.0.0" }), { results: "record" });
 * ```
 */
export function auditMcp<Server extends McpServerLike>(
  audit: Audit,
  server: Server,
  options: AgentOptions<McpContext> = {},
): Server {
  const protocol = Object(field(server, "server") ?? server) as McpProtocolServer;
  const recording = new AgentRecording(audit, "mcp", options);
  const hint = "call auditMcp(audit, new McpServer({ name, version }), options)";
  must(typeof field(protocol, "setRequestHandler") === "function", "server", "`server` must be an MCP server", hint);
  const auditing = new ServerAuditing(protocol, recording, new ApprovalStates(options.approvals));
  observeTransports(protocol, "server", hint, (transport) => auditing.guard(transport));
  auditing.observeHandlers();
  return server;
}

type Handler = (request: unknown, context: unknown, ...rest: unknown[]) => unknown;

class ServerAuditing {
  readonly #server: McpProtocolServer;
  readonly #recording: AgentRecording<McpContext>;
  readonly #states: ApprovalStates;
  #transport: GuardedTransport | undefined;

  constructor(server: McpProtocolServer, recording: AgentRecording<McpContext>, states: ApprovalStates) {
    this.#server = server;
    this.#recording = recording;
    this.#states = states;
  }

  guard(transport: McpTransport): void {
    const guard = callGuard(this.#recording, (request, exchange) => this.#side(request, exchange));
    this.#transport = GuardedTransport.forServer(transport, guard);
  }

  /** Observes when handlers end, also after their caller has left. */
  observeHandlers(): void {
    const { setRequestHandler: set, _requestHandlers: handlers } = this.#server as McpProtocolServer & {
      _requestHandlers?: unknown;
    };
    for (const [method, handler] of handlers instanceof Map ? [...handlers] : []) {
      (handlers as Map<string, Handler>).set(method, this.#observed(handler));
    }
    this.#server.setRequestHandler = (...args: unknown[]) => {
      const handler = args.at(-1);
      const observed = typeof handler === "function" ? this.#observed(handler as Handler) : handler;
      return Reflect.apply(set, this.#server, [...args.slice(0, -1), observed]);
    };
  }

  #observed(handler: Handler): Handler {
    return async (request, context, ...rest) => {
      const id = field(field(context, "mcpReq") ?? context, "id") ?? field(context, "requestId");
      try {
        const result = await handler(request, context, ...rest);
        this.#transport?.ended(id, { result });
        return result;
      } catch (error) {
        this.#transport?.ended(id, { error });
        throw error;
      }
    };
  }

  async #side(request: RpcRequest, { extra, sessionId, signal }: Exchange): Promise<CallSide<McpContext>> {
    const question = await Question.in(request, this.#states);
    const authInfo = field(extra, "authInfo") as McpAuthInfo | undefined;
    const context: McpContext = { sessionId, authInfo, extra };
    const client = question.client ?? this.#server.getClientVersion();
    let asking: RpcResponse | undefined;
    const ask = async (approval: ApprovalRequest): Promise<AskedApproval | undefined> => {
      const { approvalTimeoutMs: timeoutMs } = this.#recording;
      if (!question.isStateless) {
        return elicited(this.#server, approval, { timeoutMs, signal, id: request.id });
      }
      const answer = await question.answer(approval);
      if (answer !== undefined) {
        return answer;
      }
      asking = await question.ask(approval, timeoutMs);
      return asking && "later";
    };
    return {
      request: question.request,
      details: {
        source: context,
        server: nameOf(this.#server),
        callId: request.id === undefined ? undefined : String(request.id),
        origin: originOf(context, client),
        ask,
      },
      refused: () => asking,
    };
  }
}

/** Returns the server's name, which the SDK keeps in a private field. */
function nameOf(server: object): string | undefined {
  const name = field(field(server, "_serverInfo"), "name");
  return typeof name === "string" && name !== "" ? name : undefined;
}
