/** Brings what programs recorded within their transactions into a log. */

import { artifact } from "#recorder";
import { asLine, CountersignError, must, tell } from "../error.js";
import { ownOptions } from "../known.js";
import { recording } from "../record/create.js";
import type { Handle } from "../record/handle.js";
import { none } from "../record/lifecycle.js";
import type { LogOptions, TransportOptions } from "../record/options.js";
import type { Recorder } from "../record/recorder.js";
import { ask, type Connection, databaseFailed, names, type Row, TABLE } from "./client.js";
import { Entries } from "./entries.js";

/** What a drainer decides by itself. */
type Own = "outbox" | "autoFlush" | "beforeRecord" | "onInvalid" | "onFull" | "events" | "onError";

/** How to drain. */
export interface DrainOptions {
  /** Gives a connection of its own: `() => pool.connect()` of `pg`, `() => sql.reserve()` of `postgres`. */
  connect: () => Promise<Connection>;
  /** What the recorder is made with: key, to, log and the others. */
  recorder: Omit<LogOptions, Own> | Omit<TransportOptions, Own>;
  /** The table, perhaps within a schema. By default `countersign_outbox`. */
  table?: string | undefined;
  /** Milliseconds between two looks at the table when it was empty or something failed. Default: 1000. */
  pollIntervalMs?: number | undefined;
  /** Told of each failure. By default it is a warning on the console. */
  onError?: ((error: CountersignError) => void) | undefined;
}

/** How a drainer is. */
export interface DrainStatus {
  /** Whether this one drains; else another does, or there is no connection. */
  readonly isActive: boolean;
  /** Events that were taken out of the first table, and are not yet proven to be in the log. */
  readonly waiting: number;
  /** Rows that were no events, and stay in the table with the reason. */
  readonly refused: number;
}

/** Takes events out of the outbox and delivers each exactly once. */
export interface Drainer {
  /** Delivers all that is committed by now. Rejects where that fails; `outbox.in_use` says that another drains. */
  once(): Promise<void>;
  /** Goes on until `signal` ends it, or `close`. What fails is told and tried again. */
  run(signal?: AbortSignal): Promise<void>;
  /** How things stand. */
  status(): DrainStatus;
  /** Ends the chain and lets go of the connection. What could not be delivered stays in the tables. */
  close(): Promise<void>;
}

/** So many rows are taken at a time, and so many events may wait to be delivered before more are. */
const MOST = 256;

const CONNECT = "give () => pool.connect() of pg, or () => sql.reserve() of postgres";

/** A connection with the lock, and a recorder that keeps what it takes by way of it. */
interface Session {
  readonly connection: Connection;
  readonly entries: Entries;
  readonly recorder: Recorder;
}

/**
 * Makes a drainer. Of several one drains at a time, which has an advisory lock; the others stand by. In one transaction
 * events leave the first table and are what the recorder keeps in the second, and its links are in there before they are
 * sent: after a kill at any moment the next drainer goes on, and the log takes the same links only once.
 */
export function drainer(options: DrainOptions): Drainer {
  return new PostgresDrainer(options);
}

