/** Delivers events that programs recorded in their transactions to a log. */

import { artifact } from "#recorder";
import { asLine, CountersignError, callOnError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { recording } from "../record/create.js";
import type { Handle } from "../record/handle.js";
import { none } from "../record/lifecycle.js";
import type { LogOptions, TransportOptions } from "../record/options.js";
import type { Recorder } from "../record/recorder.js";
import { type Connection, databaseFailed, names, query, type Row, TABLE } from "./client.js";
import { Entries } from "./entries.js";

/** Recorder options that a drainer sets itself. */
type Own = "outbox" | "autoFlush" | "beforeRecord" | "onInvalid" | "onFull" | "events" | "onError";

/** Options of `drainer`. */
export interface DrainOptions {
  /**
   * Returns a dedicated connection: `() => pool.connect()` of `pg`, `() => sql.reserve()` of `postgres`.
   *
   * @example
   * ```ts
   * connect: () => pool.connect()
   * ```
   */
  connect: () => Promise<Connection>;
  /**
   * Options of the recorder: `key`, `to`, `log`, and others.
   *
   * @example
   * ```ts
   * recorder: { key, to, log }
   * ```
   */
  recorder: Omit<LogOptions, Own> | Omit<TransportOptions, Own>;
  /**
   * The table, optionally with its schema.
   *
   * @default "countersign_outbox"
   * @example
   * ```ts
   * table: "audit.outbox"
   * ```
   */
  table?: string | undefined;
  /**
   * Milliseconds between checks of the table, after it was empty or something failed.
   *
   * @default 1000
   * @example
   * ```ts
   * pollIntervalMs: 250
   * ```
   */
  pollIntervalMs?: number | undefined;
  /**
   * Called with each failure.
   *
   * @default `console.warn`
   * @example
   * ```ts
   * onError: ({ code, message }) => logger.error({ code }, message)
   * ```
   */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** A snapshot of a drainer's state. */
export interface DrainStatus {
  /** True if this drainer is active. Otherwise, another one is, or there is no connection. */
  readonly isActive: boolean;
  /** Number of events taken out of the first table and not yet proven to be in the log. */
  readonly waiting: number;
  /** Number of rows that were not valid events. They stay in the table with the reason. */
  readonly refused: number;
}

/** Delivers each event of the outbox exactly once. */
export interface Drainer {
  /** Delivers all committed events. Rejects on failure, with `outbox.in_use` if another drainer is active. */
  once(): Promise<void>;
  /** Delivers events until `signal` is aborted or `close` is called. Failures are reported and retried. */
  run(signal?: AbortSignal): Promise<void>;
  /** Returns a snapshot of the drainer's state. */
  status(): DrainStatus;
  /** Ends the chain and releases the connection. Undelivered events stay in the tables. */
  close(): Promise<void>;
}

/** Maximum number of rows to take at a time, and of events waiting for delivery. */
const MAX_EVENTS = 256;

const CONNECT = "pass () => pool.connect() of pg, or () => sql.reserve() of postgres";

/** A connection that holds the lock, with the recorder that stores its entries through it. */
interface Session {
  readonly connection: Connection;
  readonly entries: Entries;
  readonly recorder: Recorder;
}

/**
 * Creates a drainer. If there are several, one is active and holds an advisory lock; the others are on standby. Events
 * move from the first table to the recorder's entries in the second in one transaction, and links are stored there
 * before they are sent. After a kill at any point, the next drainer continues, and the log accepts each link only once.
 */
export function drainer(options: DrainOptions): Drainer {
  return new PostgresDrainer(options);
}

/** Without a lifecycle: events stay in the tables, so none are lost when the program exits. */
const { createRecorder } = recording(artifact, none);

class PostgresDrainer implements Drainer {
  readonly #options: DrainOptions;
  readonly #events: string;
  readonly #entries: string;
  readonly #pause: number;
  #session: Session | undefined;
  #refused = 0;
  #isClosed = false;
  #working: Promise<unknown> = Promise.resolve();
  #wake: () => void = () => {};

  constructor(input: DrainOptions) {
    const options = ownOptions(input, ["connect", "recorder", "table", "pollIntervalMs", "onError"]);

    const { table = TABLE, pollIntervalMs = 1_000, connect, recorder } = options;
    must(typeof connect === "function", "connect", "`connect` must be a function", CONNECT);
    must(Object(recorder) === recorder, "recorder", "`recorder` must be an object", "pass { key, to, log }");
    const isPause = Number.isInteger(pollIntervalMs) && pollIntervalMs >= 1 && pollIntervalMs <= 3_600_000;
    must(isPause, "pollIntervalMs", "`pollIntervalMs` must be a whole number from 1 to 3600000", "omit it for 1000");
    const { events, entries } = names(table);
    this.#options = options;
    this.#events = events;
    this.#entries = entries;
    this.#pause = pollIntervalMs;
  }

  once(): Promise<void> {
    return this.#inTurn(() => this.#drain());
  }

  async run(signal?: AbortSignal): Promise<void> {
    const isOver = () => this.#isClosed || signal?.aborted === true;
    while (!isOver()) {
      try {
        await this.once();
      } catch (error) {
        if (!(error instanceof CountersignError && error.code === "outbox.in_use")) {
          callOnError(this.#options.onError ?? warn, databaseFailed(error));
        }
      }
      if (!isOver()) {
        await this.#sleep(signal);
      }
    }
  }

  status(): DrainStatus {
    return {
      isActive: this.#session !== undefined,
      waiting: this.#session?.recorder.status().waiting ?? 0,
      refused: this.#refused,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wake();
    await this.#inTurn(async () => {
      const session = this.#session;
      try {
        await session?.recorder.close();
      } finally {
        await this.#leave(session?.entries.isBroken === true).catch(() => {});
      }
    });
  }

  /** Runs work after all earlier work. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#working.then(work);
    this.#working = result.catch(() => {});
    return result;
  }

  async #drain(): Promise<void> {
    try {
      const { recorder, entries } = await this.#opened();
      for (let moved = MAX_EVENTS; moved > 0; ) {
        moved = await this.#moveRows(recorder, entries);
        await recorder.flush();
      }
    } catch (error) {
      const { entries } = this.#session ?? {};
      // After a failed delivery, the session continues. After any other error, its state can't be trusted.
      if (entries?.isBroken !== false || !(error instanceof CountersignError)) {
        await this.#leave(true);
      }
      throw databaseFailed(error);
    }
  }

  async #opened(): Promise<Session> {
    if (this.#session !== undefined) {
      return this.#session;
    }
    const connection = await this.#options.connect();
    // With a pool, the lock and the writes would use different connections.
    must(
      typeof Object(connection).release === "function",
      "connect",
      "`connect` must return a dedicated connection",
      CONNECT,
    );
    // A pg client that loses its connection emits an error, which ends the program if there is no listener.
    (connection as { on?: (event: string, listener: () => void) => unknown }).on?.("error", () => {});
    try {
      const [lock] = await query(connection, "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine", [
        `countersign ${this.#events}`,
      ]);
      if (lock?.mine !== true) {
        throw new CountersignError("outbox.in_use", "another drainer is active", {
          hint: "wait; this one is on standby and takes over when the other ends",
        });
      }
      const entries = await Entries.connect(connection, this.#entries);
      const recorder = createRecorder({
        ...(this.#options.recorder as LogOptions),
        outbox: entries,
        autoFlush: false,
        onError: this.#options.onError,
      });
      await recorder.ready();
      this.#session = { connection, entries, recorder };
      return this.#session;
    } catch (error) {
      await release(connection, true);
      throw error;
    }
  }

  /** Moves the next rows to the recorder's entries, in one transaction. Returns the number of rows moved. */
  async #moveRows(recorder: Recorder, entries: Entries): Promise<number> {
    if (recorder.status().waiting >= MAX_EVENTS) {
      return 0;
    }
    const { connection } = this.#session as Session;
    const refusals: CountersignError[] = [];
    const moved = await entries.transaction(async () => {
      const rows = await query(
        connection,
        `SELECT one.id::text AS id, one.event FROM ${this.#events} AS one WHERE one.refused IS NULL
         ORDER BY one.id LIMIT ${MAX_EVENTS} FOR UPDATE SKIP LOCKED`,
      );
      const handles: Handle[] = [];
      const ids: string[] = [];
      for (const row of rows) {
        const result = recordRow(recorder, row);
        if (result instanceof CountersignError) {
          if (result.code === "recorder.full") {
            break;
          }
          const reason = `${result.code}: ${result.message}`;
          await query(connection, `UPDATE ${this.#events} SET refused = $2 WHERE id = $1::text::bigint`, [
            String(row.id),
            reason,
          ]);
          refusals.push(result);
          continue;
        }
        handles.push(result);
        ids.push(String(row.id));
      }
      await Promise.all(handles.map((handle) => handle.stored()));
      if (ids.length > 0) {
        const gone = "SELECT value::bigint FROM json_array_elements_text($1::text::json)";
        await query(connection, `DELETE FROM ${this.#events} WHERE id IN (${gone})`, [JSON.stringify(ids)]);
      }
      return ids.length;
    });
    this.#refused += refusals.length;
    for (const error of refusals) {
      callOnError(this.#options.onError ?? warn, error);
    }
    return moved;
  }

  /** Releases the connection and its lock. With `isBroken`, the connection is not reused. */
  async #leave(isBroken: boolean): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) {
      return;
    }
    if (!isBroken) {
      await query(session.connection, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", [
        `countersign ${this.#events}`,
      ]);
    }
    await release(session.connection, isBroken);
  }

  async #sleep(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      signal?.addEventListener("abort", this.#wake, { once: true });
    });
    signal?.removeEventListener("abort", this.#wake);
  }
}

/** Records a row as an event. Returns the error if it isn't valid. */
function recordRow(recorder: Recorder, { id, event }: Row): Handle | CountersignError {
  try {
    return recorder.recordJson(String(event));
  } catch (error) {
    if (!(error instanceof CountersignError) || !["event.invalid", "recorder.full"].includes(error.code)) {
      throw error;
    }
    const { code, message, hint, member } = error;
    return new CountersignError(code, `row ${id} of the outbox: ${message}`, { hint, member });
  }
}

/** Closes a connection that may be broken; back in its pool, it would keep the lock. */
async function release(connection: Connection, isBroken: boolean): Promise<void> {
  try {
    if ("unsafe" in connection && isBroken) {
      // postgres can't close reserved connections, so the connection is returned without a transaction and the lock.
      await connection.unsafe("ROLLBACK; SELECT pg_advisory_unlock_all()");
    }
    await connection.release(isBroken);
  } catch {
    // The connection is already closed.
  }
}

function warn(error: CountersignError): void {
  console.warn(asLine(error));
}
