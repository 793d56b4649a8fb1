/** Clients of PostgreSQL, as far as they are needed. */

import { CountersignError } from "../error.js";

/** A client of `pg`: within a transaction the client that has it, and not a pool. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** A `sql` of `postgres`: within a transaction the one that `sql.begin` gives. */
export interface PostgresClient {
  unsafe(text: string, values?: never[]): PromiseLike<readonly unknown[]>;
}

/** Either. */
export type SqlClient = PgClient | PostgresClient;

/** A connection of one's own: `await pool.connect()` of `pg`, or `await sql.reserve()` of `postgres`. */
export type Connection = SqlClient & { release(error?: boolean): unknown };

/** A row of what was asked for. */
export type Row = Readonly<Record<string, unknown>>;

/** Asks. Values are texts and numbers alone, which both clients write alike. */
export async function ask(
  client: SqlClient,
  text: string,
  values: readonly (string | number)[] = [],
): Promise<readonly Row[]> {
  if ("unsafe" in client && typeof client.unsafe === "function") {
    return (await client.unsafe(text, [...values] as never[])) as readonly Row[];
  }
  if ("query" in client && typeof client.query === "function") {
    return (await client.query(text, [...values])).rows as readonly Row[];
  }
  throw new CountersignError("options.invalid", "no client of PostgreSQL", {
    member: "client",
    hint: "give a client of pg, or a sql of postgres: within a transaction the one that has it",
  });
}
