/** The gate: decides on events before they are recorded. */

import type { CompiledModule, ModuleSource } from "../artifact/load.js";
import { canonical } from "../canonical.js";
import { CountersignError, callOnError, consoleReporter, must, mustCall, refused } from "../error.js";
import { ownOptions } from "../known.js";
import { ownFields } from "../own.js";
import { settlesWithin } from "../timers.js";
import type { Gate as CoreGate } from "../wasm/gate.js";
import { asCoded, type Core, encoder, loader, Room } from "./core.js";
import {
  ALLOW,
  type Answer,
  type Decision,
  defaultAnswer,
  type EventToBe,
  mustHaveStringIds,
  type OwnAnswer,
  type Refusal,
  readAnswer,
  rejection,
} from "./decision.js";
import type { HitResult } from "./hits.js";
import { isInputError, judgedText } from "./input.js";
import { type Limit, LimitCounter } from "./limits.js";
import type { WatchlistOptions } from "./watchlist.js";
import { WatchlistClient } from "./watchlist-client.js";

/** Options of a gate. */
export interface GateOptions {
  /**
   * The rules: the output of `countersign rules build`, as text or as a parsed JSON object. A gate applies the rules
   * with `countersign.decision` that judge each event individually.
   *
   * @example
   * ```ts
   * pack: await readFile("pack.json", "utf8")
   * ```
   */
  pack: string | object;
  /**
   * Behavior if the gate can't decide, because there is no valid watchlist or a part of the gate failed. With `"open"`,
   * the remaining checks decide; with `"closed"`, everything is refused except what a rule exempts. Input that can't be
   * judged, such as an event of more than 256 KiB, is rejected in both modes.
   *
   * @example
   * ```ts
   * fail: "closed"
   * ```
   */
  fail: "open" | "closed";
  /**
   * A watchlist of actors and addresses refused because of findings.
   *
   * @default none
   * @example
   * ```ts
   * watchlist: { url: "https://log.example/watchlist", key: process.env.WATCH_KEY }
   * ```
   */
  watchlist?: WatchlistOptions | undefined;
  /**
   * Rate limits.
   *
   * @default none
   * @example
   * ```ts
   * limits: [{ name: "logins", by: "address", max: 10, windowMs: 60_000 }]
   * ```
   */
  limits?: readonly Limit[] | undefined;
  /**
   * Returns the response for a refused request, synchronously; `undefined` for the default.
   *
   * @default 401 for a challenge, 429 for a limit, 400 for input that can't be judged, 503 if the gate fails closed, and
   *   403 otherwise
   * @example
   * ```ts
   * respond: ({ decision }) => ({ status: decision === "challenge" ? 401 : 404 })
   * ```
   */
  respond?: ((refusal: Refusal) => OwnAnswer | undefined) | undefined;
  /**
   * Called with failures, and with events that can't be judged.
   *
   * @default `console.warn`, without repeating the same error code in a row
   * @example
   * ```ts
   * onError: ({ code, message }) => logger.error({ code }, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
  /**
   * The compiled WebAssembly module, in runtimes that only accept modules: `import module from
   * "countersign/gate.wasm"`.
   *
   * @default the package loads its own module
   * @example
   * ```ts
   * module // import module from "countersign/gate.wasm"
   * ```
   */
  module?: CompiledModule | undefined;
}

/** The context of the request that waits for a decision. */
export interface DecisionContext {
  /** Keeps the runtime alive for work after the response: `ctx.waitUntil`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
  /**
   * True if a person has approved the challenged event: it is allowed unless something denies it, and limits count it.
   *
   * @default false
   */
  approved?: boolean | undefined;
}

/** A snapshot of a gate's state. */
export interface GateStatus {
  /** The pack's hash and the number of its rules that apply; undefined before it is loaded. */
  readonly pack: { readonly hash: string; readonly rules: number } | undefined;
  /** The current watchlist: when it was made, and until when it is valid. */
  readonly watchlist:
    | { readonly sequence: number; readonly entries: number; readonly made: Date; readonly until: Date }
    | undefined;
  /** Counting mode of each limit: `exact`, or `best-effort` if each isolate or process counts separately. */
  readonly limits: readonly { readonly name: string; readonly counts: "exact" | "best-effort" }[];
  readonly lastError: CountersignError | undefined;
}

