/** What a recorder keeps, in a table beside the events, by way of one connection. */

import { CountersignError } from "../error.js";
import type { Change, Entry, Outbox } from "../outbox/outbox.js";
import { inTurn } from "../promises.js";
import { ask, databaseFailed, type SqlClient } from "./client.js";

/**
 * A recorder's outbox. All it writes goes by the one connection that has the lock: once that is lost nothing is written
 * any more, and what is not written is not sent.
 */
export class Entries implements Outbox {
  readonly #client: SqlClient;
  readonly #table: string;
  /** The server's process for the connection, which has the lock. */
  readonly #process: unknown;
  /** A connection has one transaction at a time. */
  readonly #next = inTurn();
  /** Whether a transaction is under way that changes are part of. */
  #isWithin = false;
  /** Whether something failed, so that what is in memory may not be what is in the table. */
  isOver: boolean = false;

  private constructor(client: SqlClient, table: string, process: unknown) {
    this.#client = client;
    this.#table = table;
    this.#process = process;
  }

  /** The entries of a table, for as long as this connection lasts. */
  static async of(client: SqlClient, table: string): Promise<Entries> {
    return new Entries(client, table, await processOf(client));
  }

  async open(): Promise<readonly Entry[]> {
    const asked = ask(this.#client, `SELECT id, entry FROM ${this.#table} ORDER BY id`);
    const rows = await asked.catch((cause) => {
      throw databaseFailed(cause);
    });
    return rows.map(({ id, entry }) => ({ id: Number(id), bytes: new TextEncoder().encode(String(entry)) }));
  }

  async write(change: Change): Promise<void> {
    if (this.#isWithin) {
      await this.#apply(change);
      return;
    }
    await this.transaction(() => this.#apply(change));
  }

  close(): void {}

  /** Does work within a transaction, which is committed where that ends well. What is written meanwhile is part of it. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#next(async () => {
      this.#refuseOver();
      try {
        await ask(this.#client, "BEGIN");
        if ((await processOf(this.#client)) !== this.#process) {
          throw failed();
        }
        this.#isWithin = true;
        const result = await work();
        this.#isWithin = false;
        await ask(this.#client, "COMMIT");
        return result;
      } catch (error) {
        // Whether it was committed is not known: what the tables say is looked at anew, by another recorder.
        this.#isWithin = false;
        this.isOver = true;
        throw databaseFailed(error);
      }
    });
  }

  async #apply({ put, remove }: Change): Promise<void> {
    this.#refuseOver();
    const text = new TextDecoder("utf-8", { fatal: true });
    if (remove.length > 0) {
      const ids = JSON.stringify(remove);
      const gone = `SELECT value::bigint FROM json_array_elements_text($1::text::json)`;
      await ask(this.#client, `DELETE FROM ${this.#table} WHERE id IN (${gone})`, [ids]);
    }
    for (const { id, bytes } of put) {
      await ask(
        this.#client,
        `INSERT INTO ${this.#table} (id, entry) VALUES ($1::text::bigint, $2)
         ON CONFLICT (id) DO UPDATE SET entry = EXCLUDED.entry`,
        [`${id}`, text.decode(bytes)],
      );
    }
  }

  #refuseOver(): void {
    if (this.isOver) {
      throw failed();
    }
  }
}

/** A client that connected anew by itself is another, without the lock. */
async function processOf(client: SqlClient): Promise<unknown> {
  const [row] = await ask(client, "SELECT pg_backend_pid() AS process");
  return row?.process;
}

function failed(): CountersignError {
  return new CountersignError("outbox.failed", "the connection to the outbox was lost", {
    hint: "what was taken is in its tables: the drainer connects anew",
  });
}
