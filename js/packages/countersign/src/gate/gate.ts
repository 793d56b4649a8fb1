/** Decides on events before they are recorded. */

import type { CompiledModule, ModuleSource } from "../artifact/load.js";
import { CountersignError, must, mustCall, refused, tell, teller } from "../error.js";
import { ownOptions } from "../known.js";
import { ownFields } from "../own.js";
import { comesWithin } from "../timers.js";
import type { Gate as CoreGate } from "../wasm/gate.js";
import { asCoded, type Core, encoder, loader, Room } from "./core.js";
import {
  ALLOW,
  type Answer,
  type Decision,
  defaultAnswer,
  type EventToBe,
  mustTell,
  type OwnAnswer,
  type Refusal,
  readAnswer,
} from "./decision.js";
import { Counting, type Limit } from "./limits.js";
import { Watching } from "./watching.js";
import type { WatchlistOptions } from "./watchlist.js";

/** How a gate decides. */
export interface GateOptions {
  /**
   * The rules: what `countersign rules build` writes, as text or as the object that a bundler makes of it. Those decide
   * that say `countersign.decision` and look at each event by itself.
   */
  pack: string | object;
  /**
   * What happens where the gate cannot decide, for want of a watchlist that holds or because something failed: with
   * `open` the rest decides, and with `closed` nothing goes on but what a rule excepts.
   */
  fail: "open" | "closed";
  /** Whom findings have refused. */
  watchlist?: WatchlistOptions | undefined;
  /** How often something may be asked for. */
  limits?: readonly Limit[] | undefined;
  /** What is answered to what is refused. By default 403, 401 to a challenge, 429 to a limit, and 503 where the gate fails closed. */
  respond?: ((refusal: Refusal) => OwnAnswer | undefined) | undefined;
  /** Told of what failed. By default it is a warning on the console, once until something else fails. */
  onError?: ((error: CountersignError) => void) | undefined;
  /** The artifact, where the runtime takes WebAssembly only as a module: `import module from "countersign/gate.wasm"`. */
  module?: CompiledModule | undefined;
}

/** Who waits for a decision. */
export interface Asking {
  /** What the runtime has for work that goes on after the answer: `ctx.waitUntil`. */
  waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** What there is to know of a gate. */
export interface GateStatus {
  /** The pack's hash, and how many of its rules decide; nothing before it is loaded. */
  readonly pack: { readonly hash: string; readonly rules: number } | undefined;
  /** The list that counts, and when it no longer holds. */
  readonly watchlist:
    | { readonly sequence: number; readonly entries: number; readonly made: Date; readonly until: Date }
    | undefined;
  /** How each limit counts: exactly, or as a best effort for this isolate or process alone. */
  readonly limits: readonly { readonly name: string; readonly counts: "exact" | "best-effort" }[];
  readonly lastError: CountersignError | undefined;
}

/** Decides on events before they are recorded. */
export interface Gate {
  /**
   * What becomes of what an event says, as far as it is known before it is done. At once, where nothing has to be fetched.
   * With another event, which the program may take it for, it goes on if both do.
   */
  decide(event: EventToBe, asking?: Asking, other?: EventToBe): Decision | Promise<Decision>;
  /** What is answered to what was refused. */
  answer(refusal: Refusal): Answer;
  /** Loads the rules and fetches the watchlist, so that the first request need not wait. Throws for a pack that cannot be used. */
  ready(): Promise<void>;
  status(): GateStatus;
}

const OPTIONS = ["pack", "fail", "watchlist", "limits", "respond", "onError", "module"];

interface Loaded {
  readonly core: Core;
  readonly gate: CoreGate;
  readonly room: Room;
}

/** Makes `gate`, for a runtime that loads the artifact so. `now` is the clock: milliseconds from the epoch. */
export function gating(source: ModuleSource, now: () => number = () => Date.now()): (options: GateOptions) => Gate {
  return (options) => new LocalGate(source, options, now);
}

class LocalGate implements Gate {
  readonly #options: GateOptions;
  readonly #load: () => Promise<Core>;
  readonly #now: () => number;
  readonly #watching: Watching | undefined;
  readonly #counting: readonly Counting[];
  #loaded: Loaded | undefined;
  #lastError: CountersignError | undefined;
  #warn = teller();