/** Decides on events before they are recorded. */
export interface Gate {
  /**
   * Decides on an event before it happens. Synchronous unless something has to be fetched, or a key of a limit is long.
   * If `others` are given, other interpretations of the same request, all events must be allowed.
   *
   * The strictest of all rules, lists, and limits decides. Limits don't count an event that is challenged; if it happens
   * after a person's approval, decide again with `approved`.
   */
  decide(
    event: EventToBe,
    decisionContext?: DecisionContext,
    ...others: (EventToBe | undefined)[]
  ): Decision | Promise<Decision>;
  /** Returns the response for a refusal. */
  answer(refusal: Refusal): Answer;
  /**
   * Loads the rules and fetches the watchlist, so that the first request need not wait. Rejects if the pack is invalid.
   */
  ready(): Promise<void>;
  status(): GateStatus;
}

const OPTIONS = ["pack", "fail", "watchlist", "limits", "respond", "onError", "module"];

/** Events to decide on together. */
interface Subject {
  readonly events: readonly EventToBe[];
  readonly isApproved: boolean;
}

/** The application of a limit. A preview only finds out whether the limit refuses. */
interface LimitStep {
  readonly counter: LimitCounter;
  readonly isPreview: boolean;
}

interface Loaded {
  readonly core: Core;
  readonly gate: CoreGate;
  readonly room: Room;
}

/** Builds `gate` for a way to load the WebAssembly module. `now` is the clock, in milliseconds since the epoch. */
export function gating(source: ModuleSource, now: () => number = () => Date.now()): (options: GateOptions) => Gate {
  return (options) => new LocalGate(source, options, now);
}

class LocalGate implements Gate {
  readonly #options: GateOptions;
  readonly #load: () => Promise<Core>;
  readonly #now: () => number;
  readonly #watchlist: WatchlistClient | undefined;
  readonly #counters: readonly LimitCounter[];
  /** First the previews, then all limits. */
  readonly #steps: readonly LimitStep[];
  #loaded: Loaded | undefined;
  #lastError: CountersignError | undefined;
  #warn = consoleReporter();

