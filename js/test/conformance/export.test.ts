/** Tests what readers get of a log: `GET /export` and `GET /proof`. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { BEGIN, body, type Chain, time } from "./chain.ts";
import { readExport, shown } from "./export.ts";
import type { Json } from "./http.ts";
import { Signer } from "./keys.ts";
import { onEachLog } from "./log.ts";
import { verify } from "./program.ts";
import { AUDITOR, EMITTERS, ISSUER, ORIGIN } from "./setup.ts";

const HOUR = 3_600_000;

/** Events for each condition, with the hour of their recording. */
const EVENTS: [hour: number, event: { [name: string]: Json }][] = [
  [1, { action: "session.login", actor: { id: "u_1", name: "Ann Example" } }],
  [2, { action: "session.login", actor: { id: "u_2" }, outcome: "failure", reason: "wrong password" }],
  [3, { action: "job.update", actor: { id: "u_1" }, target: { id: "j-7", type: "job" }, tenant: "acme" }],
  [4, { action: "job.update.retry", actor: { id: "u_1" }, target: { id: "j-7", type: "task" }, tenant: "globex" }],
  [5, { action: "job", actor: { id: "u_3" }, metadata: { text: "The NIGHT shift, Stra\u00dfe 7" } }],
  [26, { action: "job.delete", actor: { id: "u_3" }, outcome: "success", target: { id: "j-7", type: "job" } }],
  [27, { action: "jobs.update", metadata: [{ deep: "night" }, 403, true] }],
  [50, { action: "data.export", actor: { id: "a&b=c d+\u00fc" }, outcome: "unknown", tenant: "acme" }],
];

