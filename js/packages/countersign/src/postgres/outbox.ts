/** A recorder that writes events in a program's own PostgreSQL transactions. */

import { artifact } from "#recorder";
import { CountersignError, consoleReporter, must, mustCall } from "../error.js";
import { ownOptions } from "../known.js";
import { inCore, loader, salted } from "../record/core.js";
import type { Catalog, EventInput, EventOf } from "../record/event.js";
import { copyOf, plainFields } from "../record/fields.js";
import { Intake, isDevelopment } from "../record/intake.js";
import { type CommonOptions, redaction } from "../record/options.js";
import { serviceOf } from "../record/service.js";
import { names, query, type SqlClient, TABLE } from "./client.js";

/** Options of `postgresRecorder`. */
export interface PostgresRecorderOptions<Events = unknown> {
  /**
   * The table, optionally with its schema (`audit.outbox`).
   *
   * @default "countersign_outbox"
   * @example
   * ```ts
   * table: "audit.outbox"
   * ```
   */
  table?: string | undefined;
  /**
   * The program's own events, from `defineEvents`. `record` and `row` accept no others.
   *
   * @default undefined: events may have any action
   * @example
   * ```ts
   * events: defineEvents({ "job.delete": schema })
   * ```
   */
  events?: Catalog<Events> | undefined;
  /**
   * The program that records, as in a recorder's options.
   *
   * @default that of a recorder
   * @example
   * ```ts
   * service: "billing"
   * ```
   */
  service?: CommonOptions["service"];
  /**
   * Fields to redact, as in a recorder's options. The drainer's recorder also redacts, by its own options.
   *
   * @default that of a recorder
   * @example
   * ```ts
   * redact: ["ssn"]
   * ```
   */
  redact?: CommonOptions["redact"];
  /**
   * Behavior of `record` and `row` for an invalid event, as in a recorder's options, except that an input that isn't an
   * event at all always throws.
   *
   * @default that of a recorder
   * @example
   * ```ts
   * onInvalid: "throw"
   * ```
   */
  onInvalid?: CommonOptions["onInvalid"];
  /**
   * Called with problems in events.
   *
   * @default `console.warn`
   * @example
   * ```ts
   * onError: ({ code, message }) => logger.error({ code }, message)
   * ```
   */
  onError?: CommonOptions["onError"];
}

/** Records events in a program's transactions. A `drainer` delivers them. */
export interface PostgresRecorder<Event = EventInput> {
  /**
   * Inserts a row in the transaction of `client`, so that the event is recorded if and only if the transaction commits.
   * The event is validated and redacted first. `occurred_at` defaults to the current time.
   */
  record(client: SqlClient, event: Event): Promise<void>;
  /**
   * Returns the row that `record` would insert, for query builders such as Drizzle and Kysely. Insert it in the
   * transaction.
   */
  row(event: Event): { event: string };
}

/** Placeholders: the WebAssembly module redacts only for a chain, and this chain never starts. */
const ORIGIN = "outbox.invalid/audit";
const SIGNER = "outbox.invalid/recorder";

const load = loader(artifact);

/**
 * Returns a recorder that writes events into a table in the program's own transactions. Create the table with the SQL
 * from `outboxTables`, and deliver its events with a `drainer`.
 *
 * @example
 * ```ts
 * await sql.begin(async (sql) => {
 *   await sql`DELETE FROM jobs WHERE id = ${id}`;
 *   await audit.record(sql, { action: "job.delete", target: { type: "job", id } });
 * });
 * ```
 */
export async function postgresRecorder<Events = unknown>(
  options: PostgresRecorderOptions<Events> = {},
): Promise<PostgresRecorder<EventOf<Events>>> {
  const known = ["table", "events", "service", "redact", "onInvalid", "onError"];
  const { table = TABLE, events: catalog, service, redact, onInvalid, onError } = ownOptions(options, known);
  const isKnown = onInvalid === undefined || ["throw", "report"].includes(onInvalid);
  must(isKnown, "onInvalid", '`onInvalid` must be "throw" or "report"', "omit it for the default");
  mustCall({ onError }, "onError");
  const defined = "pass the result of defineEvents";
  must(
    catalog === undefined || typeof catalog.check === "function",
    "events",
    "`events` must be a catalog of events",
    defined,
  );
  const { paths, kept, known: knowsSecrets } = redaction(redact);
  const { events } = names(table);
  const core = await load();
  const [key = ""] = inCore(() => core.signerKey(SIGNER, new Uint8Array(32).fill(1)));

  /** Returns the event as a recorder would store it: validated and redacted. */
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
    tenants: undefined,
    service: serviceOf(service),
    reports: onInvalid === undefined ? !isDevelopment() : onInvalid === "report",
    onError: onError ?? consoleReporter(),
  });

  const row = (input: unknown) => {
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      throw new CountersignError("event.invalid", "an event must be an object", {
        hint: 'pass an object such as { action: "job.delete" }',
      });
    }
    return intake.record(dated(input), (json) => ({ event: redacted(json) }));
  };
  return {
    async record(client, event) {
      await query(client, `INSERT INTO ${events} (event) VALUES ($1)`, [row(event).event]);
    },
    row,
  };
}

/** Returns the event with `occurred_at` set, by default to the current time. */
function dated(input: object): object {
  const event = copyOf(plainFields(input));
  if (((Object.hasOwn(event, "occurred_at") ? event.occurred_at : undefined) ?? undefined) === undefined) {
    event.occurred_at = new Date();
  }
  return event;
}
