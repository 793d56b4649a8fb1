/** How often something may be asked for. */

import { isNamespace, type ObjectNamespace } from "../adapters/worker-options.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { EventToBe } from "./decision.js";

/** At most `max` events per key within any `windowMs`. */
export interface Limit {
  /** What it is called: what was refused is recorded with it. */
  name: string;
  /** Whom it counts apart, of IPv6 addresses those of one /64 together. An event without it is not counted. */
  by: "actor" | "address" | "credential" | "session" | "tenant" | ((event: EventToBe) => string | undefined);
  /** The number of events that are let through in a window, at most 10,000. */
  max: number;
  /** The length of the window in milliseconds, at most a day. */
  windowMs: number;
  /** Which events count. By default all do. */
  only?: ((event: EventToBe) => boolean) | undefined;
  /** By default `deny`. */
  decision?: "challenge" | "deny" | undefined;
  /**
   * A binding of Durable Objects, `GateLimits`: it counts exactly, whichever isolate asks. Without it each isolate or
   * process counts for itself, which is a best effort: there may be many, and one that ends forgets. Where the binding
   * that is given is not there, it is so too, and `onError` is told.
   */
  in?: ObjectNamespace | undefined;
}

const OPTIONS = ["name", "by", "max", "windowMs", "only", "decision", "in"];
/** The most that are counted apart by one limit in memory. */
const KEYS = 10_000;
/** How long an object has for its answer. */
const PATIENCE = 1_000;

/** Counts by one limit. */
export class Counting {
  readonly limit: Limit;
  readonly #hits = new Map<string, Hits>();

  constructor(given: Limit) {
    const limit = ownOptions(given, OPTIONS, "limits");
    this.limit = limit;
    const { name, by, max, windowMs, only, decision, in: objects } = limit;
    const isWhole = (value: unknown, least: number, greatest: number) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest;
    for (const [member, isRight, hint] of [
      ["name", typeof name === "string" && name !== "" && name.length <= 128, "a name of at most 128 characters"],
      ["by", typeof by === "function" || Object.hasOwn(BY, by ?? ""), `${Object.keys(BY).join(", ")} or a function`],
      ["max", isWhole(max, 1, 10_000), "a whole number from 1 to 10,000"],
      ["windowMs", isWhole(windowMs, 1, 86_400_000), "milliseconds, at most a day"],
      ["only", only === undefined || typeof only === "function", "a function: (event) => true where it counts"],
      ["decision", decision === undefined || ["challenge", "deny"].includes(decision), "challenge or deny"],
      [
        "in",
        objects === undefined || isNamespace(Object(objects)),
        "a binding of GateLimits of countersign/cloudflare",
      ],
    ] as const) {
      must(isRight, `limits.${member}`, `a limit's ${member} cannot be used`, hint);
    }
  }

  /** Whether an object was to count, and its binding is not there. */
  get isUnbound(): boolean {
    return "in" in this.limit && this.limit.in === undefined;
  }

  /** One more, where the limit is about this event. */
  count(event: EventToBe, now: number): Counted | Promise<Counted> | undefined {
    const { by, only, in: objects, name, max, windowMs } = this.limit;
    const whose = (typeof by === "function" ? by(event) : BY[by](event)) ?? "";
    must(typeof whose === "string", "limits.by", `by of ${name} gave no text`, "give whom it counts, at once: a text");
    if (whose === "" || only?.(event) === false) {
      return undefined;
    }
    return objects === undefined ? this.#here(whose, now) : inObject(objects, `${name}\n${whose}`, max, windowMs);
  }

  #here(whose: string, now: number): Counted {
    const { max, windowMs } = this.limit;
    const hits = this.#hits.get(whose) ?? new Hits(max, windowMs);
    // The last in the map is the one that asked last.
    this.#hits.delete(whose);
    this.#hits.set(whose, hits);
    if (this.#hits.size > KEYS) {
      const [first] = this.#hits.keys();
      this.#hits.delete(first as string);
    }
    return hits.take(now);
  }
}

const BY: Record<Exclude<Limit["by"], (event: EventToBe) => unknown>, (event: EventToBe) => string | undefined> = {
  actor: ({ actor }) => actor?.id,
  address: ({ context }) => context?.ip && networkOf(context.ip),
  credential: ({ actor }) => actor?.credential,
  session: ({ actor }) => actor?.session,
  tenant: ({ tenant }) => tenant,
};

/** An address of IPv4, or of IPv6 the /64 that whoever has one of its addresses mostly has all of. */
function networkOf(ip: string): string {
  if (!ip.includes(":") || ip.includes(".")) {
    return ip;
  }
  const [head = [], tail] = ip.split("::").map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - head.length - tail.length);
  const groups = [...head, ...Array(zeros).fill("0"), ...(tail ?? [])].map((group) => Number.parseInt(group, 16));
  const isOfIpv4 = groups.findIndex((group) => group !== 0) === 5 && groups[5] === 0xffff;
  return isOfIpv4 ? ip : groups.slice(0, 4).join(":");
}

async function inObject(objects: ObjectNamespace, name: string, max: number, windowMs: number): Promise<Counted> {
  const stub = objects.get(objects.idFromName(name) as never);
  const response = await stub.fetch("https://countersign.internal/take", {
    method: "POST",
    body: JSON.stringify({ max, windowMs }),
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!response.ok) {
    throw new CountersignError("gate.failed", `the limit's object answered with status ${response.status}`, {
      hint: "is the binding one of GateLimits of countersign/cloudflare?",
    });
  }
  return (await response.json()) as Counted;
}

/** What a limit says of one more. */
export interface Counted {
  readonly isAllowed: boolean;
  /** When there is room again, in milliseconds. */
  readonly until: number;
}

/** Lets through at most so many in any stretch of time so long. What is refused does not count. */
export class Hits {
  readonly #max: number;
  readonly #windowMs: number;
  /** Oldest first, from `#from` on. */
  #times: number[] = [];
  #from = 0;

  constructor(max: number, windowMs: number, times: readonly number[] = []) {
    this.#max = max;
    this.#windowMs = windowMs;
    this.#times = [...times];
  }

  /** One more, now. */
  take(now: number): Counted {
    this.#forget(now - this.#windowMs);
    if (this.#times.length - this.#from >= this.#max) {
      const oldest = this.#times[this.#times.length - this.#max] ?? now;
      return { isAllowed: false, until: oldest + this.#windowMs + 1 };
    }
    // A clock that is set back makes no room.
    const last = this.#times.at(-1) ?? now;
    this.#times.push(Math.max(now, last));
    return { isAllowed: true, until: now };
  }

  /** When it let something through last. */
  get last(): number {
    return this.#times.at(-1) ?? 0;
  }

  /** Forgets what was at that moment or before. */
  #forget(moment: number): void {
    while (this.#from < this.#times.length && (this.#times[this.#from] as number) < moment) {
      this.#from += 1;
    }
    if (this.#from > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#from);
      this.#from = 0;
    }
  }
}
