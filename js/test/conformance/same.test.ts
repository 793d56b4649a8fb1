/** Logs of different kinds, given the same: they answer the same, become the same, and read each other. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { BEGIN, body, Chain, time } from "./chain.ts";
import { readExport, shown } from "./export.ts";
import type { Answer, Ask } from "./http.ts";
import { hash, Signer } from "./keys.ts";
import { KINDS, Log } from "./log.ts";
import { verify } from "./program.ts";
import { AUDITOR, DESK, EMITTERS, FORMER, ISSUER, ORIGIN } from "./setup.ts";
import { bundlesOf, pathOf, tilesOf } from "./tiles.ts";

const [one, other] = KINDS;
const skip = other === undefined ? "there is one kind of log" : one?.skip || other.skip;

/** What is asked of both, one after the other. */
type Request = [path: string, ask: Ask];

const reader = (token: string) => ({ authorization: `Bearer ${token}` });
const submit = (body: string | Uint8Array, headers = {}): Request => ["/submit", { method: "POST", body, headers }];
const read = (path: string, token?: string): Request => [path, { headers: token === undefined ? {} : reader(token) }];
const erase = (asked: unknown, token = DESK): Request => [
  "/erase",
  { method: "POST", headers: reader(token), body: JSON.stringify(asked) },
];
const note = (...statements: string[]) =>
  JSON.stringify({ note: ISSUER.note(["countersign/v1 keys", ORIGIN, ...statements, ""].join("\n")) });

/** Submissions and what else changes nothing that depends on a clock, good ones and bad ones. */
function requests(): Request[] {
  const begin = (number: number, key = EMITTERS[0]) => Chain.begin(key, ORIGIN, `same ${number}`);
  const granted = new Signer("example.net/granted", 7);
  const [a, b, c] = [begin(1), begin(2, EMITTERS[1]), begin(3, granted)];
  const all: Request[] = [submit(body(a.at(0)))];
  for (let round = 0; round < 6; round++) {
    all.push(submit(a.events(30).body(a.lines.length - 30)));
    const [left, right] = [a.events(20).body(a.lines.length - 20), b.events(round).body(b.lines.length - round)];
    all.push(submit(round === 0 ? body(b.at(0)) : right), submit(gzipSync(left), { "content-encoding": "gzip" }));
  }
  all.push(submit(c.body()), submit(note(`grant ${granted.vkey} - 2020-01-02T00:00:00.000Z`)), submit(c.body()));
  c.event({ action: "in time" });
  c.event({ action: "too late" }, { at: BEGIN + 86_400_000 });
  all.push(submit(c.body(1, 2)), submit(c.body(2)), submit(note(`revoke ${granted.vkey} -`)), submit(c.body(0, 2)));
  const twin = a.twin();
  a.event({ action: "the one", actor: { id: "u_1" }, tenant: "acme" });
  twin.event({ action: "the other" });
  all.push(submit(a.body(a.lines.length - 1)), submit(twin.body(twin.lines.length - 1)), submit(a.body(40, 60)));
  a.events(3);
  all.push(
    submit(a.body(a.lines.length - 1)),
    submit(body(a.at(a.lines.length - 3))),
    submit(a.body(a.lines.length - 3)),
  );
  a.close();
  all.push(submit(body(a.last)), submit(a.body(5) + b.body(3)), submit(begin(4).body() + begin(5, granted).body()));
  for (const bad of [
    "",
    "x",
    `${a.at(0).text}\nx`,
    '{"leaf":"AAAA"}',
    '{"note":"x"}',
    '{"link":"x"}',
    "\ufeff",
    a.at(0).text.slice(1),
  ]) {
    all.push(submit(bad));
  }
  all.push(submit("x", { "content-encoding": "br" }), submit(gzipSync("x").subarray(0, -1)));
  all.push(submit(Chain.begin(EMITTERS[0], "other.example", "x").body()));
  return all;
}

