/**
 * Records the calls of agents, and refuses those that a gate refuses. Its errors never reach the call, unless `required`
 * is set.
 */

import { CurrentRequest, requestScope } from "../context/request.js";
import { CountersignError, callOnError, coded, consoleReporter } from "../error.js";
import {
  type Decision,
  decided,
  type EventToBe,
  isPresent,
  MISSING,
  type Refusal,
  reasonFor,
  rejection,
} from "../gate/decision.js";
import type { DecisionContext, Gate } from "../gate/gate.js";
import { hasFiniteNumbers, inputError } from "../gate/input.js";
import { deferred } from "../promises.js";
import { type Audit, mustRecord } from "../record/audit.js";
import type { Actor, AuditEvent } from "../record/event.js";
import { actorOf, onBehalfOf } from "../record/fields.js";
import type { EventScope } from "../record/scope.js";
import { settlesWithin, within } from "../timers.js";
import {
  type AgentCall,
  type AskedApproval,
  boundedName,
  type CallEnd,
  type CallOrigin,
  type CallRefusal,
  failedWith,
  reasonOf,
  TARGET_TYPES,
} from "./call.js";
import { contentOf, plainOf, type RecordedContent } from "./content.js";
import { lossOf } from "./lossless.js";
import { type AgentOptions, type ApprovalRequest, type CheckedOptions, checkedOptions } from "./options.js";
import { visibleJson } from "./visible.js";

/** Milliseconds to wait for the end of a call whose caller has disconnected. */
const ABORTED_PATIENCE_MS = 5_000;

/** The actor of calls whose agent nothing states, such as those of an MCP client without a token and a name. */
const UNKNOWN_AGENT = { type: "agent", id: "unknown" } as const;

/** True once the lack of `AsyncLocalStorage` was reported. */
let isStorageMissed = false;

/** Handles a call that may be refused. */
export interface CallHandling<Result> {
  readonly work: () => Result | Promise<Result>;
  /** Returns the end that a result stands for. */
  readonly endOf: (result: Result) => CallEnd;
  /** Returns the result of a refused call, or throws. */
  readonly refused: (refused: CallRefusal) => Result;
}

/** The actor, the person it acts for, and the tenant. Values that a callback failed to return are `MISSING`. */
type Whose = Pick<AuditEvent, "actor" | "on_behalf_of" | "tenant">;

/** An agent, and the person it acts for. */
interface Caller {
  readonly actor: NonNullable<AuditEvent["actor"]>;
  readonly on_behalf_of?: AuditEvent["on_behalf_of"];
}

/** The decision on a call that may run. */
interface Permission {
  readonly decision?: "allow" | "challenge";
  /** The person who approved the call, if the answer is bound to it. */
  readonly approvedBy?: string | undefined;
  /** The program on whose word the call counts as approved, if no person is known to have approved it. */
  readonly approval?: "reported_by_client" | undefined;
}

/** A call that has ended or was refused, with what its event states. */
interface EndedCall<Source> {
  readonly call: AgentCall<Source>;
  readonly whose: Whose;
  /** Arguments as plain data. */
  readonly input: unknown;
  readonly permission: Permission | CallRefusal;
  readonly end: CallEnd;
  readonly durationMs: number;
}

export class AgentRecording<Source> {
  readonly #audit: Audit;
  readonly #framework: string;
  readonly #options: CheckedOptions<Source>;
  readonly #warn = consoleReporter("a call could not be recorded completely: ");

  constructor(audit: Audit, framework: string, options: AgentOptions<Source> = {}) {
    mustRecord(audit);
    this.#audit = audit;
    this.#framework = framework;
    this.#options = checkedOptions(options);
  }

  /** Milliseconds to wait for an approval. */
  get approvalTimeoutMs(): number {
    return this.#options.approvalTimeoutMs;
  }

  /** True if a gate decides on calls. */
  get isGated(): boolean {
    return this.#options.gate !== undefined;
  }

