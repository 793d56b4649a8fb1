/** Clients of PostgreSQL, as far as they are needed. */

import { CountersignError, coded, must } from "../error.js";

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
  const given: Partial<PgClient & PostgresClient> = Object(client);
  if (typeof given.unsafe === "function") {
    return (await given.unsafe(text, [...values] as never[])) as readonly Row[];
  }
  if (typeof given.query === "function") {
    return (await given.query(text, [...values])).rows as readonly Row[];
  }
  throw new CountersignError("options.invalid", "no client of PostgreSQL", {
    member: "client",
    hint: "give a client of pg, or a sql of postgres: within a transaction the one that has it. What is neither inserts what outbox.row(event) gives",
  });
}

/** Why the database could not be asked, with its own code for it. */
export function databaseFailed(cause: unknown): CountersignError {
  const { code } = Object(cause) as { code?: unknown };
  const why = typeof code === "string" ? ` (${code})` : "";
  const hint = "nothing is lost: it is tried again; are the tables there (outboxTables), and may this user use them?";
  return coded(cause, "outbox.failed", `the outbox's database could not be asked${why}`, hint);
}

/** What its table is called where nobody says it. */
export const TABLE = "countersign_outbox";

/** As much as an event may have. */
const MOST = 262_144;

/** The names of its two tables, as SQL has them. */
export function names(table: string): { events: string; entries: string } {
  const hint = "give a name such as countersign_outbox, or audit.outbox within a schema: small letters, digits and _";
  must(
    typeof table === "string" && /^([a-z_][a-z0-9_]{0,48}\.)?[a-z_][a-z0-9_]{0,48}$/.test(table),
    "table",
    "no name of a table",
    hint,
  );
  return { events: table, entries: `${table}_entries` };
}

/**
 * The SQL that makes the outbox's tables, for a migration. The first takes events within the program's transactions,
 * and the second has what the drainer took and is not yet proven to be in the log.
 */
export function outboxTables(table: string = TABLE): string {
  const { events, entries } = names(table);
  return `CREATE TABLE IF NOT EXISTS ${events} (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event text NOT NULL CHECK (octet_length(event) <= ${MOST}),
  refused text
);
CREATE TABLE IF NOT EXISTS ${entries} (
  id bigint PRIMARY KEY,
  entry text NOT NULL
);`;
}
