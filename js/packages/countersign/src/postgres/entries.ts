/** A recorder's entries in a table, accessed through one connection. */

import { CountersignError } from "../error.js";
import type { Change, Entry, Outbox } from "../outbox/outbox.js";
import { inTurn } from "../promises.js";
import { databaseFailed, query, type SqlClient } from "./client.js";

/**
 * A recorder's outbox in a table. All writes use the one connection that holds the lock. If it is lost, nothing more is
 * written, and unwritten links are not sent.
 */
export class Entries implements Outbox {
  readonly #client: SqlClient;
  readonly #table: string;
  /** The PID of the connection's backend, which holds the lock. */
  readonly #process: unknown;
  /** A connection can run one transaction at a time. */
  readonly #next = inTurn();
  /** True while a transaction is open that changes are part of. */
  #isWithin = false;
  /** True if something failed, so that memory and table may differ. */
  isBroken: boolean = false;

  private constructor(client: SqlClient, table: string, process: unknown) {
    this.#client = client;
    this.#table = table;
    this.#process = process;
  }

  /** Opens the entries of a table for the lifetime of this connection. */
  static async connect(client: SqlClient, table: string): Promise<Entries> {
    return new Entries(client, table, await processOf(client));
  }

  async open(): Promise<readonly Entry[]> {
    const result = query(this.#client, `SELECT id, entry FROM ${this.#table} ORDER BY id`);
    const rows = await result.catch((cause) => {
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

  /** Runs work in a transaction and commits it. Changes written in the meantime are part of it. */
  transaction<T>(work: () => Promise<T>): Promise<T> {
    return this.#next(async () => {
      this.#refuseBroken();
      try {
        await query(this.#client, "BEGIN");
        if ((await processOf(this.#client)) !== this.#process) {
          throw failed();
        }
        this.#isWithin = true;
        const result = await work();
        this.#isWithin = false;
        await query(this.#client, "COMMIT");
        return result;
      } catch (error) {
        // The transaction may or may not have been committed; another recorder reads the tables again.
        this.#isWithin = false;
        this.isBroken = true;
        throw databaseFailed(error);
      }
    });
  }

  async #apply({ put, remove }: Change): Promise<void> {
    this.#refuseBroken();
    const text = new TextDecoder("utf-8", { fatal: true });
    if (remove.length > 0) {
      const ids = JSON.stringify(remove);
      const gone = `SELECT value::bigint FROM json_array_elements_text($1::text::json)`;
      await query(this.#client, `DELETE FROM ${this.#table} WHERE id IN (${gone})`, [ids]);
    }
    for (const { id, bytes } of put) {
      await query(
        this.#client,
        `INSERT INTO ${this.#table} (id, entry) VALUES ($1::text::bigint, $2)
         ON CONFLICT (id) DO UPDATE SET entry = EXCLUDED.entry`,
        [`${id}`, text.decode(bytes)],
      );
    }
  }

  #refuseBroken(): void {
    if (this.isBroken) {
      throw failed();
    }
  }
}

/** Returns the connection's backend PID. A client that reconnected has another one, without the lock. */
async function processOf(client: SqlClient): Promise<unknown> {
  const [row] = await query(client, "SELECT pg_backend_pid() AS process");
  return row?.process;
}

function failed(): CountersignError {
  return new CountersignError("outbox.failed", "the connection to the outbox was lost", {
    hint: "wait; the drainer reconnects, and no events were lost",
  });
}