  /** True if the caller named the tool or the method as one that is neither recorded nor gated. */
  isUngated(name: unknown): boolean {
    return this.#options.ungated.includes(name as string);
  }

  /** Passes an error to `onError`. */
  report(error: CountersignError): void {
    this.#failed(error);
  }

  /** Lets a call run or refuses it, and records it when it has ended. */
  async handle<Result>(call: AgentCall<Source>, { work, endOf, refused }: CallHandling<Result>): Promise<Result> {
    const open = await this.begin(call);
    if (open.refusal !== undefined) {
      await open.end({});
      return refused(open.refusal);
    }
    let result: Result;
    try {
      result = await open.within(async () => work());
    } catch (error) {
      // The tool's error says more than a failure to record it, which `onError` receives.
      await open.end(failedWith(error)).catch(() => {});
      throw error;
    }
    await open.end(endOf(result));
    return result;
  }

  /** Asks the gate about a call, and starts recording it. */
  async begin(call: AgentCall<Source>): Promise<OpenCall> {
    const began = performance.now();
    const whose = this.#whose(call);
    const problems = [call.malformed ?? []].flat();
    const input = this.#plain(call.arguments, ({ message }) => problems.push(message));
    const permission = await this.#decide(call, whose, input, problems[0]);
    const scope = () => ({
      actor: recordedActor(whose),
      on_behalf_of: present(whose.on_behalf_of),
      tenant: present(whose.tenant),
    });
    const current = new CurrentRequest(scope, isStorageMissed ? undefined : () => this.#missStorage());
    return new OpenCall(current, "refusal" in permission ? permission : undefined, call.signal, async (end) => {
      const durationMs = Math.max(0, Math.round(performance.now() - began));
      await this.#record({ call, whose, input, permission, end, durationMs });
    });
  }

  #whose({ source, origin }: AgentCall<Source>): Whose {
    const { agent, onBehalfOf: principal, session, tenant } = this.#options;
    const given = this.#call("agent", agent, source);
    const stated = isPresent(given) ? (actorOf(given) ?? origin.actor) : MISSING;
    const caller = stated === undefined ? callerOf(requestScope()) : { actor: stated };
    const named = caller.actor;
    const sessionId = present(this.#call("session", session, source)) ?? origin.session;
    const person = this.#call("onBehalfOf", principal, source);
    return {
      actor: isPresent(named)
        ? { ...named, type: named.type ?? "agent", session: named.session ?? sessionId }
        : MISSING,
      on_behalf_of: isPresent(person)
        ? withType(onBehalfOf(person) ?? origin.onBehalfOf ?? caller.on_behalf_of)
        : MISSING,
      tenant: this.#call("tenant", tenant, source),
    };
  }

  /** Returns the value of an option that may be a callback; `MISSING` if it throws. */
  #call<T>(member: string, option: T | ((source: Source) => T) | undefined, source: Source): T | undefined {
    if (typeof option !== "function") {
      return option;
    }
    try {
      return (option as (source: Source) => T)(source) ?? undefined;
    } catch (cause) {
      const hint = "see the cause; the call is recorded without this value";
      this.#failed(
        new CountersignError("options.invalid", `the callback \`${member}\` threw: ${cause}`, { member, hint, cause }),
      );
      return MISSING;
    }
  }

  #plain(value: unknown, report?: (problem: CountersignError) => void): unknown {
    try {
      return value === undefined ? undefined : plainOf(value, report);
    } catch (cause) {
      const problem = coded(cause, "event.invalid", "a call's content is not data", "see the cause");
      report?.(problem);
      this.#failed(problem);
      return undefined;
    }
  }

  async #decide(
    call: AgentCall<Source>,
    whose: Whose,
    input: unknown,
    malformed: string | undefined,
  ): Promise<Permission | CallRefusal> {
    const { gate } = this.#options;
    if (gate === undefined) {
      return {};
    }
    const problem = malformed ?? problemWith(call.arguments);
    const decision =
      problem === undefined
        ? await this.#decisionOf(gate, call, whose, input)
        : rejection(inputError(problem, "metadata.tool.arguments"));
    if (decision.decision === "allow") {
      return { decision: "allow" };
    }
    if (decision.decision === "deny") {
      return denied(decision);
    }
    const reason = reasonFor(decision);
    const asked = await this.#ask(call, whose, input, decision);
    if (asked === "later") {
      return {
        refusal: decision,
        reason: `${reason}: approval requested`,
        message: "A person must approve this call.",
      };
    }
    if (asked === undefined || asked === false) {
      const because = asked === false ? "the person declined" : "no approval";
      const message = asked === false ? "The person declined this call." : "A person must approve this call.";
      return { refusal: decision, reason: `${reason}: ${because}`, message };
    }
    // Other calls may have used up a limit while the person was deciding.
    const final = await this.#decisionOf(gate, call, whose, input, { approved: true });
    if (final.decision === "deny") {
      return denied(final);
    }
    if (asked === "reported") {
      return { decision: "challenge", approval: "reported_by_client" };
    }
    const approvedBy = typeof asked === "object" ? asked.approvedBy : present(whose.on_behalf_of)?.id;
    return { decision: "challenge", approvedBy };
  }

  /** Returns the gate's decision. A gate that throws refuses the call. */
  async #decisionOf(
    gate: Gate,
    call: AgentCall<Source>,
    whose: Whose,
    input: unknown,
    context: DecisionContext = {},
  ): Promise<Decision> {
    const event = {
      action: call.action,
      ...whose,
      target: targetOf(call, call.name),
      metadata: {
        agent: this.#agentOf(call.origin),
        tool: { server: call.server, call_id: call.callId, arguments: input },
      },
    } as EventToBe;
    try {
      const { on_behalf_of: person } = whose;
      // Rules and watchlists that name the person also apply to the person's agents. The gate fails if it is missing.
      const principal = isPresent(person) ? person && { id: person.id, type: person.type } : MISSING;
      return await gate.decide(event, context, person === undefined ? undefined : { ...event, actor: principal });
    } catch (cause) {
      const error = coded(cause, "gate.failed", `the gate failed: ${cause}`, "see the cause");
      this.#failed(error);
      return { decision: "deny", by: "failure", rule: error.code, title: "The gate failed" };
    }
  }

  /** Asks a person to approve a call. Undefined if no person can be asked, or none answers in time. */
  async #ask(
    call: AgentCall<Source>,
    whose: Whose,
    input: unknown,
    refusal: Refusal,
  ): Promise<AskedApproval | undefined> {
    const { approve, approvalTimeoutMs } = this.#options;
    const request: ApprovalRequest<Source> = {
      action: call.action,
      target: targetOf(call, call.name),
      arguments: input,
      argumentsText: visibleJson(input),
      actor: actorIn(whose),
      onBehalfOf: present(whose.on_behalf_of),
      refusal,
      source: call.source,
    };
    const asking = async (): Promise<AskedApproval | undefined> => {
      const answer = await call.ask?.(request);
      // If no person is known, only the client says that one approved.
      const isReported = answer === true && request.onBehalfOf === undefined;
      return isReported ? "reported" : (answer ?? checkedApproval(await approve?.(request)));
    };
    try {
      return await within(approvalTimeoutMs, Promise.race([asking(), abortOf(call.signal)]), () => {
        const hint = "raise approvalTimeoutMs, or answer sooner";
        return new CountersignError("gate.failed", "no person answered in time", { hint });
      });
    } catch (cause) {
      this.#failed(coded(cause, "gate.failed", `the approval failed: ${cause}`, "see the cause"));
      return undefined;
    }
  }

  /** Reports once that this runtime can't give a call's scope to the events that its tool records. */
  #missStorage(): void {
    if (isStorageMissed) {
      return;
    }
    isStorageMissed = true;
    this.#failed(
      new CountersignError(
        "context.unavailable",
        "AsyncLocalStorage is not available in this runtime, so events of tools don't have the agent as their actor",
        {
          hint: "in a Worker, set the compatibility flag nodejs_compat; elsewhere, record with the result of audit.with({ actor, on_behalf_of })",
        },
      ),
    );
  }

  #agentOf({ model, provider, version }: CallOrigin) {
    return {
      model: this.#options.model ?? model,
      provider: this.#options.provider ?? provider,
      framework: this.#framework,
      version,
    };
  }

  /** Records a call. With `required`, throws if that fails. */
  async #record(ended: EndedCall<Source>): Promise<void> {
    try {
      const event = await this.#event(ended);
      const handle = this.#audit.record(event);
      if (this.#options.required) {
        await handle.stored();
      }
    } catch (cause) {
      const error = coded(cause, "recorder.failed", `the recorder failed: ${cause}`, "see the cause");
      this.#failed(error);
      if (this.#options.required) {
        throw error;
      }
    }
  }

  async #event({ call, whose, input, permission, end, durationMs }: EndedCall<Source>): Promise<AuditEvent> {
    const isRefused = "refusal" in permission;
    const { arguments: onInput = "record", results: onResult = "hash", tools, maxBytes } = this.#options;
    const own = Object.hasOwn(tools, call.name) ? tools[call.name] : undefined;
    const [given, result] = await Promise.all([
      this.#content(input, () => contentOf(input, own?.arguments ?? onInput, "record", maxBytes)),
      this.#content(end.result, () => contentOf(this.#plain(end.result), own?.result ?? onResult, "hash", maxBytes)),
    ]);
    return {
      action: call.action,
      actor: recordedActor(whose),
      on_behalf_of: present(whose.on_behalf_of),
      tenant: present(whose.tenant),
      target: targetOf({ ...call, server: boundedName(call.server) }, boundedName(call.name) ?? ""),
      outcome: isRefused ? "denied" : end.outcome,
      reason: isRefused ? reasonOf(permission.reason) : end.reason,
      metadata: {
        agent: this.#agentOf({ ...call.origin, version: boundedName(call.origin.version) }),
        tool: {
          server: boundedName(call.server),
          call_id: boundedName(call.callId),
          arguments: given.value,
          arguments_sha256: given.sha256,
          arguments_bytes: given.bytes,
          result: result.value,
          result_sha256: result.sha256,
          result_bytes: result.bytes,
          duration_ms: durationMs,
          decision: isRefused ? permission.refusal.decision : permission.decision,
          ...(isRefused || end.ran === false
            ? {}
            : { approved_by: permission.approvedBy, approval: permission.approval }),
        },
      },
      ...(isRefused ? { countersign: decided(permission.refusal) } : {}),
    };
  }

  /** Returns content; none if it can't be hashed here, such as in a page without TLS. */
  async #content(value: unknown, read: () => Promise<RecordedContent>): Promise<RecordedContent> {
    try {
      return value === undefined ? {} : await read();
    } catch (cause) {
      this.#failed(coded(cause, "webcrypto.unavailable", `content could not be hashed: ${cause}`, "see the cause"));
      return {};
    }
  }

  #failed(error: CountersignError): void {
    callOnError(this.#options.onError ?? this.#warn, error);
  }
}