/** Events are in the tables: nothing of them is lost with the program, so that nobody needs to be told of its end. */
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

  constructor(given: DrainOptions) {
    const options = ownOptions(given, ["connect", "recorder", "table", "pollIntervalMs", "onError"]);

    const { table = TABLE, pollIntervalMs = 1_000, connect, recorder } = options;
    must(typeof connect === "function", "connect", "nothing to connect with", CONNECT);
    must(Object(recorder) === recorder, "recorder", "nothing to record with", "give { key, to, log }");
    const isPause = Number.isInteger(pollIntervalMs) && pollIntervalMs >= 1 && pollIntervalMs <= 3_600_000;
    must(isPause, "pollIntervalMs", "no whole number of milliseconds up to an hour", "leave it out for 1000");
    const { events, entries } = names(table);
    this.#options = options;
    this.#events = events;
    this.#entries = entries;
    this.#pause = pollIntervalMs;
  }

  once(): Promise<void> {
    return this.#alone(() => this.#drain());
  }

  async run(signal?: AbortSignal): Promise<void> {
    const isOver = () => this.#isClosed || signal?.aborted === true;
    while (!isOver()) {
      try {
        await this.once();
      } catch (error) {
        if (!(error instanceof CountersignError && error.code === "outbox.in_use")) {
          tell(this.#options.onError ?? warn, databaseFailed(error));
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
    await this.#alone(async () => {
      const session = this.#session;
      try {
        await session?.recorder.close();
      } finally {
        await this.#leave(session?.entries.isOver === true).catch(() => {});
      }
    });
  }

  /** One at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const made = this.#working.then(work);
    this.#working = made.catch(() => {});
    return made;
  }

  async #drain(): Promise<void> {
    try {
      const { recorder, entries } = await this.#opened();
      for (let taken = MOST; taken > 0; ) {
        taken = await this.#take(recorder, entries);
        await recorder.flush();
      }
    } catch (error) {
      const { entries } = this.#session ?? {};
      // A log that cannot be reached is tried again with what is here; of all else nothing here is believed.
      if (entries?.isOver !== false || !(error instanceof CountersignError)) {
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
    // A pool would give the lock to one of its connections, and what is written to others.
    must(typeof Object(connection).release === "function", "connect", "it gives no connection of its own", CONNECT);
    // A client of pg that loses its connection says so to whoever listens, and ends the program where nobody does.
    (connection as { on?: (event: string, told: () => void) => unknown }).on?.("error", () => {});
    try {
      const [lock] = await ask(connection, "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS mine", [
        `countersign ${this.#events}`,
      ]);
      if (lock?.mine !== true) {
        throw new CountersignError("outbox.in_use", "another drainer has the outbox", {
          hint: "it drains for all; this one can stand by",
        });
      }
      const entries = await Entries.of(connection, this.#entries);
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

  /** Takes the next rows over, in one transaction. Gives how many left the table. */
  async #take(recorder: Recorder, entries: Entries): Promise<number> {
    if (recorder.status().waiting >= MOST) {
      return 0;
    }
    const { connection } = this.#session as Session;
    const refusals: CountersignError[] = [];
    const taken = await entries.transaction(async () => {
      const rows = await ask(
        connection,
        `SELECT one.id::text AS id, one.event FROM ${this.#events} AS one WHERE one.refused IS NULL
         ORDER BY one.id LIMIT ${MOST} FOR UPDATE SKIP LOCKED`,
      );
      const handles: Handle[] = [];
      const ids: string[] = [];
      for (const row of rows) {
        const made = recorded(recorder, row);
        if (made instanceof CountersignError) {
          if (made.code === "recorder.full") {
            break;
          }
          const why = `${made.code}: ${made.message}`;
          await ask(connection, `UPDATE ${this.#events} SET refused = $2 WHERE id = $1::text::bigint`, [
            String(row.id),
            why,
          ]);
          refusals.push(made);
          continue;
        }
        handles.push(made);
        ids.push(String(row.id));
      }
      await Promise.all(handles.map((handle) => handle.stored()));
      if (ids.length > 0) {
        const gone = "SELECT value::bigint FROM json_array_elements_text($1::text::json)";
        await ask(connection, `DELETE FROM ${this.#events} WHERE id IN (${gone})`, [JSON.stringify(ids)]);
      }
      return ids.length;
    });
    this.#refused += refusals.length;
    for (const error of refusals) {
      tell(this.#options.onError ?? warn, error);
    }
    return taken;
  }

  /** Lets go of the connection, and with it of the lock; `isBroken` where nothing may use it again. */
  async #leave(isBroken: boolean): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) {
      return;
    }
    if (!isBroken) {
      await ask(session.connection, "SELECT pg_advisory_unlock(hashtextextended($1, 0))", [
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

/** A row as an event, or why it is none. */
function recorded(recorder: Recorder, { id, event }: Row): Handle | CountersignError {
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

/** A connection that may be broken is ended: back in its pool it would keep the lock. */
async function release(connection: Connection, isBroken: boolean): Promise<void> {
  try {
    if ("unsafe" in connection && isBroken) {
      // postgres ends no reserved connection: it goes back as it came, without a transaction and without the lock.
      await connection.unsafe("ROLLBACK; SELECT pg_advisory_unlock_all()");
    }
    await connection.release(isBroken);
  } catch {
    // It is gone already.
  }
}

function warn(error: CountersignError): void {
  console.warn(asLine(error));
}
