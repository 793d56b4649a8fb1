/** The parts of PostgreSQL clients that are used. */

import { CountersignError, coded, must } from "../error.js";

/** A client of `pg`. In a transaction, pass the client that runs it, not the pool. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>;
}

/** A `sql` of `postgres`. In a transaction, pass the one from `sql.begin`. */
export interface PostgresClient {
  unsafe(text: string, values?: never[]): PromiseLike<readonly unknown[]>;
}

/** A client of `pg` or `postgres`. */
export type SqlClient = PgClient | PostgresClient;

/** A dedicated connection: `await pool.connect()` of `pg`, or `await sql.reserve()` of `postgres`. */
export type Connection = SqlClient & { release(error?: boolean): unknown };

/** A row of a result. */
export type Row = Readonly<Record<string, unknown>>;

/** Runs a statement. Values must be strings or numbers, which both clients encode alike. */
export async function query(
  client: SqlClient,
  text: string,
  values: readonly (string | number)[] = [],
): Promise<readonly Row[]> {
  const object: Partial<PgClient & PostgresClient> = Object(client);
  if (typeof object.unsafe === "function") {
    return (await object.unsafe(text, [...values] as never[])) as readonly Row[];
  }
  if (typeof object.query === "function") {
    return (await object.query(text, [...values])).rows as readonly Row[];
  }
  throw new CountersignError("options.invalid", "`client` must be a PostgreSQL client", {
    member: "client",
    hint: "pass a client of pg or a sql of postgres, in a transaction the one that runs it; with other libraries, insert the result of outbox.row(event)",
  });
}

/** Returns the error for a failed query, with the database's own code. */
export function databaseFailed(cause: unknown): CountersignError {
  const { code } = Object(cause) as { code?: unknown };
  const why = typeof code === "string" ? ` (${code})` : "";
  const hint =
    "check that the tables exist (outboxTables) and that this user has access; the query is retried, and no events are lost";
  return coded(cause, "outbox.failed", `a query to the outbox's database failed${why}`, hint);
}

/** The default table. */
export const TABLE = "countersign_outbox";

/** Maximum size of an event in bytes. */
const MAX_EVENT_BYTES = 262_144;

/** Returns the names of the two tables for use in SQL. */
export function names(table: string): { events: string; entries: string } {
  const hint = "use lowercase letters, digits, and _, such as countersign_outbox, or audit.outbox with a schema";
  must(
    typeof table === "string" && /^([a-z_][a-z0-9_]{0,48}\.)?[a-z_][a-z0-9_]{0,48}$/.test(table),
    "table",
    "`table` must be the name of a table",
    hint,
  );
  return { events: table, entries: `${table}_entries` };
}

/**
 * Returns the SQL that creates the outbox's tables, for a migration. The first table receives events in the program's
 * transactions. The second contains entries that the drainer took over and that are not yet proven to be in the log.
 */
export function outboxTables(table: string = TABLE): string {
  const { events, entries } = names(table);
  return `CREATE TABLE IF NOT EXISTS ${events} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event text NOT NULL CHECK (octet_length(event) <= ${MAX_EVENT_BYTES}),
  refused text
);
CREATE TABLE IF NOT EXISTS ${entries} (
  id bigint PRIMARY KEY,
  entry text NOT NULL
);`;
}
