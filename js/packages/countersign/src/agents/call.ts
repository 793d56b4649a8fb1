/** A call of an agent, as an adapter sees it, and its end. */

import type { Refusal } from "../gate/decision.js";
import { field } from "../own.js";
import type { AuditEvent } from "../record/event.js";
import type { Approval, ApprovalRequest } from "./options.js";

/** The actions that agents' calls are recorded as, with the type of their target. */
export const TARGET_TYPES = {
  "tool.call": "tool",
  "resource.read": "resource",
  "prompt.get": "prompt",
  "model.call": "model",
} as const;

/** The maker of a call, as far as the SDK knows it. */
export interface CallOrigin {
  readonly actor?: AuditEvent["actor"];
  readonly onBehalfOf?: AuditEvent["on_behalf_of"];
  readonly session?: string | undefined;
  /** The version of the agent's program. */
  readonly version?: string | undefined;
  readonly model?: string | undefined;
  readonly provider?: string | undefined;
}

/** A call that is about to run. */
export interface AgentCall<Source> {
  readonly action: keyof typeof TARGET_TYPES;
  /** The SDK's context of the call. */
  readonly source: Source;
  /** The tool's name, the resource's URI, the prompt's name, or the model's. */
  readonly name: string;
  /** The server or program whose tool it is. */
  readonly server?: string | undefined;
  readonly callId?: string | undefined;
  readonly arguments?: unknown;
  /** The problem with a call that can't be judged, such as arguments that aren't JSON. A gate rejects the call. */
  readonly malformed?: string | undefined;
  readonly origin: CallOrigin;
  /** Aborts when the caller cancels the call or disconnects. */
  readonly signal?: AbortSignal | undefined;
  /** Asks the person through the SDK. Returns undefined if the SDK can't. */
  readonly ask?: ((request: ApprovalRequest<Source>) => Promise<AskedApproval | undefined>) | undefined;
}

/**
 * The answer of an SDK that asks the person. "later": the refusal asks the person, and the caller then repeats the call.
 * "reported": the SDK asks the person after the gate, and runs the call only if the person approves.
 */
export type AskedApproval = Approval | "later" | "reported";

/** The end of a call. Without `outcome`, the event doesn't state how the call ended. */
export interface CallEnd {
  readonly outcome?: "success" | "failure" | "denied" | undefined;
  readonly reason?: string | undefined;
  readonly result?: unknown;
  /** False if the call may not have run. The event then names no person who approved it. */
  readonly ran?: boolean | undefined;
}

/** The reason why a call doesn't run. */
export interface CallRefusal {
  readonly refusal: Refusal;
  /** The reason to record. */
  readonly reason: string;
  /** The answer to the agent. It doesn't name the rule. */
  readonly message: string;
}

/** Maximum length of recorded names and IDs that the agent chose, in characters. */
const MAX_NAME = 512;

/** Returns a name or an ID that an event can contain; undefined if it isn't a string. */
export function boundedName(name: unknown): string | undefined {
  return typeof name === "string" ? name.slice(0, MAX_NAME).toWellFormed() : undefined;
}

/** Maximum length of a recorded reason, in characters. */
const MAX_REASON = 512;

/** Returns text that fits into the field `reason`; undefined if it is empty. */
export function reasonOf(text: unknown): string | undefined {
  return typeof text === "string" && text !== "" ? text.slice(0, MAX_REASON).toWellFormed() : undefined;
}

/** Returns the end that a tool's result stands for. MCP's results can be errors, whichever SDK returns them. */
export function endOfResult(result: unknown): CallEnd {
  if (field(result, "isError") !== true) {
    return { outcome: "success", result };
  }
  const content = field(result, "content");
  const texts = Array.isArray(content) ? content.map((part) => field(part, "text")) : [];
  // The first text is the message if the tool threw.
  const message = texts.find((text) => typeof text === "string");
  return { outcome: "failure", reason: reasonOf(message) ?? "the tool returned an error", result };
}

/** Returns the end of a call that threw. */
export function failedWith(error: unknown): CallEnd {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return { outcome: "failure", reason: reasonOf(message) ?? "the call threw" };
}
