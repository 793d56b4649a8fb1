/** Options of the adapters for agents. */

import { type CountersignError, must, mustBeMillis } from "../error.js";
import type { Refusal } from "../gate/decision.js";
import type { Gate } from "../gate/gate.js";
import { ownOptions } from "../known.js";
import type { Scope } from "../record/audit.js";
import type { ActorInput, AuditEvent } from "../record/event.js";
import { type ContentPolicy, mustBePolicy } from "./content.js";

/** An agent, or its ID. Without a `type`, it is an `agent`. */
export type AgentInput = ActorInput | string;

/** A call that waits for a person's approval. */
export interface ApprovalRequest<Source = unknown> {
  readonly action: string;
  readonly target: NonNullable<AuditEvent["target"]>;
  /** The arguments, without redaction. Show `argumentsText` to a person. */
  readonly arguments: unknown;
  /** All of the arguments as JSON text, in which invisible and directional characters are escaped. */
  readonly argumentsText: string;
  readonly actor: AuditEvent["actor"];
  readonly onBehalfOf: AuditEvent["on_behalf_of"];
  /** The reason for the challenge. */
  readonly refusal: Refusal;
  /** The SDK's context of the call. */
  readonly source: Source;
}

/** True if the call may run; or the ID of the person who approved it. */
export type Approval = boolean | { readonly approvedBy: string };

/** How a server recognizes the answers to its questions. */
export interface ApprovalOptions {
  /**
   * A secret of at least 32 characters that signs questions. All processes of a server use the same.
   *
   * @example
   * ```ts
   * key: process.env.APPROVAL_KEY
   * ```
   */
  key: string;
  /**
   * Remembers the ID of an answer until this time, in a place that all processes share. The time is five minutes after
   * the answer expires. Returns a true value for a new ID, and a false one if the ID is remembered: an answer counts once.
   *
   * @example
   * ```ts
   * once: (id, until) => redis.set(id, 1, { NX: true, PXAT: +until })
   * ```
   */
  once: (id: string, until: Date) => unknown;
}

/** Options for one tool. */
export interface ToolPolicyOptions {
  /**
   * The treatment of this tool's arguments.
   *
   * @default the option `arguments` of the adapter
   * @example
   * ```ts
   * arguments: { body: "hash" }
   * ```
   */
  arguments?: ContentPolicy | undefined;
  /**
   * The treatment of this tool's results.
   *
   * @default the option `results` of the adapter
   * @example
   * ```ts
   * result: "record"
   * ```
   */
  result?: ContentPolicy | undefined;
}

