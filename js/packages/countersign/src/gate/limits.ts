/** Rate limits of a gate. */

import { isNamespace, type ObjectNamespace } from "../adapters/worker-options.js";
import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import { encoder } from "./core.js";
import type { EventToBe } from "./decision.js";
import { HitTable } from "./hit-table.js";
import type { HitResult } from "./hits.js";
import type { ObjectHit, ObjectResult } from "./limit-object.js";
import { type Network, networksOf } from "./network.js";

/** A rate limit: allows at most `max` events per key within any `windowMs`. */
export interface Limit {
  /** The limit's name. Refusals are recorded with it. */
  name: string;
  /**
   * The key to count by. Events without a key are not counted. A request without an address is a failure of a limit by
   * address: with `auditFetch`, `auditNext`, and `auditHono` outside Workers, set the adapter's option `ip`. An IPv6 address counts for its /64, and for its /48,
   * which may have 16 times `max`.
   */
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
/** Timeout of a request to a Durable Object, in milliseconds. */
const OBJECT_TIMEOUT_MS = 1_000;

/** Maximum length of a key that is kept as it is, in characters. It is less than that of a hash with its prefix. */
const MAX_KEY_LENGTH = 64;

/** Counts events for one limit. */
export class LimitCounter {
  readonly limit: Limit;
  readonly #table: HitTable;

  constructor(input: Limit) {
    const limit = ownOptions(input, OPTIONS, "limits");
    this.limit = limit;
    this.#table = new HitTable(limit.windowMs);
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

  /** Counts an event, if the limit applies to it. If `isCounted` is false, only says if there is room for it. */
  hit(event: EventToBe, now: number, isCounted: boolean): HitResult | Promise<HitResult> | undefined {
    const { by, only, in: objects, name } = this.limit;
    const key = (typeof by === "function" ? by(event) : BY[by](event)) ?? "";
    must(
      typeof key === "string",
      "limits.by",
      `\`by\` of the limit ${name} must return a string`,
      "return the key to count by, synchronously",
    );
    if ((key === "" && by !== "address") || only?.(event) === false) {
      return undefined;
    }
    if (key === "") {
      const hint = "set the adapter's option `ip` to a function that returns the client's address";
      must(event.action !== "http.request", "limits.by", `the limit ${name} needs the client's address`, hint);
      return undefined;
    }
    const keys = by === "address" ? networksOf(key) : [{ name: key, shares: 1 }];
    if (objects !== undefined) {
      return this.#hitIn(objects, keys, isCounted);
    }
    return keys.some(({ name }) => name.length > MAX_KEY_LENGTH)
      ? Promise.all(keys.map(shortened)).then((short) => this.#hitHere(short, now, isCounted))
      : this.#hitHere(keys, now, isCounted);
  }

  #hitHere(keys: readonly Network[], now: number, isCounted: boolean): HitResult {
    const { max } = this.limit;
    for (const { name, shares } of keys) {
      const refusal = this.#table.refusal(name, max * shares, now);
      if (refusal !== undefined) {
        return refusal;
      }
    }
    const undos = (isCounted ? keys : []).map(({ name, shares }) => this.#table.add(name, max * shares, now));
    return { isAllowed: true, until: now, undo: () => void undos.map((undo) => undo?.()) };
  }

  /** Counts in the objects of the keys, the smallest network first. A refused hit counts in none. */
  async #hitIn(objects: ObjectNamespace, keys: readonly Network[], isCounted: boolean): Promise<HitResult> {
    const { name: limit, max, windowMs } = this.limit;
    const undos: (() => Promise<unknown>)[] = [];
    const undo = () => Promise.all(undos.map((one) => one()));
    let result: ObjectResult | undefined;
    for (const { name: key, shares } of keys.toReversed()) {
      const name = `${limit}\n${key}`;
      const hit = { max: max * shares, windowMs, isCounted };
      result = await inObject(objects, name, hit);
      if (!result.isAllowed) {
        await undo();
        return result;
      }
      const { at } = result;
      if (at !== undefined) {
        undos.push(() => askObject(objects, name, { ...hit, undo: at }));
      }
    }
    return { ...(result as HitResult), undo };
  }
}

/** Returns the network with a name that takes little memory: for a long one its hash. */
async function shortened({ name, shares }: Network): Promise<Network> {
  if (name.length <= MAX_KEY_LENGTH) {
    return { name, shares };
  }
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(name)));
  return { name: `sha256 ${Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("")}`, shares };
}

const BY: Record<Exclude<Limit["by"], (event: EventToBe) => unknown>, (event: EventToBe) => string | undefined> = {
  actor: ({ actor }) => actor?.id,
  address: ({ context }) => context?.ip,
  credential: ({ actor }) => actor?.credential,
  session: ({ actor }) => actor?.session,
  tenant: ({ tenant }) => tenant,
};

/** Milliseconds until a request may try again that an overloaded object didn't answer. */
const OVERLOAD_PAUSE_MS = 1_000;

/**
 * Counts in an object. One that is overloaded, or doesn't answer in time, refuses: requests with the key of their sender
 * overload it, so a gate that fails open must not let them pass.
 */
async function inObject(objects: ObjectNamespace, name: string, hit: ObjectHit): Promise<ObjectResult> {
  try {
    return await askObject(objects, name, hit);
  } catch (cause) {
    if (!isOverload(cause)) {
      throw cause;
    }
    const problem = new CountersignError("gate.failed", "the limit's Durable Object did not answer in time", {
      hint: "its key has too many requests, or Durable Objects are not available; the request was refused",
      cause,
    });
    return { isAllowed: false, until: Date.now() + OVERLOAD_PAUSE_MS, problem };
  }
}

/** True for a time-out, and for errors that Cloudflare marks as overload. */
function isOverload(error: unknown): boolean {
  return ["TimeoutError", "AbortError"].includes(String(field(error, "name"))) || field(error, "overloaded") === true;
}

async function askObject(objects: ObjectNamespace, name: string, hit: ObjectHit): Promise<ObjectResult> {
  const stub = objects.get(objects.idFromName(name) as never);
  const response = await stub.fetch("https://countersign.internal/take", {
    method: "POST",
    body: JSON.stringify(hit),
    signal: AbortSignal.timeout(OBJECT_TIMEOUT_MS),
  });
  if (!response.ok) {
    throw new CountersignError("gate.failed", `the limit's Durable Object returned HTTP status ${response.status}`, {
      hint: "check that the binding's class is GateLimits from countersign/cloudflare",
    });
  }
  return (await response.json()) as ObjectResult;
}