onEachLog((log) => {
  /** All submitted entries in order. */
  const brought: { text: string; chain?: string; seq?: number; hour?: number; event?: { [name: string]: Json } }[] = [];
  const chains: Chain[] = [];
  let first = 0;
  let size = 0;
  let pins: number[] = [];

  const get = (query: string, token = AUDITOR) => log.export(query, token);
  const place = (text: string) => first + brought.findIndex((leaf) => leaf.text === text);

  /** Returns the numbers of the events in an export, in order. */
  const numbers = async (query: string): Promise<number[]> => {
    const events = shown(readExport(await get(`?${query}`)));
    return events.filter(({ index }) => index >= first).map(({ event }) => Number(event?.n));
  };

  before(async () => {
    first = await log.size();
    const granted = new Signer(`example.net/${log.unique()}`, 7);
    const grant = ["countersign/v1 keys", ORIGIN, `grant ${granted.vkey} - -`, ""].join("\n");
    const note = JSON.stringify({ note: ISSUER.note(grant) });
    const [one, other] = [log.chain(EMITTERS[0]), log.chain(granted)];
    chains.push(one, other);
    await log.take(body(one.at(0), note, other.at(0)));
    brought.push({ ...one.at(0), chain: one.id }, { text: note }, { ...other.at(0), chain: other.id });
    for (let round = 0; round < 6; round++) {
      const lines = [];
      for (const [number, [hour, event]] of EVENTS.entries()) {
        const chain = chains[number % 2] ?? one;
        const n = round * EVENTS.length + number;
        // In a round, only the last link of each chain is signed.
        const sign = number >= EVENTS.length - 2;
        const line = chain.event(
          { ...event, n, round: `r${round}` },
          { sign, at: BEGIN + (round * 100 + hour) * HOUR },
        );
        lines.push(line);
        brought.push({ ...line, chain: chain.id, hour: round * 100 + hour, event: { ...event, n } });
      }
      pins.push((await log.take(body(...lines))).checkpoint.size);
    }
    const close = one.close();
    size = (await log.take(body(close))).checkpoint.size;
    brought.push({ ...close, chain: one.id });
    pins = pins.slice(0, -1);
  });

  test("export: has the right headers", async () => {
    const answer = await log.get("/export", AUDITOR);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/x-ndjson");
    assert.equal(answer.headers["content-disposition"], 'attachment; filename="log.example-audit.countersign.ndjson"');
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.equal(answer.headers["x-content-type-options"], "nosniff");
    assert.equal(answer.headers["content-encoding"], undefined);
    const compressed = await log.get("/export", AUDITOR, { "accept-encoding": "gzip, br" });
    assert.ok([undefined, "gzip"].includes(compressed.headers["content-encoding"]));
    const unpack = compressed.headers["content-encoding"] === "gzip" ? gunzipSync : (bytes: Buffer) => bytes;
    assert.equal(String(unpack(compressed.body)), answer.text);
  });

  test("export: contains the whole log in order without parameters", async () => {
    const text = await get("");
    const { range, entries } = readExport(text);
    assert.deepEqual(range, [0, size]);
    assert.deepEqual(
      entries.slice(first).map(({ text }) => text),
      brought.map(({ text }) => text),
    );
    const report = await verify(text);
    assert.equal(report.verdict, "verified");
    assert.deepEqual(report.complete, { by: "range", range: [0, size] });
    assert.equal(report.log?.size, size);
  });

  test("export: a range is complete and proven", async () => {
    for (const [a, b] of [
      [0, 1],
      [3, 9],
      [7, 8],
      [17, 40],
      [first, size],
      [0, size - 1],
    ] as const) {
      const text = await get(`?from=${a}&to=${b}`);
      const { range, entries } = readExport(text);
      assert.deepEqual(range, [a, b]);
      const within = entries.filter(({ index }) => index >= a && index < b);
      assert.deepEqual(
        within.map(({ index }) => index),
        Array.from({ length: b - a }, (_, at) => a + at),
      );
      assert.ok(within.every(({ withheld }) => withheld === undefined));
      // Around the range are open links, key notes, and links that cover those of the range.
      assert.ok(entries.every(({ index, event }) => (index >= a && index < b) || event === undefined));
      const report = await verify(text);
      assert.equal(report.checks.range.state, "pass");
      // Without an event there is nothing to verify.
      const good = within.some(({ event }) => event !== undefined) ? ["verified", "partial"] : ["not_checked"];
      assert.ok(good.includes(report.verdict), `${a}..${b}: ${report.verdict}`);
    }
    assert.deepEqual(readExport(await get(`?from=${first}`)).range, [first, size]);
    assert.deepEqual(readExport(await get(`?to=${first + 5}`)).range, [0, first + 5]);
  });

  test("export: an empty range shows and claims nothing", async () => {
    for (const query of [`?from=${size}`, "?from=5&to=5", "?to=0"]) {
      const { range, entries } = readExport(await get(query));
      assert.deepEqual([range, entries.filter(({ link }) => link !== undefined)], [undefined, []], query);
    }
  });

  const conditions: [query: string, events: readonly number[]][] = [
    ["actor=u_1", [0, 2, 3]],
    ["actor=u_", []],
    ["actor=a%26b%3Dc+d%2B%C3%BC", [7]],
    ["actor=a%26b%3Dc%20d%2b%c3%bc", [7]],
    ["target=j-7", [2, 3, 5]],
    ["target=job:j-7", [2, 5]],
    ["target=task%3Aj-7", [3]],
    ["action=job.update", [2]],
    ["action=job.*", [2, 3, 5]],
    ["action=job.update.*", [3]],
    ["action=job", [4]],
    ["outcome=success", [5]],
    ["outcome=failure", [1]],
    ["outcome=denied", []],
    ["tenant=acme", [2, 7]],
    ["q=night", [4, 6]],
    ["q=Shift+night+the", [4]],
    ["q=403", [6]],
    ["q=nigh", []],
    ["q=true", []],
    ["q=stra%C3%9Fe", [4]],
    ["q=action", []],
    ["actor=u_1&tenant=acme", [2]],
    ["actor=u_1&outcome=failure", []],
    ["action=session.login&q=ann", [0]],
    ["query=actor:ann", [0]],
    ["query=action:JOB.*+-tenant:globex", [2, 5]],
    ["query=outcome:not-stated", [0, 2, 3, 4, 6]],
    ["query=word:night+OR+outcome:failure", [1, 4, 6]],
    ["query=igh+metadata.text:*", [4]],
    ["query=metadata%3E400", [6]],
    ["query=has:target+target:job:J-7", [2, 5]],
    ["query=recorded:1990", []],
    ["actor=u_1&query=tenant:ACME", [2]],
  ];
  const inAllRounds = (events: readonly number[]) =>
    [0, 1, 2, 3, 4, 5].flatMap((round) => events.map((number) => round * EVENTS.length + number));

  for (const [query, events] of conditions) {
    test(`export: ${query} selects exactly these events`, async () => {
      assert.deepEqual(await numbers(query), inAllRounds(events));
      const newest = inAllRounds(events).slice(-2);
      assert.deepEqual(await numbers(`${query}&limit=2`), newest);
    });
  }

  test("export: `since` is inclusive and `until` exclusive, by the links' times", async () => {
    const all = brought.flatMap(({ hour, event }) => (hour === undefined ? [] : [{ hour, n: Number(event?.n) }]));
    const at = (hour: number) => time(BEGIN + hour * HOUR);
    for (const [since, until] of [
      [3, 27],
      [5, 26],
      [26, 26],
      [0, 102],
      [101, 1000],
    ] as const) {
      const expected = all.filter(({ hour }) => hour >= since && hour < until).map(({ n }) => n);
      assert.deepEqual(await numbers(`since=${at(since)}&until=${at(until)}`), expected, `${since}..${until}`);
    }
    // Times without milliseconds, and plain dates.
    assert.deepEqual(await numbers("since=2020-01-02&until=2020-01-03T02:00:00Z&q=r0"), [5, 6]);
  });

  test("export: a chain includes its open and close links", async () => {
    const [one] = chains;
    const { entries } = readExport(await get(`?chain=${one?.id}`));
    const links = entries.flatMap(({ link }) => link ?? []);
    assert.deepEqual(
      links,
      one?.lines.map(({ link }) => link),
    );
    assert.deepEqual(await numbers(`chain=${one?.id}&actor=u_1&q=r1`), [8, 10]);
    assert.deepEqual(await numbers(`chain=${"0".repeat(32)}`), []);
  });

  test("export: conditions apply within a range", async () => {
    const [a, b] = [first + 3 + EVENTS.length, first + 3 + 3 * EVENTS.length];
    assert.deepEqual(await numbers(`actor=u_1&from=${a}&to=${b}`), [8, 10, 11, 16, 18, 19]);
    assert.deepEqual(await numbers(`actor=u_1&from=${a}&to=${b}&limit=4`), [11, 16, 18, 19]);
    assert.equal(readExport(await get(`?actor=u_1&from=${a}&to=${b}`)).range, undefined);
  });

  test("export: selects the newest entries", async () => {
    const last = EVENTS.length * 6;
    assert.deepEqual(await numbers("limit=1"), [last - 1]);
    assert.deepEqual(
      await numbers("limit=11"),
      Array.from({ length: 11 }, (_, at) => last - 11 + at),
    );
    assert.deepEqual((await numbers("limit=9007199254740991")).length, last);
  });

  test("export: omits as much as possible, and still verifies", async () => {
    for (const query of [
      "actor=u_1&q=r3",
      "action=data.export",
      "limit=3",
      "tenant=acme&limit=1",
      "q=nothing",
      "until=2020-01-04",
    ]) {
      const text = await get(`?${query}`);
      const { entries, broken } = readExport(text);
      assert.equal(broken, 0, query);
      for (const leaf of entries.filter(({ event }) => event === undefined)) {
        const [, kind] = (leaf.link ?? "").split(" ");
        assert.equal(leaf.withheld, kind === "event" ? "filtered" : undefined, query);
      }
      // All key notes are included.
      assert.ok(entries.some(({ note }) => note?.includes("grant")));
      const { verdict, checks } = await verify(text);
      const empty = shown(readExport(text)).length === 0;
      assert.equal(verdict, empty ? "not_checked" : "partial", query);
      assert.deepEqual([checks.tree.state, checks.log.state, checks.format.state], ["pass", "pass", "pass"], query);
    }
  });

  test("export: includes the links up to the next signed one after an event", async () => {
    const { entries } = readExport(await get("?q=r2+ann"));
    const event = brought.findIndex(({ event }) => event?.n === 16);
    // The signed link is the seventh event of the round, and the links between are of the same chain.
    const expected = [0, 2, 4, 6].map((number) => first + event + number);
    assert.deepEqual(
      entries.filter(({ index, link }) => index > first + 2 && link).map(({ index }) => index),
      expected,
    );
  });

  test("export: reaches a pinned size exactly", async () => {
    for (const pin of pins) {
      const query = `?action=data.export&q=r5&boundary=${pin}`;
      const text = await get(query);
      readExport(text);
      assert.ok(sizesOf(text).has(pin), `${pin} is reached`);
    }
    assert.ok(sizesOf(await get(`?limit=1&boundary=${size}`)).has(size));
    assert.equal((await log.get("/export?boundary=0", AUDITOR)).status, 200);
  });

  test("export: reports the matches of a search, or why there are none", async () => {
    const explained = async (query: string): Promise<{ [name: string]: Json }> => {
      const answer = await log.get(`/explain?from=${first}&${query}`, AUDITOR);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers["cache-control"], "no-store");
      return answer.json;
    };
    const events = 6 * EVENTS.length;
    const { size: published, query, ...told } = await explained("query=actr.id:u_1+action:job.*");
    assert.deepEqual([published, query], [await log.size(), "actr.id:u_1 action:job.*"]);
    const left = (after: number) => [
      { part: "actr.id:u_1", events: 0 },
      { part: "action:job.*", events: after },
    ];
    assert.deepEqual(told, {
      unknown: [{ field: "actr.id", at: [0, 11], nearest: ["actor.id", "target.id"] }],
      of: events,
      matched: 0,
      conditions: left(18),
      steps: left(0),
      times: null,
    });
    const found = await explained("query=since:2000-01-01+actor:u_1");
    assert.deepEqual([found.matched, found.conditions, found.times], [18, [], { own: 0, recorded: events }]);
    const fields = await explained("only=fields&query=actr:x");
    assert.deepEqual(Object.keys(fields).sort(), ["query", "size", "unknown"]);
    const { headers } = await log.get(`/export?from=${first}&query=actor:u_1`, AUDITOR);
    assert.equal(headers["countersign-matched"], "18");
    assert.equal((await log.get("/export", AUDITOR)).headers["countersign-matched"], undefined);
    const refused = (await log.get("/explain?only=all", AUDITOR)).refusal(400, "request.invalid");
    assert.deepEqual(refused, { parameter: "only" });
  });

  test("export: meets a pin inside a bundle", async () => {
    const pin = (await log.get("/checkpoint")).text;
    const more = log.chain().events(30);
    await log.take(more.body());
    const text = await get(`?actor=u_2&boundary=${size}`);
    const report = await verify(text, [pin]);
    assert.equal(report.checks.append_only.state, "pass");
    size += 31;
    brought.push(...more.lines.map((line) => ({ ...line, chain: more.id })));
  });

  test("export: rejects invalid parameters by name", async () => {
    for (const [query, parameter] of [
      ["color=red", "color"],
      ["From=1", "From"],
      ["from=1&from=1", "from"],
      ["from=", "from"],
      ["from", "from"],
      ["from=x", "from"],
      ["from=-1", "from"],
      ["from=+1", "from"],
      ["from=01", "from"],
      ["from=1.0", "from"],
      ["from=1e0", "from"],
      ["from=9007199254740992", "from"],
      ["from=9007199254740991", "from"],
      ["to=9007199254740991", "to"],
      ["from=9&to=3", "to"],
      ["limit=0", "limit"],
      ["limit=-1", "limit"],
      ["boundary=9007199254740991", "boundary"],
      ["since=yesterday", "since"],
      ["since=2020-02-30", "since"],
      ["until=2026-13-01", "until"],
      ["until=2026-01-01T00:00:60Z", "until"],
      ["chain=../../etc/passwd", "chain"],
      [`chain=${"A".repeat(32)}`, "chain"],
      ["action=*", "action"],
      ["action=job*", "action"],
      ["action=.*", "action"],
      ["actor=", "actor"],
      ["actor=%FF", "actor"],
      ["actor=%zz", "actor"],
      ["actor=%", "actor"],
      ["q=%21%21", "q"],
      ["q=a&q=b", "q"],
      [`q=${Array.from({ length: 33 }, (_, word) => `w${word}`).join("+")}`, "q"],
      ["%00=1", "\0"],
      ["token=x", "token"],
      ["access_token=x", "access_token"],
    ] as const) {
      const answer = await log.get(`/export?${query}`, AUDITOR);
      assert.deepEqual(answer.refusal(400, "request.invalid"), { parameter }, query);
    }
    assert.equal((await log.get("/export?&&", AUDITOR)).status, 200);
    assert.deepEqual(await numbers("%61ctor=u_2&action=session.login"), inAllRounds([1]));
  });

  test("proof: is the smallest export that proves one event", async () => {
    for (const number of [0, 13, 30, 47]) {
      const { chain, seq, text } = brought.find(({ event }) => event?.n === number) ?? assert.fail();
      const answer = await log.get(`/proof/${chain}/${seq}`, AUDITOR);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.headers["content-type"], "application/x-ndjson");
      const name = `log.example-audit-${chain}-${seq}.countersign.ndjson`;
      assert.equal(answer.headers["content-disposition"], `attachment; filename="${name}"`);
      assert.equal(answer.headers["cache-control"], "no-store");
      const proof = readExport(answer.text);
      assert.deepEqual(
        shown(proof).map(({ index, text }) => [index, text]),
        [[place(text), text]],
      );
      assert.equal(proof.range, undefined);
      assert.equal(proof.broken, 0);
      assert.equal((await verify(answer.text)).verdict, "partial");
    }
    // Open links have a position too.
    const open = await log.get(`/proof/${chains[0]?.id}/0`, AUDITOR);
    assert.deepEqual([open.status, shown(readExport(open.text))], [200, []]);
  });

  test("proof: rejects invalid and unknown indexes", async () => {
    const [one] = chains;
    const id = one?.id ?? "";
    const invalid = [
      `${id}/01`,
      `${id}/-1`,
      `${id}/x`,
      `${id}/`,
      `${id.toUpperCase()}/1`,
      "x/1",
      `${id}%2f1/1`,
      "..%2f..%2fetc/1",
    ];
    for (const place of invalid.filter((place) => !place.endsWith("/"))) {
      assert.deepEqual((await log.get(`/proof/${place}`, AUDITOR)).refusal(400, "request.invalid"), {}, place);
    }
    for (const place of [`${id}/9999`, `${"0".repeat(32)}/1`, id, `${id}/1/2`]) {
      assert.deepEqual((await log.get(`/proof/${place}`, AUDITOR)).refusal(404, "request.not_found"), {}, place);
    }
    const answer = await log.get(`/proof/${id}/1?a=1`, AUDITOR);
    assert.deepEqual(answer.refusal(400, "request.invalid"), { parameter: "a" });
  });
});

/** Returns the sizes that an export reaches, entry by entry and skip by skip. */
function sizesOf(text: string): Set<number> {
  let size = 0;
  const sizes = new Set([0]);
  for (const line of text.trimEnd().split("\n").slice(1)) {
    const { skip, checkpoint } = JSON.parse(line);
    size += checkpoint === undefined ? 2 ** (skip?.[0] ?? 0) : 0;
    sizes.add(size);
  }
  return sizes;
}