/** A call that is being recorded. */
export class OpenCall {
  readonly #current: CurrentRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #record: (end: CallEnd) => Promise<void>;
  readonly #over = deferred();
  #ended: Promise<void> | undefined;
  /** The gate's refusal. Such a call must not run. */
  readonly refusal: CallRefusal | undefined;

  constructor(
    current: CurrentRequest,
    refusal: CallRefusal | undefined,
    signal: AbortSignal | undefined,
    record: (end: CallEnd) => Promise<void>,
  ) {
    this.#current = current;
    this.refusal = refusal;
    this.#signal = signal;
    this.#record = record;
    if (signal !== undefined) {
      this.#endIfAborted(signal);
    }
  }

  /** Runs work as part of the call: events recorded in it have its actor, and the person it acts for. */
  within<Result>(work: () => Result): Result {
    return this.#current.within(work);
  }

  /** Records the call once. */
  end(end: CallEnd): Promise<void> {
    this.#current.end();
    this.#over.resolve();
    const isAborted = this.#signal?.aborted === true;
    this.#ended ??= this.#record(isAborted ? { ...end, reason: end.reason ?? "the caller canceled the call" } : end);
    return this.#ended;
  }

  /**
   * Records the call without an outcome if the caller cancels it or disconnects, and it doesn't end soon after. Nothing
   * else would record a call that never ends.
   */
  #endIfAborted(signal: AbortSignal): void {
    const over = this.#over.promise;
    const onAbort = async () => {
      if (!(await settlesWithin(ABORTED_PATIENCE_MS, over))) {
        await this.end({}).catch(() => {});
      }
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener("abort", onAbort, { once: true });
    over.then(() => signal.removeEventListener("abort", onAbort));
  }
}