/** Options for recording an agent's calls. Callbacks receive the SDK's context of the call. */
export interface AgentOptions<Source = unknown> {
  /**
   * The agent that acts, or a callback that returns it.
   *
   * @default with MCP, the OAuth client, or without one the name of the client; otherwise the agent whose call contains
   *   this one, or else `unknown`
   * @example
   * ```ts
   * agent: { id: "support-bot", name: "Support" }
   * ```
   */
  agent?: AgentInput | ((source: Source) => AgentInput | null | undefined) | undefined;
  /**
   * The person that the agent acts for, or a callback that returns it: an ID, or `{ type, id, name, grant, via }`.
   *
   * @default with MCP, the subject of the access token; otherwise that of the surrounding scope
   * @example
   * ```ts
   * onBehalfOf: () => session.user.id
   * ```
   */
  onBehalfOf?: Scope["on_behalf_of"] | ((source: Source) => Scope["on_behalf_of"]) | undefined;
  /**
   * The ID of the agent's session, or a callback that returns it.
   *
   * @default with MCP, the ID of the transport's session; otherwise none
   * @example
   * ```ts
   * session: conversation.id
   * ```
   */
  session?: string | ((source: Source) => string | undefined) | undefined;
  /**
   * The customer or organization whose data is affected, or a callback that returns it.
   *
   * @default none
   * @example
   * ```ts
   * tenant: () => session.user.organization
   * ```
   */
  tenant?: string | ((source: Source) => string | undefined) | undefined;
  /**
   * The model that decides on calls.
   *
   * @default none, because tools don't know it
   * @example
   * ```ts
   * model: "claude-opus-5"
   * ```
   */
  model?: string | undefined;
  /**
   * The provider of the model.
   *
   * @default none, because tools don't know it
   * @example
   * ```ts
   * provider: "anthropic"
   * ```
   */
  provider?: string | undefined;
  /**
   * The treatment of arguments: `"record"`, `"hash"`, `"redact"`, or an object with one of these for each field. What
   * is recorded passes the recorder's redaction.
   *
   * @default "record"
   * @example
   * ```ts
   * arguments: { "*": "record", body: "hash" }
   * ```
   */
  arguments?: ContentPolicy | undefined;
  /**
   * The treatment of results, in the same form.
   *
   * @default "hash"
   * @example
   * ```ts
   * results: "record"
   * ```
   */
  results?: ContentPolicy | undefined;
  /**
   * The treatment of the arguments and results of single tools, by name.
   *
   * @default none
   * @example
   * ```ts
   * tools: { send_mail: { arguments: { body: "hash" }, result: "record" } }
   * ```
   */
  tools?: Readonly<Record<string, ToolPolicyOptions>> | undefined;
  /**
   * Maximum size of recorded arguments and of a recorded result, in bytes, at most 65,536. Of larger ones, the hash and
   * the size are recorded.
   *
   * @default 8_192
   * @example
   * ```ts
   * maxBytes: 65_536
   * ```
   */
  maxBytes?: number | undefined;
  /**
   * Decides whether a call runs: a gate from `countersign/gate`. Refused calls are recorded.
   *
   * @default undefined: all calls run
   * @example
   * ```ts
   * gate: gate({ pack, fail: "closed" })
   * ```
   */
  gate?: Gate | undefined;
  /**
   * Asks a person to approve a call that the gate challenges. With MCP, only called if the client can't ask the person.
   *
   * @default undefined: such calls are refused
   * @example
   * ```ts
   * approve: async ({ target, argumentsText }) => askInSlack(target.name, argumentsText)
   * ```
   */
  approve?: ((request: ApprovalRequest<Source>) => Approval | Promise<Approval>) | undefined;
  /**
   * Milliseconds to wait for an approval. After that, the call is refused.
   *
   * @default 120_000
   * @example
   * ```ts
   * approvalTimeoutMs: 600_000
   * ```
   */
  approvalTimeoutMs?: number | undefined;
  /**
   * How a server of MCP recognizes the answers to its questions, in revisions of MCP without sessions. Needed if several
   * processes serve the same clients.
   *
   * @default a random key, and a list of the answers in memory: only the process that asked accepts the answer
   * @example
   * ```ts
   * approvals: { key: process.env.APPROVAL_KEY, once: (id, until) => redis.set(id, 1, { NX: true, PXAT: +until }) }
   * ```
   */
  approvals?: ApprovalOptions | undefined;
  /**
   * Names of tools that are neither recorded nor gated, because they run elsewhere, such as tools of the model's
   * provider. Without it, wrapping a tool that the adapter doesn't know throws. With MCP and a gate, methods of
   * requests and notifications other than those of MCP.
   *
   * @default []
   * @example
   * ```ts
   * ungated: ["web_search"]
   * ```
   */
  ungated?: readonly string[] | undefined;
  /**
   * Fails a call whose event can't be recorded, or stored in the recorder's outbox. The tool has run by then, but its
   * result isn't returned.
   *
   * @default false: `onError` receives the failure
   * @example
   * ```ts
   * required: true
   * ```
   */
  required?: boolean | undefined;
  /**
   * Called with errors in recording.
   *
   * @default `console.warn`, without repeating the same error code in a row
   * @example
   * ```ts
   * onError: ({ code, message }) => logger.error({ code }, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
}

const isFunction = (value: unknown) => typeof value === "function";
const isText = (value: unknown) => typeof value === "string" && value !== "";
const isPrincipal = (value: unknown) =>
  isFunction(value) || isText(value) || (typeof value === "object" && value !== null);

/** Greatest `maxBytes`: an event of 256 KiB has room for arguments and a result that redaction has made longer. */
const MAX_CONTENT_BYTES = 65_536;

/** The check of each option that isn't a policy, and what to pass instead. */
const RULES: Readonly<Record<string, readonly [(value: unknown) => boolean, string]>> = {
  agent: [isPrincipal, "an agent's ID, { id, name }, or a callback that returns one"],
  onBehalfOf: [isPrincipal, "a person's ID, { type, id, name, grant, via }, or a callback that returns one"],
  session: [(value) => isText(value) || isFunction(value), "a session's ID, or a callback that returns it"],
  tenant: [(value) => isText(value) || isFunction(value), "a tenant's ID, or a callback that returns it"],
  model: [isText, "the model's name"],
  provider: [isText, "the provider's name"],
  maxBytes: [
    (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_CONTENT_BYTES,
    "a number of bytes up to 65536, such as 8192",
  ],
  gate: [(gate) => isFunction((gate as Partial<Gate> | null)?.decide), "the result of gate from countersign/gate"],
  approve: [isFunction, "a callback that returns true, false, or { approvedBy }"],
  required: [(value) => typeof value === "boolean", "true or false"],
  ungated: [(value) => Array.isArray(value) && value.every(isText), 'an array of names such as ["web_search"]'],
  onError: [isFunction, "a callback that takes an error"],
};

const NAMES = [...Object.keys(RULES), "arguments", "results", "tools", "approvals", "approvalTimeoutMs"];

/** Minimum length of a key that signs questions, in characters. */
const MIN_KEY = 32;

/** Returns the options with defaults. Throws `options.invalid` for an unknown or invalid option. */
export function checkedOptions<Source>(given: AgentOptions<Source>) {
  const options = ownOptions(given, NAMES);
  for (const [name, [isRight, hint]] of Object.entries(RULES)) {
    const value = options[name as keyof AgentOptions];
    must(value === undefined || isRight(value), name, `\`${name}\` is invalid`, `pass ${hint}`);
  }
  mustBePolicy(options.arguments, "arguments");
  mustBePolicy(options.results, "results");
  const { tools = {} } = options;
  must(Object(tools) === tools, "tools", "`tools` must be an object", "pass { TOOL: { arguments, result } }");
  for (const [tool, policies] of Object.entries(tools)) {
    const own = ownOptions(policies, ["arguments", "result"], `tools.${tool}`);
    mustBePolicy(own.arguments, `tools.${tool}.arguments`);
    mustBePolicy(own.result, `tools.${tool}.result`);
  }
  const { maxBytes = 8_192, approvalTimeoutMs = 120_000, required = false, ungated = [] } = options;
  mustBeMillis(approvalTimeoutMs, "approvalTimeoutMs");
  const approvals = options.approvals && checkedApprovals(options.approvals);
  return { ...options, tools, maxBytes, approvals, approvalTimeoutMs, required, ungated };
}

export type CheckedOptions<Source> = ReturnType<typeof checkedOptions<Source>>;

function checkedApprovals(given: ApprovalOptions): ApprovalOptions {
  const options = ownOptions(given, ["key", "once"], "approvals");
  const isKey = typeof options.key === "string" && options.key.length >= MIN_KEY;
  must(
    isKey,
    "approvals.key",
    "`approvals.key` must be a secret of at least 32 characters",
    "use `openssl rand -hex 32`",
  );
  const hint = "pass a function that stores an ID, and returns false if it was stored before";
  must(isFunction(options.once), "approvals.once", "`approvals.once` must be a function", hint);
  return options;
}
