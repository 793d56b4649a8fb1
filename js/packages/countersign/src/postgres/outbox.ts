/** Recording within a program's own transaction. */

import { artifact } from "#recorder";
import { CountersignError, must, mustCall, teller } from "../error.js";
import { ownOptions } from "../known.js";
import { inCore, loader, salted } from "../record/core.js";
import type { Catalog, EventInput, EventOf } from "../record/event.js";
import { copyOf, plainFields } from "../record/fields.js";
import { Intake, isDevelopment } from "../record/intake.js";
import { type CommonOptions, redaction } from "../record/options.js";
import { ask, names, type SqlClient, TABLE } from "./client.js";

/** Options of `postgresRecorder`. */
export interface PostgresRecorderOptions<Events = unknown> {
  /** The table, perhaps within a schema. By default `countersign_outbox`. */
  table?: string | undefined;
  /** The program's own events. */
  events?: Catalog<Events> | undefined;
  /** What is redacted, as for a recorder. The drainer's recorder redacts by its own options, too. */
  redact?: CommonOptions["redact"];
  /** What `record` and `row` do with a part of an event that is not right, as for a recorder; what is no event is thrown. */
  onInvalid?: CommonOptions["onInvalid"];
  /** Told of what was not right in an event. By default it is a warning on the console. */
  onError?: CommonOptions["onError"];
}

/** Records events within the transactions of a program. `drainer` delivers them. */
export interface PostgresRecorder<Event = EventInput> {
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

/** Nobody is asked to trust it: the artifact redacts for a chain alone, and this one never begins. */
const ORIGIN = "outbox.invalid/audit";
const SIGNER = "outbox.invalid/recorder";

const load = loader(artifact);

/**
 * Returns a recorder that writes events into a table within the transactions of a program. `outboxTables` has the SQL for
 * the table, and a `drainer` delivers what is in it.
 *
 *     await sql.begin(async (sql) => {
 *       await sql`DELETE FROM jobs WHERE id = ${id}`;
 *       await audit.record(sql, { action: "job.delete", target: { type: "job", id } });
 *     });
 */
export async function postgresRecorder<Events = unknown>(
  options: PostgresRecorderOptions<Events> = {},
): Promise<PostgresRecorder<EventOf<Events>>> {
  const known = ["table", "events", "redact", "onInvalid", "onError"];
  const { table = TABLE, events: catalog, redact, onInvalid, onError } = ownOptions(options, known);
  const isKnown = onInvalid === undefined || ["throw", "report"].includes(onInvalid);
  must(isKnown, "onInvalid", 'onInvalid must be "throw" or "report"', "leave it out for the default");
  mustCall({ onError }, "onError");
  const defined = "give what defineEvents returned";
  must(catalog === undefined || typeof catalog.check === "function", "events", "no events", defined);
  const { paths, kept, known: knowsSecrets } = redaction(redact);
  const { events } = names(table);
  const core = await load();
  const [key = ""] = inCore(() => core.signerKey(SIGNER, new Uint8Array(32).fill(1)));

  /** The event as a recorder would keep it: checked and redacted. */
  const redacted = (json: string): string =>
    inCore(() => {
      const recorder = new core.Recorder(ORIGIN, key, knowsSecrets);
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

  const intake = new Intake({
    beforeRecord: undefined,
    events: catalog,
    reports: onInvalid === undefined ? !isDevelopment() : onInvalid === "report",
    onError: onError ?? teller(),
  });

  const row = (given: unknown) => {
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw new CountersignError("event.invalid", "not an event", { hint: 'give an object: { action: "job.delete" }' });
    }
    return intake.record(dated(given), (json) => ({ event: redacted(json) }));
  };
  return {
    async record(client, event) {
      await ask(client, `INSERT INTO ${events} (event) VALUES ($1)`, [row(event).event]);
    },
    row,
  };
}

/** The event, with the time now if it has none. */
function dated(given: object): object {
  const event = copyOf(plainFields(given));
  if (((Object.hasOwn(event, "occurred_at") ? event.occurred_at : undefined) ?? undefined) === undefined) {
    event.occurred_at = new Date();
  }
  return event;
}