/** Rejects when the signal aborts. A caller that has left must not have its call approved. */
function abortOf(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new CountersignError("gate.failed", "the caller canceled the call before an answer"));
    if (signal?.aborted === true) {
      abort();
    }
    signal?.addEventListener("abort", abort, { once: true });
  });
}

function present<T>(value: T | undefined): T | undefined {
  return isPresent(value) ? value : undefined;
}

/** Returns the actor: the unknown agent if a callback failed to name one. */
function actorIn({ actor }: Whose): Actor {
  return present(actor) ?? UNKNOWN_AGENT;
}

/** Returns the actor to record. Its session is shortened, because some programs take it from the client. */
function recordedActor(whose: Whose): Actor {
  const actor = actorIn(whose);
  return typeof actor.session === "string" ? { ...actor, session: boundedName(actor.session) } : actor;
}

/**
 * Returns who makes a call whose agent nothing states: the agent whose call surrounds this one, or else an unknown agent
 * that acts for the actor of the surrounding request.
 */
function callerOf({ actor, on_behalf_of }: EventScope = {}): Caller {
  if (actor?.type === "agent") {
    return { actor, on_behalf_of };
  }
  if (actor === undefined || actor.type === "anonymous") {
    return { actor: UNKNOWN_AGENT };
  }
  const { id, type, name } = actor;
  return { actor: UNKNOWN_AGENT, on_behalf_of: { id, type, ...(name === undefined ? {} : { name }) } };
}

