/** Tests erasing events: `POST /erase`. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Chain } from "./chain.ts";
import { type Leaf, readExport, shown } from "./export.ts";
import type { Json } from "./http.ts";
import { onEachLog } from "./log.ts";
import { verify } from "./program.ts";
import { AUDITOR, DESK, EMITTERS, LOG, ORIGIN } from "./setup.ts";

onEachLog((log) => {
  let chain: Chain;
  let first = 0;

  const whole = async () => readExport(await log.export("", AUDITOR));
  const leafAt = async (index: number): Promise<Leaf> =>
    (await whole()).entries[index] ?? assert.fail(`there is no entry ${index}`);
  const place = (seq: number) => `${chain.id}/${seq}`;
  /** Returns the log's records of the erasures in this test. */
  const records = async () =>
    shown(await whole()).flatMap(({ event }) => (event?.action === "log.erase" ? [event] : []));
  /** Returns the newest record. */
  const record = async () => (await records()).at(-1);

  const erase = async (asked: Json): Promise<Json> => {
    const answer = await log.erase(asked, DESK);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers["content-type"], "application/json");
    return answer.json;
  };
  const counts = (erased: number, without = 0, own = 0) => ({ erased, without, own, held: 0 });

  before(async () => {
    first = await log.size();
    chain = log.chain();
    for (let number = 1; number <= 60; number++) {
      const actor = { id: `p_${number % 6}${chain.id.slice(0, 8)}`, mail: `secret-${number}.` };
      chain.event(
        { action: number % 2 ? "job.update" : "session.login", actor, n: number },
        { sign: number % 10 === 0 },
      );
    }
    chain.close();
    await log.take(chain.body());
  });

  test("erase: removes an event, and the log still verifies", async () => {
    const request = { events: [place(7)], reason: "case 17" };
    assert.deepEqual(await erase(request), counts(1));
    const text = await log.export("", AUDITOR);
    assert.ok(!text.includes("secret-7."));
    const { link, withheld, event, salt } = await leafAt(first + 7);
    assert.deepEqual([link, withheld, event, salt], [chain.at(7).link, "erased", undefined, undefined]);
    const report = await verify(text);
    assert.equal(report.verdict, "partial");
    assert.equal(report.counts.withheld, 1);
    assert.deepEqual(report.finding_counts["payload.withheld"], 1);
    // Nothing else shows the event either.
    for (const query of ["?q=secret", `?q=secret+7`, "?limit=1000", `?chain=${chain.id}&limit=60`]) {
      assert.ok(!(await log.export(query, AUDITOR)).includes("secret-7."), query);
    }
    assert.ok(!(await log.get(`/proof/${place(7)}`, AUDITOR)).text.includes("secret-7."));
  });

  test("erase: the log's own chain records what was erased, by whom, and why", async () => {
    const recordText = await record();
    assert.deepEqual(recordText, {
      action: "log.erase",
      actor: { type: "user", id: "privacy-desk" },
      target: { type: "log", id: ORIGIN },
      reason: "case 17",
      metadata: { chosen_by: "place", events: 1, entries: [[first + 7, first + 7]] },
    });
    const { entries } = await whole();
    const [, , id] = entries.find(({ event }) => event?.action === "log.erase")?.link?.split(" ") ?? [];
    const open = entries.find(({ link }) => link?.includes(" open ") && Chain.idOf(link) === id);
    assert.equal(open?.link?.split(" ")[3], LOG.vkey);
  });

  test("erase: repeating a request does nothing", async () => {
    const before = (await records()).length;
    const size = await log.size();
    assert.deepEqual(await erase({ events: [place(7)], reason: "case 17" }), counts(0, 1));
    assert.deepEqual([(await records()).length, await log.size()], [before, size]);
  });

  test("erase: accepts several entries, adjacent ones and duplicates", async () => {
    const events = [place(3), place(2), place(9), place(1), place(3)];
    assert.deepEqual(await erase({ events, reason: "case 18" }), counts(4));
    const { metadata } = (await record()) ?? {};
    const entries = [
      [first + 1, first + 3],
      [first + 9, first + 9],
    ];
    assert.deepEqual(metadata, { chosen_by: "place", events: 4, entries });
  });

  test("erase: only counts entries without an event", async () => {
    const open = log.chain(EMITTERS[1]);
    const event = open.event({ action: "withheld" });
    await log.take(`${open.at(0).text}\n${JSON.stringify({ link: event.link })}`);
    const events = [`${open.id}/0`, `${open.id}/1`, place(61)];
    assert.deepEqual(await erase({ events, reason: "x" }), counts(0, 3));
    assert.equal((await leafAt((await log.size()) - 1)).withheld, undefined);
  });

  test("erase: selects by event fields", async () => {
    const actor = `p_4${chain.id.slice(0, 8)}`;
    const filter = { actor, action: "session.*" };
    const matching = chain.lines.flatMap(({ text, seq }) => (text.includes(actor) ? seq : []));
    const answer = await erase({ filter, reason: "case 19" });
    assert.deepEqual(answer, counts(matching.length));
    const { entries } = await whole();
    for (const seq of matching) {
      assert.equal(entries[first + seq]?.withheld, "erased");
    }
    assert.equal(entries.filter(({ text }) => text.includes(actor)).length, 0);
    // The record doesn't say whose events they were, because it outlives them.
    const { metadata } = (await record()) ?? {};
    assert.deepEqual(metadata, {
      chosen_by: ["actor", "action"],
      events: matching.length,
      entries: matching.map((seq) => [first + seq, first + seq]),
    });
    assert.deepEqual(await erase({ filter, reason: "case 19" }), counts(0));
    assert.deepEqual(await erase({ filter: { actor: "nobody" }, reason: "case 20" }), counts(0));
  });

  test("erase: supports each condition of an export", async () => {
    const conditions = {
      actor: "nobody",
      target: "a:b",
      outcome: "failure",
      tenant: "t",
      q: "some words",
      chain: chain.id,
    };
    const filter = { ...conditions, action: "job.*", since: "2020-01-01", until: "2020-01-02T00:00:00Z" };
    assert.deepEqual(await erase({ filter, reason: "x" }), counts(0));
    for (const [name, value] of Object.entries(conditions)) {
      const only = name === "chain" ? { chain: "0".repeat(32) } : { [name]: `${value}-none` };
      assert.deepEqual(await erase({ filter: only, reason: "x" }), counts(0), name);
    }
  });

  test("erase: keeps the log's own events", async () => {
    const before = await records();
    const filter = { action: "log.*" };
    assert.deepEqual(await erase({ filter, reason: "to hide it" }), counts(0, 0, before.length));
    const own = shown(await whole()).find(({ event }) => event?.action === "log.erase");
    const [, , id, seq] = own?.link?.split(" ") ?? [];
    assert.deepEqual(await erase({ events: [`${id}/${seq}`], reason: "to hide it" }), counts(0, 0, 1));
    assert.deepEqual(await records(), before);
  });

  test("erase: is all or nothing for named entries", async () => {
    const before = await records();
    for (const absent of [`${"0".repeat(32)}/1`, place(62), place(9999)]) {
      const answer = await log.erase({ events: [place(20), absent], reason: "x" }, DESK);
      assert.deepEqual(answer.refusal(404, "request.not_found"), {}, absent);
    }
    assert.notEqual((await leafAt(first + 20)).event, undefined);
    assert.deepEqual(await records(), before);
  });

  test("erase: rejected requests change nothing", async () => {
    const before = await records();
    const [one, reason] = [place(20), "x"];
    const invalid: [Json | string, string?][] = [
      [""],
      ["{"],
      ["null"],
      [{}],
      [[]],
      [{ reason }],
      [{ events: [one] }],
      [{ events: [one], reason: "" }, "reason"],
      [{ events: [one], reason: " " }, "reason"],
      [{ events: [one], reason: "two\nlines" }, "reason"],
      [{ events: [one], reason: "x".repeat(501) }, "reason"],
      [{ events: [one], reason: 1 }],
      [{ events: [one], filter: { actor: "u_1" }, reason }],
      [{ events: one, reason }],
      [{ events: [1], reason }],
      [{ events: ["x/1"], reason }, "events"],
      [{ events: [`${chain.id}`], reason }, "events"],
      [{ events: [`${chain.id}/01`], reason }, "events"],
      [{ events: [one], reason, force: true }],
      [{ filter: {}, reason }, "filter"],
      [{ filter: { actor: "" }, reason }, "actor"],
      [{ filter: { actor: 1 }, reason }],
      [{ filter: { actor: ["u_1"] }, reason }],
      [{ filter: { color: "red" }, reason }],
      [{ filter: { since: "now" }, reason }, "since"],
      [{ filter: { chain: "x" }, reason }, "chain"],
      [{ filter: { action: "*" }, reason }, "action"],
      [{ filter: { q: "!" }, reason }, "q"],
      [`{"events":["${one}"],"events":[],"reason":"x"}`],
      ['{"filter":{"actor":"a","actor":"b"},"reason":"x"}'],
      [`{"events":["${one}"],"reason":"x"} {}`],
      [`{"events":["${one}"],"reason":"\\ud800"}`],
      [`${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ];
    for (const [asked, parameter] of invalid) {
      const answer = await log.erase(asked, DESK);
      const beside = answer.refusal(400, "request.invalid");
      assert.deepEqual(beside, parameter === undefined ? {} : { parameter }, JSON.stringify(asked).slice(0, 100));
    }
    assert.deepEqual((await log.erase(" ".repeat(2 << 20), DESK)).refusal(413, "request.invalid"), {});
    const headers = { authorization: `Bearer ${DESK}` };
    const request = JSON.stringify({ events: [one], reason });
    const answer = await log.ask("/erase?force=1", { method: "POST", headers, body: request });
    assert.deepEqual(answer.refusal(400, "request.invalid"), { parameter: "force" });
    assert.notEqual((await leafAt(first + 20)).event, undefined);
    assert.deepEqual(await records(), before);
  });

  test("erase: a resubmission doesn't restore an erased event", async () => {
    const { added, repeated } = await log.take(chain.body());
    assert.deepEqual([added, repeated], [0, 62]);
    assert.equal((await leafAt(first + 7)).withheld, "erased");
    assert.ok(!(await log.export("", AUDITOR)).includes("secret-7."));
  });

  test("erase: progress is visible to those who may erase", async () => {
    const recordText = await record();
    const erasures = async (path: string, token = DESK) => {
      const answer = await log.get(path, token);
      assert.equal(answer.status, 200, answer.text);
      return answer.json;
    };
    const all = (await erasures("/erasures")).erasures as { [name: string]: Json }[];
    assert.equal(all.length, (await records()).length);
    const [newest] = all;
    assert.ok(newest !== undefined);
    const { record: at, at: time, done, ...rest } = newest;
    const { metadata, reason } = recordText as { metadata: { events: number }; reason: string };
    const actor = { type: "user", id: "privacy-desk" };
    assert.deepEqual(rest, { state: "done", actor, reason, events: metadata.events, left: 0, held: 0 });
    assert.equal((await leafAt(Number(at))).event?.action, "log.erase");
    assert.ok(Date.parse(String(time)) <= Date.parse(String(done)));
    assert.deepEqual(await erasures(`/erasures/${at}`), newest);
    assert.deepEqual((await erasures(`/erasures?before=${at}`)).erasures, all.slice(1));
    assert.deepEqual(await erasures("/erasures?before=0"), { erasures: [] });
    // An entry that is no record, a missing one, and invalid indexes.
    for (const path of [first, 2 ** 52, "x", "-1", "01"]) {
      (await log.get(`/erasures/${path}`, DESK)).refusal(404, "request.not_found");
    }
    assert.deepEqual((await log.get("/erasures?before=x", DESK)).refusal(400, "request.invalid"), {
      parameter: "before",
    });
    (await log.get("/erasures", AUDITOR)).refusal(403, "request.forbidden");
    (await log.get("/erasures")).refusal(401, "request.unauthenticated");
    assert.equal((await log.ask("/erasures", { method: "POST" })).status, 405);
  });

  test("erase: limits a reason to 500 characters", async () => {
    const reason = `\u00e9${"x".repeat(499)}`;
    assert.deepEqual(await erase({ events: [place(30)], reason }), counts(1));
    assert.equal((await record())?.reason, reason);
  });

  test("erase: two concurrent requests erase each event once", async () => {
    const request = { events: [place(43), place(45)], reason: "twice" };
    const answers = await Promise.all([erase(request), erase(request)]);
    const erased = answers.map((answer) => (answer as { erased: number }).erased);
    assert.deepEqual(erased.sort(), [0, 2]);
  });

  test("erase: the log's own chain continues, and is closed when the log stops", { skip: log.lasting }, async () => {
    await log.restart();
    assert.deepEqual(await erase({ events: [place(50)], reason: "after a restart" }), counts(1));
    const text = await log.export("", AUDITOR);
    assert.ok(!text.includes("secret-7.") && !text.includes("secret-50."));
    const { verdict, finding_counts } = await verify(text);
    assert.equal(verdict, "partial");
    assert.equal(finding_counts["chain.fork"], undefined);
  });
});
