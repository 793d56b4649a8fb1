/** A Durable Object that counts hits of a limit for all isolates. */

import { type HitResult, Hits } from "./hits.js";

/** The request to count a hit. If `isCounted` is false, the object only says if there is room for one. */
export interface ObjectHit {
  readonly max: number;
  readonly windowMs: number;
  /**
   * @default true
   */
  readonly isCounted?: boolean | undefined;
  /** The time of a counted hit to remove, because another limit refused the event. */
  readonly undo?: number | undefined;
}

/** The response to a hit. `at` is the time of a counted one. */
export interface ObjectResult extends HitResult {
  readonly at?: number | undefined;
}

/** The parts of a Durable Object's `ctx` that are used. */
interface ObjectContext {
  readonly storage: {
    readonly sql: { exec(statement: string, ...values: unknown[]): { toArray(): Record<string, unknown>[] } };
    getAlarm(): Promise<number | null>;
    setAlarm(at: number): Promise<void>;
    deleteAll(): Promise<void>;
  };
}

/**
 * Counts hits exactly, for one limit and one key. A hit is stored before the response is sent. Export it from the
 * Worker and bind its namespace.
 *
 * @example
 * ```ts
 * export { GateLimits } from "countersign/cloudflare";
 * // wrangler.jsonc: "durable_objects": { "bindings": [{ "name": "LIMITS", "class_name": "GateLimits" }] },
 * //                 "migrations": [{ "tag": "v1", "new_sqlite_classes": ["GateLimits"] }]
 * ```
 */
export class GateLimits {
  readonly #storage: ObjectContext["storage"];
  #hits: Hits | undefined;
  /** The settings that `#hits` was created with. */
  #settings = "";

  constructor(context: ObjectContext) {
    this.#storage = context.storage;
  }

  /** Counts a hit, or responds with the time when there is room again. */
  async fetch(request: Request): Promise<Response> {
    const { max, windowMs, isCounted = true, undo } = (await request.json()) as ObjectHit;
    const { sql } = this.#storage;
    const settings = `${max} ${windowMs}`;
    if (this.#hits === undefined || this.#settings !== settings) {
      sql.exec("CREATE TABLE IF NOT EXISTS hits (at INTEGER NOT NULL, until INTEGER NOT NULL)");
      const rows = sql.exec("SELECT at FROM hits ORDER BY at").toArray();
      this.#hits = new Hits(
        max,
        windowMs,
        rows.map(({ at }) => Number(at)),
      );
      this.#settings = settings;
    }
    if (undo !== undefined) {
      this.#hits.remove(undo);
      sql.exec("DELETE FROM hits WHERE rowid = (SELECT rowid FROM hits WHERE at = ? LIMIT 1)", undo);
      await this.#expire(undo + windowMs);
      return Response.json({});
    }
    const now = Date.now();
    const { isAllowed, until } = isCounted
      ? this.#hits.add(now)
      : (this.#hits.refusal(now) ?? { isAllowed: true, until: now });
    if (isAllowed) {
      const at = Math.max(now, this.#hits.last);
      if (isCounted) {
        sql.exec("INSERT INTO hits (at, until) VALUES (?, ?)", at, at + windowMs);
      }
      await this.#expire(at + windowMs);
    }
    return Response.json({ isAllowed, until, at: isAllowed && isCounted ? this.#hits.last : undefined });
  }

  /** Sets the alarm, unless there is one. */
  async #expire(until: number): Promise<void> {
    if ((await this.#storage.getAlarm()) === null) {
      await this.#storage.setAlarm(until + 1);
    }
  }

  /** Deletes expired hits. */
  async alarm(): Promise<void> {
    const { sql } = this.#storage;
    const now = Date.now();
    sql.exec("DELETE FROM hits WHERE until < ?", now);
    const [{ last } = { last: null }] = sql.exec("SELECT MAX(until) AS last FROM hits").toArray();
    if (last === null) {
      this.#hits = undefined;
      await this.#storage.deleteAll();
    } else {
      await this.#storage.setAlarm(Number(last) + 1);
    }
  }
}