/** Returns the problem with arguments that JSON doesn't express as they are. */
function problemWith(input: unknown): string | undefined {
  try {
    return hasFiniteNumbers(input) ? lossOf(input) : "a number is not finite";
  } catch {
    return "reading the arguments threw an error";
  }
}

/** Returns the refusal of a denied call. */
function denied(refusal: Refusal): CallRefusal {
  const message =
    refusal.by === "input"
      ? "This call was rejected: its arguments are malformed or too large."
      : "This call was refused by policy.";
  return { refusal, reason: reasonFor(refusal), message };
}

function withType(person: AuditEvent["on_behalf_of"]): AuditEvent["on_behalf_of"] {
  return person === undefined ? undefined : { ...person, type: person.type ?? "user" };
}

/** Returns the target of a call, with its name in full for a decision, or shortened for the record. */
function targetOf(
  { action, server }: Pick<AgentCall<unknown>, "action" | "server">,
  name: string,
): NonNullable<AuditEvent["target"]> {
  const type = TARGET_TYPES[action];
  const bare = name || "?";
  return type === "tool" && server !== undefined
    ? { type, id: `${server}/${bare}`, name: bare }
    : { type, id: bare, ...(type === "resource" ? {} : { name: bare }) };
}

/** Returns an approval; undefined if the answer isn't one. Anything but `true` and a person's ID refuses the call. */
function checkedApproval(answer: unknown): AskedApproval | undefined {
  if (typeof answer === "boolean" || answer === undefined) {
    return answer;
  }
  const { approvedBy } = Object(answer) as { approvedBy?: unknown };
  return typeof approvedBy === "string" && approvedBy !== "" ? { approvedBy } : undefined;
}