  constructor(source: ModuleSource, given: GateOptions, now: () => number) {
    const options = Object(given) === given ? ownFields(given, OPTIONS) : given;
    const isPack = typeof options?.pack === "string" || (typeof options?.pack === "object" && options.pack !== null);
    must(isPack, "pack", "no rules", "gate({ pack, fail }): what `countersign rules build` writes");
    const which = '"open" lets through what the gate cannot decide, and "closed" refuses it: which is it to be?';
    must(options.fail === "open" || options.fail === "closed", "fail", "how the gate fails is not said", which);
    ownOptions(given, OPTIONS);
    mustCall(options, "respond", "onError");
    const { module } = options;
    // One of another realm is none by `instanceof`.
    const isModule = module === undefined || Object.prototype.toString.call(module) === "[object WebAssembly.Module]";
    must(
      isModule,
      "module",
      "no compiled WebAssembly",
      'import module from "countersign/gate.wasm", where that gives a module',
    );
    this.#options = options;
    this.#now = now;
    this.#load = loader(options.module ?? source);
    this.#watching = options.watchlist && new Watching(options.watchlist, this.#now);
    const { limits = [] } = options;
    must(Array.isArray(limits), "limits", "these are no limits", "give a list: limits: [{ name, by, max, windowMs }]");
    this.#counting = limits.map((limit) => new Counting(limit));
    const names = new Set(limits.map(({ name }) => name));
    const own = "give each a name of its own: what is refused is recorded with it, and an object counts by it";
    must(names.size === limits.length, "limits.name", "two limits have one name", own);
    const unbound = this.#counting.filter(({ isUnbound }) => isUnbound).map(({ limit }) => limit.name);
    if (unbound.length > 0) {
      this.#report(notBound(unbound));
    }
  }

  decide(event: EventToBe, asking: Asking = {}, other?: EventToBe): Decision | Promise<Decision> {
    const events = other === undefined ? [event] : [event, other];
    const loaded = this.#loaded;
    if (loaded === undefined) {
      return this.#decideLater(events);
    }
    const watching = this.#watching;
    if (watching === undefined) {
      return this.#decide(loaded, events);
    }
    const now = this.#now();
    if (watching.isDue(loaded.gate, now)) {
      const refresh = this.#refresh(loaded, watching);
      if (!watching.suffices(loaded.gate, now)) {
        return comesWithin(watching.maxWaitMs, refresh).then(() => this.#decide(loaded, events));
      }
      asking.waitUntil?.(refresh);
    }
    return this.#decide(loaded, events, now);
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
    if (this.#watching !== undefined && !this.#watching.holds(loaded.gate, this.#now())) {
      await this.#refresh(loaded, this.#watching);
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
      limits: this.#counting.map(({ limit }) => ({
        name: limit.name,
        counts: limit.in === undefined ? "best-effort" : "exact",
      })),
      lastError: this.#watching?.error ?? this.#lastError,
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

  async #decideLater(events: readonly EventToBe[]): Promise<Decision> {
    let loaded: Loaded;
    try {
      loaded = await this.#start();
    } catch (error) {
      return this.#failed(asCoded(error)) ?? this.#count(events, undefined, 0);
    }
    const watching = this.#watching;
    if (watching?.isDue(loaded.gate, this.#now())) {
      await comesWithin(watching.maxWaitMs, this.#refresh(loaded, watching));
    }
    return this.#decide(loaded, events);
  }

  /** Waits for what is fetched no longer than a request may. */
  async #refresh({ core, gate }: Loaded, watching: Watching): Promise<void> {
    await watching.refresh(core, gate);
    if (watching.error !== undefined) {
      this.#tell(watching.error);
    } else {
      this.#warn = teller();
    }
  }

