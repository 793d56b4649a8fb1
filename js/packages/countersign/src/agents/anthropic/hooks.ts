/**
 * The adapter for the Claude Agent SDK, as hooks. A call begins in `PreToolUse`, and ends in `PostToolUse`,
 * `PostToolUseFailure`, or `PermissionDenied`. If a person refuses it in Claude Code, no hook says so; it then ends
 * without an outcome in the `Stop` of its turn, or in `SessionEnd`.
 */

import { coded } from "../../error.js";
import { field } from "../../own.js";
import type { Audit } from "../../record/audit.js";
import { settlesWithin } from "../../timers.js";
import { type AgentCall, type CallEnd, reasonOf } from "../call.js";
import type { AgentOptions } from "../options.js";
import { AgentRecording, type OpenCall } from "../recording.js";

/** The fields of a hook's input that are used. Callbacks receive the input. */
export interface HookContext {
  readonly session_id: string;
  readonly hook_event_name: string;
  /** Set in a subagent. */
  readonly agent_id?: string | undefined;
  /** The kind of agent, such as `code-reviewer`. */
  readonly agent_type?: string | undefined;
  readonly tool_name?: string | undefined;
  readonly tool_input?: unknown;
  readonly tool_use_id?: string | undefined;
  readonly mcp_server?: { readonly name: string } | undefined;
}

type HookOutput =
  | Record<string, never>
  | {
      hookSpecificOutput: {
        hookEventName: "PreToolUse";
        permissionDecision: "ask" | "deny";
        permissionDecisionReason: string;
      };
    };

/** A hook of the Claude Agent SDK. */
export interface AuditHook {
  readonly hooks: [(input: HookContext) => Promise<HookOutput>];
  /** In seconds. */
  readonly timeout: number;
}

/** The hooks to pass to `query`. */
export type AuditHooks = Record<
  "PreToolUse" | "PostToolUse" | "PostToolUseFailure" | "PermissionDenied" | "Stop" | "SessionEnd",
  [AuditHook]
>;

/** The agent's ID if the input doesn't name its kind. */
const MAIN_AGENT = "claude-code";

/** Seconds that a hook may take in addition to the wait for an approval. */
const MARGIN_S = 30;

/** Milliseconds to wait until a refused call is recorded. */
const RECORDING_PATIENCE_MS = 5_000;

/** A call that a hook has begun. */
interface BegunCall {
  readonly open: OpenCall;
  readonly session: string;
  readonly isOfSubagent: boolean;
}

/**
 * Returns hooks for `query` of the Claude Agent SDK that record each tool call. With the option `gate`, calls that the
 * gate refuses don't run; if it challenges one, `approve` decides, or without it Claude Code asks its user.
 *
 * If you have hooks of your own for an event, pass both: `PreToolUse: [...hooks.PreToolUse, mine]`.
 *
 * @example
 * ```ts
 * query({ prompt, options: { hooks: auditHooks(audit, { onBehalfOf: user.id }) } });
 * ```
 */
export function auditHooks(audit: Audit, options: AgentOptions<HookContext> = {}): AuditHooks {
  const recording = new AgentRecording<HookContext>(audit, "claude-agent-sdk", options);
  const calls = new Map<string, BegunCall>();

  const end = async (id: string | undefined, end: CallEnd) => {
    const begun = calls.get(id ?? "");
    calls.delete(id ?? "");
    await begun?.open.end(end);
    return {};
  };
  const endAll = async (isAffected: (call: BegunCall) => boolean) => {
    const ids = [...calls].filter(([, call]) => isAffected(call)).map(([id]) => id);
    const reason = "Claude Code did not report the end of the call";
    await Promise.all(ids.map((id) => end(id, { reason, ran: false })));
    return {};
  };

  const begin = async (input: HookContext): Promise<HookOutput> => {
    const { session_id: session, agent_id } = input;
    let isAsking = false;
    const open = await recording.begin({
      ...callOf(input),
      // Claude Code asks after this hook. The call is only recorded as approved if it runs.
      ask: async () => {
        isAsking = options.approve === undefined;
        return isAsking ? "reported" : undefined;
      },
    });
    if (open.refusal !== undefined) {
      // Claude Code runs the call if the hook throws or takes too long. `onError` receives a failure to record.
      await settlesWithin(
        RECORDING_PATIENCE_MS,
        open.end({}).catch(() => {}),
      );
      return decision("deny", open.refusal.message);
    }
    calls.set(input.tool_use_id ?? "", { open, session, isOfSubagent: agent_id !== undefined });
    return isAsking ? decision("ask", "A rule requires a person's approval for this call.") : {};
  };

  /** Denies the call if the hook fails, because Claude Code would run it. */
  const beginOrDeny = async (input: HookContext): Promise<HookOutput> => {
    try {
      return await begin(input);
    } catch (cause) {
      recording.report(coded(cause, "recorder.failed", `the hook failed: ${cause}`, "see the cause"));
      return recording.isGated || options.required === true
        ? decision("deny", "This call could not be judged and recorded.")
        : {};
    }
  };

  const hook = (handle: (input: HookContext) => Promise<HookOutput>): [AuditHook] => [
    { hooks: [handle], timeout: Math.ceil(recording.approvalTimeoutMs / 1_000) + MARGIN_S },
  ];
  return {
    PreToolUse: hook(beginOrDeny),
    PostToolUse: hook((input) => {
      const result = field(input, "tool_response");
      return end(input.tool_use_id, { outcome: "success", result });
    }),
    PostToolUseFailure: hook((input) => {
      const reason = reasonOf(field(input, "error")) ?? "the tool failed";
      return end(input.tool_use_id, { outcome: "failure", reason });
    }),
    PermissionDenied: hook((input) => {
      const reason = reasonOf(field(input, "reason")) ?? "Claude Code refused the call";
      return end(input.tool_use_id, { outcome: "denied", reason, ran: false });
    }),
    // Subagents may outlive the turn.
    Stop: hook((input) => endAll(({ session, isOfSubagent }) => session === input.session_id && !isOfSubagent)),
    SessionEnd: hook((input) => endAll(({ session }) => session === input.session_id)),
  };
}

function callOf(input: HookContext): AgentCall<HookContext> {
  return {
    action: "tool.call",
    source: input,
    name: String(input.tool_name),
    server: input.mcp_server?.name,
    callId: input.tool_use_id,
    arguments: input.tool_input,
    origin: { actor: { type: "agent", id: input.agent_type ?? MAIN_AGENT }, session: input.session_id },
  };
}

function decision(permissionDecision: "ask" | "deny", permissionDecisionReason: string): HookOutput {
  return { hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision, permissionDecisionReason } };
}
