/** The tables of an outbox. */

import { CountersignError } from "../error.js";

/** What its table is called where nobody says it. */
export const TABLE = "countersign_outbox";

/** As much as an event may have. */
const MOST = 262_144;

/** The names of its two tables, as SQL has them. */
export function names(table: string): { events: string; entries: string } {
  if (typeof table !== "string" || !/^([a-z_][a-z0-9_]{0,48}\.)?[a-z_][a-z0-9_]{0,48}$/.test(table)) {
    throw new CountersignError("options.invalid", "no name of a table", {
      member: "table",
      hint: "give a name such as countersign_outbox, or audit.outbox within a schema: small letters, digits and _",
    });
  }
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
