/** Asks the person at an MCP client to approve a call, by elicitation. */

import { field } from "../../own.js";
import type { Approval, ApprovalRequest } from "../options.js";
import { visible } from "../visible.js";

/** The parts of the SDK's server that ask the client. */
export interface ElicitingServer {
  getClientCapabilities(): { readonly elicitation?: object | undefined } | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the parameters differ between the SDK's generations.
  elicitInput(params: any, options?: any): Promise<{ readonly action: string }>;
}

/** Maximum length of a question, in characters. A person can't judge more, and clients may cut it. */
const MAX_QUESTION = 4_000;

/** A call that the client is asked about in its session. */
export interface PendingCall {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The ID of its request. */
  readonly id: string | number | undefined;
}

/** Asks the client in its session. Returns undefined if the client can't ask, or can't show the whole call. */
export async function elicited(
  server: ElicitingServer,
  request: ApprovalRequest,
  { timeoutMs, signal, id }: PendingCall,
): Promise<Approval | undefined> {
  const params = questionOf(request);
  if (params === undefined || server.getClientCapabilities()?.elicitation === undefined) {
    return undefined;
  }
  const answer = await server.elicitInput(params, { timeout: timeoutMs, signal, relatedRequestId: id });
  return field(answer, "action") === "accept";
}

/** Returns the parameters of a question that shows all of a call; undefined if they are too long. */
export function questionOf({ target, argumentsText, actor }: ApprovalRequest): object | undefined {
  const quoted = (text: string) => visible(JSON.stringify(text));
  const who = quoted(actor?.name ?? actor?.id ?? "the agent");
  const given = argumentsText === "" ? "" : ` with\n${argumentsText}\n`;
  const message = `Allow ${who} to use ${quoted(target.name ?? target.id)}${given}?`;
  return message.length > MAX_QUESTION
    ? undefined
    : { mode: "form", message, requestedSchema: { type: "object", properties: {} } };
}