/** Bodies that were good until something was done to them, the same in each run. */
function* mutants(count: number): Generator<Buffer> {
  const chain = Chain.begin(EMITTERS[2], ORIGIN, "mutants");
  const key = new Signer("example.net/mutants", 7);
  const good = [...chain.events(3).lines, ...chain.events(2).lines].map(({ text }) => text);
  const lines = [note(`grant ${key.vkey} - -`), ...good.slice(0, 4), note(`revoke ${key.vkey} -`), ...good.slice(4)];
  for (let number = 0; number < count; number++) {
    const random = hash(`mutant ${number}`);
    const pick = (place: number, below: number) => random.readUInt32BE(place * 4) % below;
    const some = lines.slice(0, 2 + pick(0, lines.length - 1));
    const [one, other] = [pick(1, some.length), pick(2, some.length)];
    const [a = "", b = ""] = [some[one], some[other]];
    switch (pick(3, 5)) {
      case 0:
        some.splice(one, 1);
        break;
      case 1:
        [some[one], some[other]] = [b, a];
        break;
      case 2:
        some[one] = a.slice(0, pick(4, a.length)) + b.slice(pick(5, b.length));
        break;
      case 3:
        some[one] = a.replace(
          /(".*?"|\d+)(?=[^"]*$)/,
          ["null", "[]", "{}", '""', "1e400", '"\\u0000"', "true"][pick(4, 7)] ?? "",
        );
        break;
      default:
        some.splice(other, 0, a);
    }
    const bytes = Buffer.from(body(...some));
    if (pick(6, 2) === 0) {
      const at = random.readUInt32BE(28) % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << ((random[24] ?? 0) % 8));
    }
    yield bytes;
  }
}

/** Events of all kinds, in chains whose links alternate. */
function varied(): Request {
  const chains = EMITTERS.map((key, number) => Chain.begin(key, ORIGIN, `varied ${number}`));
  const lines = chains.map((chain) => chain.at(0));
  for (let number = 0; number < 400; number++) {
    const chain = chains[(number % 7) % 3] ?? assert.fail();
    const random = hash(`event ${number}`);
    const pick = <T>(place: number, values: readonly T[]) => values[(random[place] ?? 0) % values.length];
    const event = {
      action: pick(0, VALUES.action),
      actor: { id: pick(1, VALUES.actor) },
      outcome: pick(2, [...VALUES.outcome, undefined]),
      target: { type: pick(3, ["job", "user"]), id: pick(4, ["1", "2", "3"]) },
      tenant: pick(5, [...VALUES.tenant, undefined]),
      text: [pick(6, VALUES.q), pick(7, VALUES.q), number],
    };
    lines.push(chain.event(event, { sign: number % 10 === 9 || number >= 390, at: BEGIN + number * 60_000 }));
  }
  return submit(body(...lines));
}

/** Values of conditions. */
const VALUES = {
  action: ["job.update", "job.delete", "job", "session.login", "session.logout"],
  actor: ["u_1", "u_2", "u_3", "u 4"],
  outcome: ["success", "failure", "unknown"],
  tenant: ["acme", "globex"],
  target: ["1", "job:2", "user:3", "job:1"],
  q: ["night", "shift", "Night", "\u00e9t\u00e9", "ann@example.com", "7", "example"],
};

/** What exports can be asked for, the same in each run. */
function* queries(count: number, size: number): Generator<string> {
  for (let number = 0; number < count; number++) {
    const random = hash(`query ${number}`);
    const query = new URLSearchParams();
    for (const [place, [name, values]] of Object.entries(VALUES).entries()) {
      if ((random[place] ?? 0) % 3 === 0) {
        query.set(name, values[(random[place + 8] ?? 0) % values.length] ?? "");
      }
    }
    const [from, to] = [random.readUInt16BE(16) % size, random.readUInt16BE(18) % size].sort((a, b) => a - b);
    if ((random[6] ?? 0) % 3 === 0) {
      query.set("from", `${from}`);
    }
    if ((random[7] ?? 0) % 3 === 0) {
      query.set("to", `${to}`);
    }
    if ((random[20] ?? 0) % 3 === 0) {
      query.set("limit", `${1 + ((random[21] ?? 0) % 80)}`);
    }
    if ((random[22] ?? 0) % 5 === 0) {
      query.set((random[22] ?? 0) % 2 === 0 ? "since" : "until", time(BEGIN + (random[23] ?? 0) * 90_000));
    }
    yield query.toString();
  }
}

const QUERIES = [
  "",
  "from=3&to=70",
  "from=100",
  "actor=u_3",
  "actor=u_1&limit=4",
  "tenant=acme",
  "q=granted",
  "q=the+one",
  "action=job.*&from=20&to=200&limit=9",
  "outcome=success&limit=3",
  "since=2020-01-01T00:00:00.010Z&until=2020-01-01T00:00:00.090Z",
  "boundary=77&limit=1",
];

/** Checkpoints are kept by the hour of the log's clock: those before the last may differ. */
const withoutOlder = (text: string) => {
  const lines = text.split("\n");
  const last = lines.findLastIndex((line) => line.startsWith('{"checkpoint"'));
  return lines.filter((line, at) => at === last || !line.startsWith('{"checkpoint"'));
};

describe("of the same", { skip }, () => {
  const logs: Log[] = [];
  before(async () => {
    logs.push(...KINDS.map((kind) => new Log(kind)));
    await Promise.all(logs.map((log) => log.start()));
  });
  after(() => Promise.all(logs.map((log) => log.close())));

  const ofBoth = async <T>(ask: (log: Log) => Promise<T>): Promise<[T, T]> => {
    const [one = assert.fail(), other = assert.fail()] = await Promise.all(logs.map(ask));
    return [one, other];
  };

  /** Asserts that both answer this the same. */
  const same = async ([path, ask]: Request, of = (answer: Answer): unknown => answer.text): Promise<void> => {
    const [one, other] = await ofBoth((log) => log.ask(path, ask));
    const shown = `${path} ${String(ask.body ?? "").slice(0, 300)}`;
    assert.deepEqual([other.status, of(other)], [one.status, of(one)], shown);
    for (const name of ["content-type", "cache-control", "retry-after", "www-authenticate", "content-disposition"]) {
      assert.equal(other.headers[name], one.headers[name], `${shown}: ${name}`);
    }
  };

  test("submissions get the same answers, down to the checkpoint's signature", async () => {
    for (const request of requests()) {
      await same(request, ({ json }) => json);
    }
  });

  test("submissions that were damaged get the same answers too", async () => {
    const outcomes = new Set<string>();
    for (const damaged of mutants(160)) {
      await same(submit(damaged), ({ json }) => {
        outcomes.add((json.error as { code: string } | undefined)?.code ?? "taken");
        return json;
      });
    }
    for (const code of ["export.invalid", "log.gap", "log.refused", "log.unauthorized", "signature.invalid", "taken"]) {
      assert.ok(outcomes.has(code), code);
    }
    await same(read("/checkpoint"));
  });

  test("the trees are the same, tile by tile", async () => {
    const size = (await logs[0]?.size()) ?? 0;
    assert.ok(size > 256);
    for (const path of ["/checkpoint", ...[...tilesOf(size), ...bundlesOf(size)].map(pathOf)]) {
      await same(read(path), ({ body }) => body.toString("base64"));
    }
  });

  test("the exports are the same, line by line", async () => {
    await same(varied(), ({ json }) => json);
    const size = (await logs[0]?.size()) ?? 0;
    let events = 0;
    for (const query of [...QUERIES, ...queries(30, size)]) {
      await same(read(`/export?${query}`, AUDITOR), ({ text }) => {
        events += shown(readExport(text)).length;
        return withoutOlder(text);
      });
    }
    assert.ok(events > 500, `${events}`);
    const { id } = Chain.begin(EMITTERS[0], ORIGIN, "same 1");
    for (const seq of [0, 1, 40, 300]) {
      await same(read(`/proof/${id}/${seq}`, AUDITOR), ({ text }) => withoutOlder(text));
    }
  });

  test("addresses that are written oddly mean the same", async () => {
    for (const query of [
      "&&limit=1&",
      "=",
      "=1",
      "limit=1;from=2",
      "limit=1#from=x",
      "limit=1?from=2",
      "actor=a=b",
      "actor=u%5F1&limit=1",
      "actor=u+4&limit=2",
      "actor=u%204&limit=2",
      "actor=u%2b4",
      "actor='u_1'",
      "actor=%00",
      "actor=%C0%80",
      "actor=%ED%A0%80",
      "actor=%E2%80%AE",
      "q=%F0%9F%8C%99",
      "q=%C3%89T%C3%89&limit=1",
      "q=+",
      "%61ction=job&limit=1",
      "action=job%2E*&limit=1",
      "li%6Dit=1&limit=2",
      `actor=${"x".repeat(8_000)}`,
    ]) {
      await same(read(`/export?${query}`, AUDITOR), ({ text }) => withoutOlder(text));
    }
  });

  test("what is refused is refused in the same words", async () => {
    const refused: Request[] = [
      ...["color=red", "from=x", "from=999999", "from=9&to=3", "limit=0", "since=now", "q=!", "actor=", "chain=x"].map(
        (query) => read(`/export?${query}`, AUDITOR),
      ),
      ...["/export", "/stream", "/proof/x/1", "/nothing", "/tile/0/x", "/submit"].map((path) => read(path)),
      ...["/stream?from=x", "/stream?to=1", "/stream?from=999999", "/proof/x/1", "/proof/x"].map((path) =>
        read(path, AUDITOR),
      ),
      read("/export", FORMER),
      erase({}),
      erase({}, AUDITOR),
      erase({ events: ["x"], reason: "x" }),
      erase({ events: [`${"0".repeat(32)}/1`], reason: "x" }),
      erase({ filter: {}, reason: "x" }),
      erase({ filter: { since: "now" }, reason: "x" }),
      erase({ events: [], reason: "" }),
      ["/checkpoint", { method: "POST", body: "" }],
      ["/erase", { method: "PUT", body: "" }],
    ];
    for (const request of refused) {
      await same(request, ({ json }) => json);
    }
  });

  test("what each erases, both say in the same way", async () => {
    const { id } = Chain.begin(EMITTERS[0], ORIGIN, "same 1");
    await same(erase({ events: [`${id}/3`, `${id}/4`], reason: "case 1" }), ({ json }) => json);
    await same(erase({ filter: { actor: "u_5" }, reason: "case 2" }), ({ json }) => json);
    await same(erase({ filter: { actor: "u_5" }, reason: "case 2" }), ({ json }) => json);
    // The log's own chains have times and nonces of their own, and how many there are is up to it.
    const [one, other] = await ofBoth(async (log) => {
      const { entries } = readExport(await log.export("", AUDITOR));
      return entries.flatMap(({ event, withheld }) => event ?? withheld ?? []);
    });
    assert.ok(one.includes("erased"));
    assert.deepEqual(other, one);
  });

  test("an export of one, brought to another log of its key, gives the same root", async () => {
    for (const [from, to] of [KINDS, KINDS.toReversed()].map(([from, to]) => [from, to] as const)) {
      const [source, target] = [new Log(from ?? assert.fail()), new Log(to ?? assert.fail())];
      try {
        await Promise.all([source.start(), target.start()]);
        const granted = new Signer("example.net/replayed", 7);
        await source.take(body(note(`grant ${granted.vkey} - -`)) + source.chain(granted).events(20).body());
        const chain = source.chain().events(10);
        await source.take(chain.body());
        const text = await source.export("", AUDITOR);
        await target.take(body(...readExport(text).entries.map(({ text }) => text)));
        assert.deepEqual(await target.checkpoint(), await source.checkpoint());
        const [first, second] = [await verify(text), await verify(await target.export("", AUDITOR))];
        assert.deepEqual(
          [second.verdict, second.log, second.counts.events],
          [first.verdict, first.log, first.counts.events],
        );
        // What an erasure's record asks for is done: the log alone makes them, whoever has its key.
        assert.equal((await source.erase({ events: [`${chain.id}/5`], reason: "case 1" }, DESK)).status, 200);
        const { entries } = readExport(await source.export("", AUDITOR));
        const forged = await target.submit(body(...entries.map(({ text }) => text)));
        assert.equal(forged.status, 403, forged.text);
        assert.equal((forged.json.error as { code: string }).code, "log.unauthorized");
      } finally {
        await Promise.all([source.close(), target.close()]);
      }
    }
  });
});