  constructor(source: ModuleSource, input: GateOptions, now: () => number) {
    const options = Object(input) === input ? ownFields(input, OPTIONS) : input;
    const isPack = typeof options?.pack === "string" || (typeof options?.pack === "object" && options.pack !== null);
    must(isPack, "pack", "`pack` is required: the gate's rules", "pass the output of `npx countersign rules build`");
    const which = 'set it to "open" to allow requests that the gate can\'t decide, or to "closed" to refuse them';
    must(options.fail === "open" || options.fail === "closed", "fail", '`fail` must be "open" or "closed"', which);
    ownOptions(input, OPTIONS);
    mustCall(options, "respond", "onError");
    const { module } = options;
    // `instanceof` doesn't work across realms.
    const isModule = module === undefined || Object.prototype.toString.call(module) === "[object WebAssembly.Module]";
    must(
      isModule,
      "module",
      "`module` must be a compiled WebAssembly module",
      'pass the import of "countersign/gate.wasm", if your bundler makes it a module',
    );
    this.#options = options;
    this.#now = now;
    this.#load = loader(options.module ?? source);
    this.#watchlist = options.watchlist && new WatchlistClient(options.watchlist, this.#now);
    const { limits = [] } = options;
    must(Array.isArray(limits), "limits", "`limits` must be an array", "pass limits: [{ name, by, max, windowMs }]");
    this.#counters = limits.map((limit) => new LimitCounter(limit));
    // Otherwise, events that a limit refuses would use up the earlier limits. The first one needs no request for that.
    const previewed = limits.length > 1 ? this.#counters.filter(({ limit }, nth) => nth > 0 || !limit.in) : [];
    this.#steps = [
      ...previewed.map((counter) => ({ counter, isPreview: true })),
      ...this.#counters.map((counter) => ({ counter, isPreview: false })),
    ];
    const names = new Set(limits.map(({ name }) => name));
    const own = "give each limit a unique name, because refusals are recorded and counted by name";
    must(names.size === limits.length, "limits.name", "two limits have the same name", own);
    const unbound = this.#counters.filter(({ isUnbound }) => isUnbound).map(({ limit }) => limit.name);
    if (unbound.length > 0) {
      this.#report(notBound(unbound));
    }
  }

  decide(
    event: EventToBe,
    decisionContext: DecisionContext = {},
    ...others: (EventToBe | undefined)[]
  ): Decision | Promise<Decision> {
    const subject: Subject = {
      events: [event, ...others.filter((other) => other !== undefined)],
      isApproved: decisionContext.approved === true,
    };
    const loaded = this.#loaded;
    if (loaded === undefined) {
      return this.#decideLater(subject);
    }
    const watchlist = this.#watchlist;
    if (watchlist === undefined) {
      return this.#decide(loaded, subject);
    }
    const now = this.#now();
    if (watchlist.isDue(loaded.gate, now)) {
      const refresh = this.#refresh(loaded, watchlist);
      if (!watchlist.suffices(loaded.gate, now)) {
        return settlesWithin(watchlist.maxWaitMs, refresh).then(() => this.#decide(loaded, subject));
      }
      decisionContext.waitUntil?.(refresh);
    }
    return this.#decide(loaded, subject, now);
  }

  answer(refusal: Refusal): Answer {
    try {
      const answer = this.#options.respond?.(refusal);
      if (answer !== undefined) {
        return readAnswer(answer);
      }
    } catch (error) {
      this.#report(asCoded(error));
    }
    return defaultAnswer(refusal, this.#now());
  }

  async ready(): Promise<void> {
    const loaded = await this.#start();
    if (this.#watchlist !== undefined && !this.#watchlist.holds(loaded.gate, this.#now())) {
      await this.#refresh(loaded, this.#watchlist);
    }
  }

  status(): GateStatus {
    const gate = this.#loaded?.gate;
    return {
      pack: gate && { hash: gate.pack, rules: gate.rules },
      watchlist:
        gate === undefined || gate.listUntil === 0
          ? undefined
          : {
              sequence: gate.listSequence,
              entries: gate.listEntries,
              made: new Date(gate.listMade),
              until: new Date(gate.listUntil),
            },
      limits: this.#counters.map(({ limit }) => ({
        name: limit.name,
        counts: limit.in === undefined ? "best-effort" : "exact",
      })),
      lastError: this.#watchlist?.error ?? this.#lastError,
    };
  }

  async #start(): Promise<Loaded> {
    const core = await this.#load();
    if (this.#loaded === undefined) {
      const { pack } = this.#options;
      try {
        const gate = read(core, typeof pack === "string" ? JSON.parse(pack) : pack);
        this.#loaded = { core, gate, room: new Room(core, gate) };
      } catch (error) {
        throw error instanceof SyntaxError ? notJson(error) : asCoded(error);
      }
    }
    return this.#loaded;
  }

  async #decideLater(subject: Subject): Promise<Decision> {
    let loaded: Loaded;
    try {
      loaded = await this.#start();
    } catch (error) {
      return this.#failed(asCoded(error)) ?? this.#applyLimits(subject, undefined);
    }
    const watchlist = this.#watchlist;
    if (watchlist?.isDue(loaded.gate, this.#now())) {
      await settlesWithin(watchlist.maxWaitMs, this.#refresh(loaded, watchlist));
    }
    return this.#decide(loaded, subject);
  }

  /** Fetches the watchlist and reports a failure. */
  async #refresh({ core, gate }: Loaded, watchlist: WatchlistClient): Promise<void> {
    await watchlist.refresh(core, gate);
    if (watchlist.error !== undefined) {
      this.#callOnError(watchlist.error);
    } else {
      this.#warn = consoleReporter();
    }
  }

  #decide({ gate, room }: Loaded, subject: Subject, at?: number): Decision | Promise<Decision> {
    const { events, isApproved } = subject;
    let excepted = 0;
    let challenge: Refusal | undefined;
    // If the clock throws, no list counts as valid.
    let now = Number.NaN;
    let failed: CountersignError | undefined;
    try {
      now = at ?? this.#now();
      for (const event of events) {
        const decided = gate.decide(room.write(judgedText(event)), now);
        if (decided === undefined) {
          continue;
        }
        const { until, ...refusal } = JSON.parse(decided);
        if (refusal.decision === "allow") {
          excepted += 1;
          continue;
        }
        const by = refusal.finding === undefined ? "rule" : "watchlist";
        const found: Refusal = { ...refusal, by, ...(until === undefined ? {} : { until: new Date(until) }) };
        if (found.decision === "deny") {
          return found;
        }
        challenge ??= found;
      }
      if (excepted === events.length) {
        return ALLOW;
      }
      events.forEach(mustHaveStringIds);
    } catch (error) {
      failed = asCoded(error);
    }
    let refusal = failed && this.#failed(failed, gate);
    if (this.#watchlist !== undefined && !this.#watchlist.holds(gate, now)) {
      const error = this.#watchlist.error ?? stale();
      this.#callOnError(error);
      refusal ??= this.#failing(error, gate);
    }
    return refusal ?? this.#applyLimits(subject, gate, isApproved ? undefined : challenge);
  }

  /**
   * Applies the limits. Returns the first denial, or else the first challenge, counting the one that is passed. A
   * refused event isn't counted: what limits counted before the refusal, which happens if other requests were counted
   * after the previews, is undone.
   */
  #applyLimits(
    subject: Subject,
    gate: CoreGate | undefined,
    passed?: Refusal,
    from = 0,
    undos: (() => unknown)[] = [],
  ): Decision | Promise<Decision> {
    let challenge = passed;
    for (let nth = from; nth < this.#steps.length; nth += 1) {
      const { counter, isPreview } = this.#steps[nth] as LimitStep;
      if (isPreview && challenge !== undefined) {
        continue;
      }
      const failed = (error: unknown) => (isPreview ? undefined : this.#failed(asCoded(error), gate));
      const judged = (result: HitResult) => {
        // After a challenge in a preview, the limit is asked again.
        if (result.problem !== undefined && !(isPreview && counter.limit.decision === "challenge")) {
          this.#report(result.problem);
        }
        if (result.undo !== undefined) {
          undos.push(result.undo);
        }
        return refusalOf(counter.limit, result, gate);
      };
      let refusal: Refusal | undefined;
      try {
        const isCounted = !isPreview && challenge === undefined;
        const counted = this.#hit(counter, subject.events, isCounted);
        if (counted instanceof Promise) {
          return counted
            .then(judged)
            .catch(failed)
            .then((late) =>
              late?.decision === "deny"
                ? this.#undo(undos, late)
                : this.#applyLimits(
                    subject,
                    gate,
                    challenge ?? (subject.isApproved ? undefined : late),
                    nth + 1,
                    undos,
                  ),
            );
        }
        refusal = counted && judged(counted);
      } catch (error) {
        refusal = failed(error);
      }
      if (refusal?.decision === "deny") {
        return this.#undo(undos, refusal);
      }
      challenge ??= subject.isApproved ? undefined : refusal;
    }
    return challenge === undefined ? ALLOW : this.#undo(undos, challenge);
  }

  /** Removes what limits counted for a refused event. */
  #undo(undos: readonly (() => unknown)[], refusal: Refusal): Refusal | Promise<Refusal> {
    const pending = undos.map((undo) => undo()).filter((result) => result instanceof Promise);
    const failed = (error: unknown) => this.#report(asCoded(error));
    return pending.length === 0
      ? refusal
      : Promise.all(pending)
          .catch(failed)
          .then(() => refusal);
  }

  /** Counts a request once, even if it has several interpretations. If `isCounted` is false, only says if there is room. */
  #hit(
    counter: LimitCounter,
    events: readonly EventToBe[],
    isCounted: boolean,
  ): HitResult | Promise<HitResult> | undefined {
    for (const event of events) {
      const hit = counter.hit(event, this.#now(), isCounted);
      if (hit !== undefined) {
        return hit;
      }
    }
    return undefined;
  }

  /**
   * Reports a failure, or input that can't be judged. Returns the refusal of such input, or if the gate fails closed;
   * otherwise the remaining checks decide.
   */
  #failed(error: CountersignError, gate?: CoreGate): Refusal | undefined {
    this.#report(error);
    return isInputError(error) ? rejection(error, gate?.pack) : this.#failing(error, gate);
  }

  #failing(error: CountersignError, gate?: CoreGate): Refusal | undefined {
    return this.#options.fail === "open"
      ? undefined
      : { decision: "deny", by: "failure", rule: error.code, title: "The gate failed", pack: gate?.pack };
  }

  #report(error: CountersignError): void {
    this.#lastError = error;
    this.#callOnError(error);
  }

  #callOnError(error: CountersignError): void {
    callOnError(this.#options.onError ?? this.#warn, error);
  }
}

