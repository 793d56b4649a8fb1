/** Asks the person at an MCP client to approve a call, by elicitation. */

import { field } from "../../own.js";
import type { Approval, ApprovalRequest } from "../options.js";
import type { RequestContext } from "./context.js";

/** The parts of the SDK's server that ask the client. */
export interface ElicitingServer {
  getClientCapabilities(): { readonly elicitation?: object | undefined } | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  elicitInput(params: any, options?: any): Promise<{ readonly action: string }>;
}

/** The key of the question in a result that asks for input. */
const KEY = "countersign_approval";

/** The field of a request's envelope with the client's capabilities. */
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities";

/** Maximum length of the arguments in a question, in characters. */
const MAX_ARGUMENTS = 1_000;

/**
 * Returns the person's answer. Undefined if the client can't ask; "later" if the result of the request must ask, and
 * the client repeats the request with the answer.
 */
export async function elicited(
  server: ElicitingServer,
  context: RequestContext,
  request: ApprovalRequest,
  timeoutMs: number,
): Promise<Approval | "later" | undefined> {
  const { envelope, inputResponses, elicitInput, id, signal } = context;
  if (envelope !== undefined) {
    const answer = field(inputResponses, KEY);
    if (answer !== undefined) {
      return field(answer, "action") === "accept";
    }
    return field(field(envelope, CAPABILITIES), "elicitation") === undefined ? undefined : "later";
  }
  if (server.getClientCapabilities()?.elicitation === undefined) {
    return undefined;
  }
  const options = { timeout: timeoutMs, signal };
  const answer =
    typeof elicitInput === "function"
      ? await elicitInput(question(request), options)
      : await server.elicitInput(question(request), { ...options, relatedRequestId: relatedId(request.source, id) });
  return field(answer, "action") === "accept";
}

/** Returns the ID with its type, which the transport compares. */
function relatedId(source: unknown, id: string | undefined): unknown {
  return field(source, "requestId") ?? id;
}

/** Returns the result that makes the client ask the person and repeat the request. */
export function askingResult(request: ApprovalRequest): object {
  return {
    resultType: "input_required",
    inputRequests: { [KEY]: { method: "elicitation/create", params: question(request) } },
  };
}

function question({ target, arguments: input, actor }: ApprovalRequest): object {
  const who = actor?.name ?? actor?.id ?? "the agent";
  const given = input === undefined ? "" : ` with ${JSON.stringify(input).slice(0, MAX_ARGUMENTS)}`;
  return {
    mode: "form",
    message: `Allow ${who} to use ${target.name ?? target.id}${given}?`,
    requestedSchema: { type: "object", properties: {} },
  };
}