  #decide({ gate, room }: Loaded, events: readonly EventToBe[], at?: number): Decision | Promise<Decision> {
    let excepted = 0;
    // Where the clock fails, no list holds.
    let now = Number.NaN;
    let failed: CountersignError | undefined;
    try {
      now = at ?? this.#now();
      for (const event of events) {
        const said = gate.decide(room.write(JSON.stringify(event)), now);
        if (said === undefined) {
          continue;
        }
        const { until, ...refusal } = JSON.parse(said);
        if (refusal.decision !== "allow") {
          const by = refusal.finding === undefined ? "rule" : "watchlist";
          return { ...refusal, by, ...(until === undefined ? {} : { until: new Date(until) }) };
        }
        excepted += 1;
      }
      if (excepted === events.length) {
        return ALLOW;
      }
      events.forEach(mustTell);
    } catch (error) {
      failed = asCoded(error);
    }
    let refusal = failed && this.#failed(failed, gate);
    if (this.#watching !== undefined && !this.#watching.holds(gate, now)) {
      const error = this.#watching.error ?? stale();
      this.#tell(error);
      refusal ??= this.#failing(error, gate);
    }
    return refusal ?? this.#count(events, gate, 0);
  }

  /** By each limit from this one on. */
  #count(events: readonly EventToBe[], gate: CoreGate | undefined, from: number): Decision | Promise<Decision> {
    for (let nth = from; nth < this.#counting.length; nth += 1) {
      const counting = this.#counting[nth] as Counting;
      const judged = ({ isAllowed, until }: { isAllowed: boolean; until: number }): Refusal | undefined =>
        isAllowed
          ? undefined
          : {
              decision: counting.limit.decision ?? "deny",
              by: "limit",
              rule: counting.limit.name,
              pack: gate?.pack,
              until: new Date(until),
            };
      let counted: ReturnType<Counting["count"]>;
      try {
        // An event counts once, however it is taken.
        const [first, second] = events;
        counted = first && (counting.count(first, this.#now()) ?? (second && counting.count(second, this.#now())));
      } catch (error) {
        const refusal = this.#failed(asCoded(error), gate);
        if (refusal !== undefined) {
          return refusal;
        }
        continue;
      }
      if (counted instanceof Promise) {
        return counted
          .then(judged)
          .catch((error) => this.#failed(asCoded(error), gate))
          .then((refusal) => refusal ?? this.#count(events, gate, nth + 1));
      }
      const refusal = counted && judged(counted);
      if (refusal !== undefined) {
        return refusal;
      }
    }
    return ALLOW;
  }

  /** The refusal where it is to fail closed; with nothing, the rest decides. */
  #failed(error: CountersignError, gate?: CoreGate): Refusal | undefined {
    this.#report(error);
    return this.#failing(error, gate);
  }

  #failing(error: CountersignError, gate?: CoreGate): Refusal | undefined {
    return this.#options.fail === "open"
      ? undefined
      : { decision: "deny", by: "failure", rule: error.code, title: "the gate could not decide", pack: gate?.pack };
  }

  #report(error: CountersignError): void {
    this.#lastError = error;
    this.#tell(error);
  }

  #tell(error: CountersignError): void {
    tell(this.#options.onError ?? this.#warn, error);
  }
}

function notBound(limits: readonly string[]): CountersignError {
  const message = `no object counts by ${limits.join(", ")}, but each isolate for itself: the binding is not there`;
  const binding = `"durable_objects": { "bindings": [{ "name": "LIMITS", "class_name": "GateLimits" }] }`;
  return refused("limits.in", message, `in wrangler.jsonc: ${binding}; or leave \`in\` out, where that will do`);
}

function stale(): CountersignError {
  return new CountersignError("watchlist.stale", "there is no watchlist that holds", {
    hint: "is what makes it running, and its address served?",
  });
}

function notJson(cause: SyntaxError): CountersignError {
  return new CountersignError("pack.invalid", "the pack is no JSON", {
    hint: "give what `countersign rules build` writes",
    cause,
  });
}

/** Reads a pack. As it was built it is in canonical form already, which takes long to make. */
function read(core: Core, pack: object): CoreGate {
  try {
    return new core.Gate(encoder.encode(JSON.stringify(pack)));
  } catch {
    return new core.Gate(encoder.encode(canonical(pack)));
  }
}

/** The value's canonical text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join()}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join()}}`;
  }
  return JSON.stringify(value);
}
