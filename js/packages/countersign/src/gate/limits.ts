/** Rate limits of a gate. */

import { isNamespace, type ObjectNamespace } from "../adapters/worker-options.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import type { EventToBe } from "./decision.js";

/** A rate limit: allows at most `max` events per key within any `windowMs`. */
export interface Limit {
  /** The limit's name. Refusals are recorded with it. */
  name: string;
  /** The key to count by. IPv6 addresses count per /64. Events without a key are not counted. */
  by: "actor" | "address" | "credential" | "session" | "tenant" | ((event: EventToBe) => string | undefined);
  /** Number of events allowed per window, from 1 to 10,000. */
  max: number;
  /** Length of the window in milliseconds, at most a day. */
  windowMs: number;
  /**
   * Selects the events that count.
   *
   * @default all events
   */
  only?: ((event: EventToBe) => boolean) | undefined;
  /**
   * The decision when the limit is exceeded.
   *
   * @default "deny"
   */
  decision?: "challenge" | "deny" | undefined;
  /**
   * A Durable Object namespace of `GateLimits`, which counts exactly across isolates. Without it, each isolate or
   * process counts separately and forgets its counts when it ends. If the binding passed here is missing (`undefined`),
   * the limit falls back to that, and `onError` is called.
   */
  in?: ObjectNamespace | undefined;
}

const OPTIONS = ["name", "by", "max", "windowMs", "only", "decision", "in"];
/** Maximum number of keys that a limit counts in memory. */
const MAX_KEYS = 10_000;
/** Timeout of a request to a Durable Object, in milliseconds. */
const OBJECT_TIMEOUT_MS = 1_000;

/** Counts events for one limit. */
export class LimitCounter {
  readonly limit: Limit;
  readonly #hits = new Map<string, Hits>();

  constructor(input: Limit) {
    const limit = ownOptions(input, OPTIONS, "limits");
    this.limit = limit;
    const { name, by, max, windowMs, only, decision, in: objects } = limit;
    const isWhole = (value: unknown, least: number, greatest: number) =>
      Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest;
    for (const [member, isRight, hint] of [
      [
        "name",
        typeof name === "string" && name !== "" && name.length <= 128,
        "set it to a string of 1 to 128 characters",
      ],
      [
        "by",
        typeof by === "function" || Object.hasOwn(BY, by ?? ""),
        `set it to ${Object.keys(BY).join(", ")}, or a function`,
      ],
      ["max", isWhole(max, 1, 10_000), "set it to a whole number from 1 to 10,000"],
      ["windowMs", isWhole(windowMs, 1, 86_400_000), "set it to a whole number of milliseconds from 1 to 86,400,000"],
      [
        "only",
        only === undefined || typeof only === "function",
        "set it to a function that returns true for events that count",
      ],
      [
        "decision",
        decision === undefined || ["challenge", "deny"].includes(decision),
        'set it to "challenge" or "deny"',
      ],
      [
        "in",
        objects === undefined || isNamespace(Object(objects)),
        "set it to a namespace binding of GateLimits from countersign/cloudflare",
      ],
    ] as const) {
      must(isRight, `limits.${member}`, `\`${member}\` of a limit is invalid`, hint);
    }
  }

  /** True if the limit needs a Durable Object whose binding is missing. */
  get isUnbound(): boolean {
    return "in" in this.limit && this.limit.in === undefined;
  }

  /** Counts an event, if the limit applies to it. */
  count(event: EventToBe, now: number): HitResult | Promise<HitResult> | undefined {
    const { by, only, in: objects, name, max, windowMs } = this.limit;
    const key = (typeof by === "function" ? by(event) : BY[by](event)) ?? "";
    must(
      typeof key === "string",
      "limits.by",
      `\`by\` of the limit ${name} must return a string`,
      "return the key to count by, synchronously",
    );
    if (key === "" || only?.(event) === false) {
      return undefined;
    }
    return objects === undefined ? this.#countHere(key, now) : inObject(objects, `${name}\n${key}`, max, windowMs);
  }

  #countHere(key: string, now: number): HitResult {
    const { max, windowMs } = this.limit;
    const hits = this.#hits.get(key) ?? new Hits(max, windowMs);
    // Keeps the map in order of last use.
    this.#hits.delete(key);
    this.#hits.set(key, hits);
    if (this.#hits.size > MAX_KEYS) {
      const [first] = this.#hits.keys();
      this.#hits.delete(first as string);
    }
    return hits.add(now);
  }
}

const BY: Record<Exclude<Limit["by"], (event: EventToBe) => unknown>, (event: EventToBe) => string | undefined> = {
  actor: ({ actor }) => actor?.id,
  address: ({ context }) => context?.ip && networkOf(context.ip),
  credential: ({ actor }) => actor?.credential,
  session: ({ actor }) => actor?.session,
  tenant: ({ tenant }) => tenant,
};

/** Returns an IPv4 address as it is, and the /64 prefix of an IPv6 address, which usually belongs to one client. */
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

async function inObject(objects: ObjectNamespace, name: string, max: number, windowMs: number): Promise<HitResult> {
  const stub = objects.get(objects.idFromName(name) as never);
  const response = await stub.fetch("https://countersign.internal/take", {
    method: "POST",
    body: JSON.stringify({ max, windowMs }),
    signal: AbortSignal.timeout(OBJECT_TIMEOUT_MS),
  });
  if (!response.ok) {
    throw new CountersignError("gate.failed", `the limit's Durable Object returned HTTP status ${response.status}`, {
      hint: "check that the binding's class is GateLimits from countersign/cloudflare",
    });
  }
  return (await response.json()) as HitResult;
}

/** The result of counting an event. */
export interface HitResult {
  readonly isAllowed: boolean;
  /** When there is room again, in milliseconds since the epoch. */
  readonly until: number;
}

/** Allows at most `max` hits within any `windowMs`. Refused hits do not count. */
export class Hits {
  readonly #max: number;
  readonly #windowMs: number;
  /** Times of hits in ascending order; valid from index `#from` on. */
  #times: number[] = [];
  #from = 0;

  constructor(max: number, windowMs: number, times: readonly number[] = []) {
    this.#max = max;
    this.#windowMs = windowMs;
    this.#times = [...times];
  }

  /** Counts a hit. */
  add(now: number): HitResult {
    this.#forget(now - this.#windowMs);
    if (this.#times.length - this.#from >= this.#max) {
      const oldest = this.#times[this.#times.length - this.#max] ?? now;
      return { isAllowed: false, until: oldest + this.#windowMs + 1 };
    }
    // A clock that goes back must not allow more hits.
    const last = this.#times.at(-1) ?? now;
    this.#times.push(Math.max(now, last));
    return { isAllowed: true, until: now };
  }

  /** The time of the last allowed hit. */
  get last(): number {
    return this.#times.at(-1) ?? 0;
  }

  /** Removes hits before this time. */
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
