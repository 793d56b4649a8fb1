/** Tests events recorded in transactions of a real PostgreSQL, and delivered exactly once despite kills. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import { z } from "zod";
import { defineEvents } from "../../packages/countersign/dist/catalog/define.js";
import {
  type Connection,
  type DrainOptions,
  drainer,
  outboxTables,
  type PgClient,
  postgresRecorder,
} from "../../packages/countersign/dist/postgres.js";
import { coded } from "../coded.ts";
import { type Destination, EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { eventually } from "../eventually.ts";
import { skip, startPostgres } from "./server.ts";

describe("PostgreSQL outbox", { skip }, () => {
  let server: Awaited<ReturnType<typeof startPostgres>>;
  let pool: pg.Pool;
  let sql: postgres.Sql;
  let log: MemoryLog;

  before(async () => {
    server = await startPostgres();
    pool = new pg.Pool(server.options);
    // Tests terminate its connections.
    pool.on("error", () => {});
    sql = postgres({ ...server.options, max: 4, onnotice: () => {} });
  });
  after(async () => {
    await pool.end();
    await sql.end();
    await server.stop();
  });
  beforeEach(async () => {
    await pool.query("DROP TABLE IF EXISTS countersign_outbox, countersign_outbox_entries, jobs");
    await pool.query(`${outboxTables()} CREATE TABLE jobs (id text PRIMARY KEY)`);
    log = new MemoryLog();
  });

  const outbox = postgresRecorder();
  const options = (to: Destination = log, given: Partial<DrainOptions> = {}): DrainOptions => ({
    connect: () => pool.connect() as Promise<Connection>,
    recorder: { key: EMITTER.secret, to: to.to, log: to.vkey, retry: { initialDelayMs: 1, maxDelayMs: 1 } },
    onError: () => {},
    ...given,
  });
  const record = async (...actions: string[]) => {
    for (const action of actions) {
      await (await outbox).record(pool, { action });
    }
  };
  const rows = async (table = "countersign_outbox") =>
    Number((await pool.query(`SELECT count(*) AS n FROM ${table}`)).rows[0]?.n);
  const drained = async (to: Destination = log) => {
    const one = drainer(options(to));
    await one.once();
    await one.close();
  };

  test("records an event if and only if its transaction commits, with pg", async () => {
    const client = await pool.connect();
    for (const [id, end] of [
      ["1", "COMMIT"],
      ["2", "ROLLBACK"],
    ]) {
      await client.query("BEGIN");
      await client.query("INSERT INTO jobs VALUES ($1)", [id]);
      await (await outbox).record(client, { action: `job.${id}` });
      await client.query(end ?? "");
    }
    client.release();
    await drained();
    assert.deepEqual(log.actions, ["job.1"]);
    assert.deepEqual([await rows("jobs"), await rows(), await rows("countersign_outbox_entries")], [1, 0, 0]);
  });

  test("records and drains with postgres", async () => {
    const work = (id: string, fails: boolean) =>
      sql.begin(async (sql) => {
        await sql`INSERT INTO jobs VALUES (${id})`;
        await (await outbox).record(sql, { action: `job.${id}` });
        if (fails) {
          throw new Error("of the work's");
        }
      });
    await work("1", false);
    await assert.rejects(work("2", true), /of the work's/);
    const one = drainer(options(log, { connect: () => sql.reserve() as unknown as Promise<Connection> }));
    await one.once();
    await record("job.3");
    await one.once();
    await one.close();
    assert.deepEqual(log.actions, ["job.1", "job.3"]);
    assert.equal(await rows("countersign_outbox_entries"), 0);
    // The connection was returned without the lock.
    await drained();
  });

  test("row: inserting the row has the same effect as record", async () => {
    const own = await postgresRecorder({ redact: ["ssn"] });
    const event = { action: "job.delete", occurred_at: "2026-01-01T00:00:00.000Z", metadata: { ssn: 1 } };
    await own.record(pool, event);
    await sql`INSERT INTO countersign_outbox ${sql(own.row(event))}`;
    const [first, second] = (await pool.query("SELECT event FROM countersign_outbox")).rows;
    assert.deepEqual(second, first);
    assert.doesNotMatch(first.event, /"ssn":1/);
    assert.throws(() => own.row([] as never), { code: "event.invalid" });
  });

  test("validates, redacts, and dates an event before it is in a table", async () => {
    const events = defineEvents({ "job.delete": z.object({ tenant: z.string() }) });
    const own = await postgresRecorder({ events, redact: ["ssn"] });
    await own.record(pool, { action: "job.delete", tenant: "a", metadata: { ssn: 1, password: "hunter2" } });
    const [{ event }] = (await pool.query("SELECT event FROM countersign_outbox")).rows;
    const { occurred_at, ...rest } = JSON.parse(event);
    assert.ok(Math.abs(Date.now() - Date.parse(occurred_at)) < 60_000);
    const metadata = { ssn: "[redacted]", password: "[redacted]" };
    assert.deepEqual(rest, { action: "job.delete", tenant: "a", metadata });
    for (const [wrong, member] of [
      [{ action: "job.update" }, "action"],
      [{ action: "job.delete" }, "tenant"],
      [{ action: "job.delete", tenant: "a", actor: {} }, "actor.id"],
      [{ action: "job.delete", tenant: "a", metadata: { n: () => 1 } }, "metadata.n"],
      [{ action: "job.delete", tenant: "a", targets: [] }, "targets"],
      [undefined, undefined],
    ] as const) {
      await assert.rejects(own.record(pool, wrong as never), coded("event.invalid", member));
    }
    await assert.rejects(postgresRecorder({ redact: "ssn" as never }), coded("options.invalid", "redact"));
    await assert.rejects(postgresRecorder({ onInvalid: "drop" as never }), coded("options.invalid", "onInvalid"));
    const reported: string[] = [];
    const reporting = await postgresRecorder({
      onInvalid: "report",
      onError: ({ member }) => reported.push(`${member}`),
    });
    const made = JSON.parse(reporting.row({ action: "a.b", actor: "u_1", metadata: { n: () => 1, ok: true } }).event);
    assert.deepEqual([made.actor, made.metadata.ok, reported], [{ id: "u_1" }, true, ["metadata.n"]]);
    assert.throws(() => reporting.row({ action: "" }), coded("event.invalid", "action"));
    for (const client of [{}, undefined, "postgres://localhost"] as PgClient[]) {
      await assert.rejects(own.record(client, { action: "job.delete", tenant: "a" }), { member: "client" });
    }
    assert.equal(await rows(), 1);
  });

  test("one of several drainers is active, and another takes over when it ends", async () => {
    await record("a.1");
    const [first, second] = [drainer(options()), drainer(options())];
    await first.once();
    assert.equal(first.status().isActive, true);
    await record("a.2");
    await assert.rejects(second.once(), { code: "outbox.in_use" });
    await first.close();
    await second.once();
    await second.close();
    assert.deepEqual(log.actions, ["a.1", "a.2"]);
  });

  test("run: continues through failures of the log and the database until it is stopped", async () => {
    const reported: string[] = [];
    const one = drainer(options(log, { pollIntervalMs: 5, onError: ({ code }) => reported.push(code) }));
    log.meets(() => refusal(503, "server.unavailable"));
    const { signal, abort } = ((of) => ({ signal: of.signal, abort: () => of.abort() }))(new AbortController());
    const running = one.run(signal);
    const delivered = (count: number) =>
      eventually(
        `the log has ${count} events`,
        () => log.actions,
        ({ length }) => length >= count,
      );
    await record("a.1", "a.2");
    await delivered(2);
    const others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    await pool.query(`${others} AND application_name = '' AND backend_type = 'client backend'`);
    await record("a.3");
    await delivered(3);
    abort();
    await running;
    await one.close();
    assert.deepEqual(log.actions, ["a.1", "a.2", "a.3"]);
    assert.deepEqual([...new Set(reported)].sort(), ["log_server.busy", "outbox.failed"]);
  });

  test("an invalid row stays in the table with the reason, and blocks no other", async () => {
    await record("a.1");
    await pool.query("INSERT INTO countersign_outbox (event) VALUES ('[]'), ('{')");
    await record("a.2");
    const reported: string[] = [];
    const one = drainer(options(log, { onError: ({ code, message }) => reported.push(`${code} ${message}`) }));
    await one.once();
    assert.equal(one.status().refused, 2);
    await one.close();
    assert.deepEqual(log.actions, ["a.1", "a.2"]);
    assert.match(reported.join("\n"), /^event\.invalid row 2 .*\nevent\.invalid row 3 /);
    const refused = (await pool.query("SELECT refused FROM countersign_outbox ORDER BY id")).rows;
    assert.ok(refused.length === 2 && refused.every((row) => String(row.refused).startsWith("event.invalid: ")));
  });

  /** A drainer that is killed at its n-th query, before or after it runs; never if undefined. */
  const killed = async (at: number, isAsked: boolean) => {
    let calls = 0;
    let isDead = false;
    const dead = Promise.withResolvers<void>();
    const connect = async () => {
      const client = await pool.connect();
      client.on("error", () => {});
      const query = async (text: string, values?: unknown[]) => {
        calls++;
        if (isDead) {
          return new Promise<never>(() => {});
        }
        if (calls === at) {
          isDead = true;
          const answer = isAsked ? await client.query(text, values) : undefined;
          client.release(true);
          dead.resolve();
          return answer === undefined ? new Promise<never>(() => {}) : new Promise<never>(() => {});
        }
        return client.query(text, values);
      };
      return { query, release: () => client.release(true) } as Connection;
    };
    const one = drainer(
      options(
        log.until(() => isDead),
        { connect },
      ),
    );
    const work = one.once().then(() => one.close());
    await Promise.race([work, dead.promise]);
    return { calls, isDead };
  };

  test("a kill at any step neither loses nor repeats events", async () => {
    await record("a.1", "a.2", "a.3");
    const { calls } = await killed(0, false);
    assert.deepEqual(log.actions, ["a.1", "a.2", "a.3"]);
    assert.ok(calls >= 15, `${calls} steps`);
    let kills = 0;
    for (let at = 1; at <= calls; at++) {
      for (const isAsked of [false, true]) {
        log = new MemoryLog();
        await record("a.1", "a.2", "a.3");
        const { isDead } = await killed(at, isAsked);
        kills += Number(isDead);
        // The server may need a moment to notice the lost connection.
        for (let left = true; left; ) {
          left = await drained().then(
            () => false,
            (error) => {
              assert.equal(error.code, "outbox.in_use");
              return true;
            },
          );
        }
        assert.deepEqual(log.actions, ["a.1", "a.2", "a.3"], `at step ${at}, ${isAsked ? "after" : "before"} it`);
        assert.deepEqual([await rows(), await rows("countersign_outbox_entries")], [0, 0]);
      }
    }
    assert.ok(kills >= 2 * calls - 2, `${kills} kills`);
  });

  test("a lost response neither loses nor repeats events", async () => {
    await record("a.1");
    log.meets(async (_, pass) => {
      await pass();
      throw new TypeError("the connection was lost");
    });
    const one = drainer(options());
    await assert.rejects(one.once(), { code: "log_server.unreachable" });
    assert.equal(one.status().waiting, 1);
    await drainer(options())
      .once()
      .catch(() => {});
    await one.once();
    await one.close();
    assert.deepEqual(log.actions, ["a.1"]);
  });

  test("delivers many events in batches", async () => {
    await pool.query(`INSERT INTO countersign_outbox (event)
      SELECT '{"action":"n.' || n || '"}' FROM generate_series(1, 1000) AS n`);
    await drained();
    assert.deepEqual(
      log.actions,
      Array.from({ length: 1000 }, (_, at) => `n.${at + 1}`),
    );
  });

  test("rejects a pool as a connection, and drains nothing", async () => {
    await record("job.1");
    for (const connect of [() => pool, () => sql, () => undefined]) {
      const one = drainer(options(log, { connect: connect as never }));
      await assert.rejects(one.once(), coded("options.invalid", "connect"));
      await one.close();
    }
    assert.equal(await rows(), 1);
  });

  test("reports missing tables", async () => {
    const one = drainer({ ...options(), table: "nowhere" });
    const told = {
      code: "outbox.failed",
      message: "a query to the outbox's database failed (42P01)",
      hint: /outboxTables/,
    };
    await assert.rejects(one.once(), told);
    await one.close();
  });

  test("rejects invalid options", () => {
    assert.throws(() => outboxTables("jobs; DROP TABLE jobs"), { code: "options.invalid", member: "table" });
    assert.throws(() => drainer({} as DrainOptions), { code: "options.invalid", member: "connect" });
    assert.throws(() => drainer(options(log, { pollIntervalMs: 0 })), {
      code: "options.invalid",
      member: "pollIntervalMs",
    });
    assert.match(outboxTables("audit.outbox"), /CREATE TABLE IF NOT EXISTS audit\.outbox_entries/);
  });
});
