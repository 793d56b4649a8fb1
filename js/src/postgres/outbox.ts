/** Recording within a program's own transaction. */

import { artefact } from "#recorder";
import { CountersignError, must } from "../error.js";
import { refuseUnknown } from "../known.js";
import { inCore, loader, salted } from "../record/core.js";
import type { AuditEvent, Catalogue, EventOf } from "../record/event.js";
import { type CommonOptions, redaction } from "../record/options.js";
import { toJson } from "../record/serialize.js";
import { ask, names, type SqlClient, TABLE } from "./client.js";

/** What is chosen for an outbox. */
export interface PostgresOutboxOptions<Events = unknown> {
  /** The table, perhaps within a schema. By default `countersign_outbox`. */
  table?: string | undefined;
  /** The program's own events. */
  events?: Catalogue<Events> | undefined;
  /** What is redacted, as for a recorder. The drainer's recorder redacts by its own options, too. */
  redact?: CommonOptions["redact"];
}

/** Takes events where the program's own data is. */
export interface PostgresOutbox<Event = AuditEvent> {
  /**
   * Adds a row within the transaction of `client`: the event is recorded if and only if that is committed. It is checked
   * and redacted first, and gets the time now as its `occurred_at` where it has none.
   */
  record(client: SqlClient, event: Event): Promise<void>;
  /**
   * The row that `record` would add, for what inserts rows in a way of its own, as Drizzle and Kysely do. It has
   * to be inserted within the transaction.
   */
  row(event: Event): { event: string };
}

/** Nobody is asked to trust it: the artefact redacts for a chain alone, and this one never begins. */
const ORIGIN = "outbox.invalid/audit";
const SIGNER = "outbox.invalid/recorder";

const load = loader(artefact);

/**
 * Makes an outbox of a table that `outboxTables` has the SQL for.
 *
 *     await sql.begin(async (sql) => {
 *       await sql`DELETE FROM jobs WHERE id = ${id}`;
 *       await outbox.record(sql, { action: "job.delete", target: { type: "job", id } });
 *     });
 */
export async function postgresOutbox<Events = unknown>(
  options: PostgresOutboxOptions<Events> = {},
): Promise<PostgresOutbox<EventOf<Events>>> {
  refuseUnknown(options, ["table", "events", "redact"]);
  const { table = TABLE, events: catalogue, redact } = options;
  const defined = "give what defineEvents of countersign/events made";
  must(catalogue === undefined || typeof catalogue.check === "function", "events", "no events", defined);
  const { paths, kept, known } = redaction(redact);
  const { events } = names(table);
  const core = await load();
  const [key = ""] = inCore(() => core.signerKey(SIGNER, new Uint8Array(32).fill(1)));

  /** The event as a recorder would keep it: checked and redacted. */
  const redacted = (json: string): string =>
    inCore(() => {
      const recorder = new core.Recorder(ORIGIN, key, known);
      try {
        for (const path of paths) {
          recorder.redact(path);
        }
        for (const path of kept) {
          recorder.keep(path);
        }
        recorder.keepUnstored(true);
        recorder.record(salted(json), Date.now(), true);
        const line = recorder.unstored();
        return line.slice(line.indexOf("{")).trimEnd();
      } finally {
        recorder.free();
      }
    });

  const row = (given: unknown) => {
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw new CountersignError("event.invalid", "not an event", { hint: 'give an object: { action: "job.delete" }' });
    }
    catalogue?.check(given);
    const dated = "toJSON" in given ? given : { occurred_at: new Date(), ...definedOf(given) };
    return { event: redacted(toJson(dated)) };
  };
  return {
    async record(client, event) {
      await ask(client, `INSERT INTO ${events} (event) VALUES ($1)`, [row(event).event]);
    },
    row,
  };
}

function definedOf(event: object): object {
  const { occurred_at, ...others } = event as { occurred_at?: unknown };
  return occurred_at === undefined ? others : event;
}