/** Returns the refusal of a limit; undefined if there is room. */
function refusalOf(limit: Limit, { isAllowed, until }: HitResult, gate: CoreGate | undefined): Refusal | undefined {
  return isAllowed
    ? undefined
    : {
        decision: limit.decision ?? "deny",
        by: "limit",
        rule: limit.name,
        pack: gate?.pack,
        until: new Date(until),
      };
}

function notBound(limits: readonly string[]): CountersignError {
  const message = `limits without their Durable Object binding are counted per isolate: ${limits.join(", ")}`;
  const binding = `"durable_objects": { "bindings": [{ "name": "LIMITS", "class_name": "GateLimits" }] }`;
  return refused("limits.in", message, `add to wrangler.jsonc: ${binding}; or omit \`in\` if a best effort is enough`);
}

function stale(): CountersignError {
  return new CountersignError("watchlist.stale", "there is no valid watchlist", {
    hint: "check that `countersign watch --watchlist` is running and that its file is served",
  });
}

function notJson(cause: SyntaxError): CountersignError {
  return new CountersignError("pack.invalid", "the pack is not valid JSON", {
    hint: "pass the output of `npx countersign rules build`",
    cause,
  });
}

/** Loads a pack. Packs are built in canonical form, so the slow conversion is only a fallback. */
function read(core: Core, pack: object): CoreGate {
  try {
    return new core.Gate(encoder.encode(JSON.stringify(pack)));
  } catch {
    return new core.Gate(encoder.encode(canonical(pack)));
  }
}
