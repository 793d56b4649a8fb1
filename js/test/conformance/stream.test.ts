/** Tests the live view: `GET /stream`. */

import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { before, test } from "node:test";
import { body, type Chain, eventLine, signed, time } from "./chain.ts";
import { readExport, shown } from "./export.ts";
import { hash } from "./keys.ts";
import { onEachLog } from "./log.ts";
import { verify } from "./program.ts";
import { AUDITOR, DESK, EMITTERS } from "./setup.ts";
import { leafHash } from "./tree.ts";

/** A server-sent event. */
interface StreamEvent {
  id?: number;
  line: string;
}

/** A live view that is being read. */
class View {
  readonly response: IncomingMessage;
  readonly #pieces: AsyncIterator<Buffer>;
  #text = "";

  constructor(response: IncomingMessage) {
    this.response = response;
    this.#pieces = response[Symbol.asyncIterator]();
  }

  /** Returns the next event; undefined when the stream has ended. */
  async next(): Promise<StreamEvent | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { value, done } = await this.#pieces.next();
        if (done) {
          return undefined;
        }
        this.#text += value.toString("latin1");
        continue;
      }
      const fields = this.#text.slice(0, end).split("\n");
      this.#text = this.#text.slice(end + 2);
      const sent: Partial<StreamEvent> = {};
      for (const field of fields) {
        const [, name, value = ""] = /^([a-z]*): ?(.*)$/.exec(field) ?? assert.fail(field);
        if (name === "id") {
          sent.id = Number(value);
        } else if (name === "data") {
          assert.equal(sent.line, undefined, "each event is one line");
          sent.line = Buffer.from(value, "latin1").toString();
        } else {
          assert.equal(name, "");
        }
      }
      if (sent.line !== undefined) {
        return { ...sent, line: sent.line };
      }
    }
  }

  /** Returns all events up to the checkpoint of this size. */
  async until(size: number): Promise<StreamEvent[]> {
    const all: StreamEvent[] = [];
    for (;;) {
      const sent = (await this.next()) ?? assert.fail("the stream ended");
      all.push(sent);
      const reached = Number(JSON.parse(sent.line).checkpoint?.split("\n")[1] ?? -1);
      assert.ok(reached <= size, `it receives the checkpoint of ${size} before that of ${reached}`);
      if (reached === size) {
        return all;
      }
    }
  }

  close(): void {
    this.response.destroy();
  }
}

const text = (sent: readonly StreamEvent[]) => sent.map(({ line }) => `${line}\n`).join("");
const ids = (sent: readonly StreamEvent[]) => sent.flatMap(({ id }) => id ?? []);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

onEachLog((log) => {
  const chains: Chain[] = [];
  let first = 0;
  let size = 0;

  const open = async (query = "", headers: Record<string, string> = {}) => {
    const response = await log.open(`/stream${query}`, AUDITOR, headers);
    assert.equal(response.statusCode, 200);
    return new View(response);
  };
  const grow = async (chain: Chain, events: number) => {
    const from = chain.lines.length;
    size = (await log.take(chain.events(events).body(from))).checkpoint.size;
  };

  before(async () => {
    first = await log.size();
    chains.push(log.chain(EMITTERS[0]), log.chain(EMITTERS[1]));
    for (const chain of chains) {
      await log.take(chain.body());
      await grow(chain, 12);
    }
  });

  test("stream: has the right headers", async () => {
    const view = await open();
    const { headers } = view.response;
    assert.equal(headers["content-type"], "text/event-stream; charset=utf-8");
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["content-encoding"], undefined);
    view.close();
  });

  test("stream: sends each new entry with its index, and verifies", async () => {
    const [chain = assert.fail()] = chains;
    const view = await open(`?from=${first}`);
    const sent = await view.until(size);
    for (let round = 0; round < 3; round++) {
      await grow(chain, 4);
      sent.push(...(await view.until(size)));
      const { entries } = readExport(text(sent));
      assert.equal(entries.length, size);
      const report = await verify(text(sent));
      if (first === 0) assert.deepEqual(report.complete, { by: "range", range: [0, size] });
      assert.equal(report.checks.range.state, "pass");
    }
    // Detects a server that omits a claimed entry.
    const lines = sent.map(({ line }) => line);
    const left = lines.findLastIndex((line) => line.includes(" event "));
    const of = leafHash(JSON.parse(lines[left] ?? "").link).toString("base64");
    const skipped = lines.with(left, JSON.stringify({ skip: [0, of] }));
    const found = await verify(`${skipped.join("\n")}\n`);
    assert.deepEqual([found.verdict, found.finding_counts["range.missing"]], ["broken", 1]);
    const dropped = await verify(`${lines.toSpliced(left, 1).join("\n")}\n`);
    assert.equal(dropped.verdict, "altered");
    view.close();
    assert.deepEqual(ids(sent), range(first, size));
    for (const { id, line } of sent) {
      assert.equal(id !== undefined, JSON.parse(line).link !== undefined && line !== sent[0]?.line);
    }
  });

  test("stream: shows the events that the same conditions select in an export", async () => {
    const [chain = assert.fail()] = chains;
    for (const conditions of [
      "actor=u_3",
      "action=job.update&actor=u_3",
      "q=u_3",
      "query=actor.id:u_3",
      "actor=nobody",
    ]) {
      const view = await open(`?from=${first}&${conditions}`);
      const sent = await view.until(size);
      await grow(chain, 8);
      sent.push(...(await view.until(size)));
      view.close();
      await verify(text(sent));
      const eventsIn = (lines: string) => lines.split("\n").flatMap((line) => line.match(/"event":.*/)?.[0] ?? []);
      const shown = eventsIn(text(sent));
      assert.deepEqual(shown, eventsIn(await log.export(`?from=${first}&${conditions}`, AUDITOR)), conditions);
      assert.equal(shown.length > 0, !conditions.endsWith("nobody"));
      assert.ok(shown.every((event) => event.includes("u_3")));
    }
    // In an export, a time that has passed begins a range of all entries.
    const all = await open(`?from=${first}&since=2020-01-01`);
    assert.doesNotMatch(text(await all.until(size)), /"withheld":"filtered"/);
    all.close();
  });

  test("stream: starts with new entries by default", async () => {
    const view = await open();
    const sent = await view.until(size);
    assert.deepEqual(ids(sent), []);
    const before = size;
    await grow(chains[1] ?? assert.fail(), 3);
    sent.push(...(await view.until(size)));
    view.close();
    assert.deepEqual(ids(sent), range(before, size));
    const read = readExport(text(sent));
    assert.deepEqual(
      shown(read).map(({ index }) => index),
      range(before, size),
    );
    assert.deepEqual(read.range, [before]);
    const report = await verify(text(sent));
    assert.equal(report.checks.range.state, "pass");
  });

  test("stream: resumes after the last received event", async () => {
    const whole = await (async () => {
      const view = await open(`?from=${first}`);
      const sent = await view.until(size);
      view.close();
      return sent;
    })();
    for (let cut = 0; cut <= whole.length; cut++) {
      const seen = whole.slice(0, cut);
      const last = ids(seen).at(-1);
      const view = await open(`?from=${first}`, last === undefined ? {} : { "last-event-id": String(last) });
      const rest = await view.until(size);
      view.close();
      assert.equal(rest[0]?.line.includes('"countersign"'), last === undefined, "a header when it starts over");
      // If the last checkpoint was already received, it is sent again.
      const all = last === undefined ? rest : [...seen.filter((_, at) => at < whole.length - 1), ...rest];
      assert.deepEqual(ids(all), range(first, size), `cut at ${cut}`);
      assert.equal(readExport(text(all)).size, size);
    }
  });

  test("stream: a resumed stream receives later entries too", async () => {
    const view = await open("", { "last-event-id": String(size - 1) });
    assert.deepEqual(ids(await view.until(size)), []);
    const before = size;
    await grow(chains[0] ?? assert.fail(), 2);
    assert.deepEqual(ids(await view.until(size)), range(before, size));
    view.close();
  });

  test("stream: many concurrent views receive the same", async () => {
    const views = await Promise.all(range(0, 5).map(() => open(`?from=${size}`)));
    for (const view of views) {
      await view.until(size);
    }
    const before = size;
    await grow(chains[0] ?? assert.fail(), 3);
    for (const view of views) {
      assert.deepEqual(ids(await view.until(size)), range(before, size));
      view.close();
    }
  });

  test("stream: a client that doesn't read blocks no other", async () => {
    const slow = await open(`?from=${first}`);
    const chain = log.chain(EMITTERS[2]);
    const long = "x".repeat(60_000);
    for (const n of range(0, 100)) {
      chain.event({ long, n }, { sign: n % 50 === 49 });
    }
    await log.take(chain.body(0, 51));
    size = (await log.take(chain.body(51))).checkpoint.size;
    const view = await open(`?from=${first}`);
    assert.deepEqual(ids(await view.until(size)), range(first, size));
    view.close();
    await log.stillAccepts();
    size += 2;
    assert.deepEqual(ids(await slow.until(size)), range(first, size));
    slow.close();
    // A full export verifies too.
    assert.equal(readExport(await log.export("", AUDITOR)).entries.length, size);
  });

  test("stream: a client may disconnect at any time", async () => {
    for (const path of ["/export", `/stream?from=${first}`]) {
      const going = await Promise.all(range(0, 4).map(() => log.open(path, AUDITOR)));
      for (const response of going) {
        await response[Symbol.asyncIterator]().next();
        response.destroy();
      }
    }
    const { hostname, port } = new URL(log.url);
    const half = request({ hostname, port, path: "/submit", method: "POST", headers: { "content-length": "1000" } });
    await new Promise((resolve) => {
      half.on("error", resolve);
      half.write("{", () => half.destroy());
    });
    assert.equal(await log.size(), size);
    await log.stillAccepts();
    size += 2;
  });

  test("stream: withholds an event that doesn't fit on one line", async () => {
    // Canonical JSON has no carriage return, but a log accepts any JSON that its emitter committed to.
    const chain = log.chain();
    const event = '{"action":\r"x"}';
    const salt = hash("salt").subarray(0, 16);
    const commit = hash("countersign/payload/v1\0", salt, event).toString("base64");
    const prev = leafHash(chain.at(0).link).toString("base64");
    const link = signed(
      `countersign/v1 event ${chain.id} 1 ${time(Date.UTC(2021, 0, 1))} ${prev} ${commit}`,
      chain.key,
    );
    const before = size;
    size = (await log.take(body(chain.at(0), eventLine(link, salt, event)))).checkpoint.size;
    const view = await open(`?from=${before}`);
    const sent = await view.until(size);
    view.close();
    assert.deepEqual(JSON.parse(sent.find(({ id }) => id === size - 1)?.line ?? ""), { link, withheld: "filtered" });
    assert.ok(sent.every(({ line }) => !line.includes("\r")));
    assert.ok((await log.export(`?from=${before}`, AUDITOR)).includes(event));
  });

  test("stream: rejects invalid parameters by name", async () => {
    for (const [query, parameter] of [
      ["from=x", "from"],
      ["from=-1", "from"],
      ["from=01", "from"],
      ["from=1&from=1", "from"],
      [`from=${size + 1}`, "from"],
      ["to=1", "to"],
      ["actor=", "actor"],
      ["tenant=a&tenant=b", "tenant"],
      ["limit=1", "limit"],
      ["boundary=1", "boundary"],
    ] as const) {
      const answer = await log.get(`/stream?${query}`, AUDITOR);
      assert.deepEqual(answer.refusal(400, "request.invalid"), { parameter }, query);
    }
    for (const last of ["x", "-1", "01", "1.5", "", String(size), "9007199254740991", "9007199254740992"]) {
      const answer = await log.get("/stream", AUDITOR, { "last-event-id": last });
      assert.deepEqual(answer.refusal(400, "request.invalid"), { parameter: "Last-Event-ID" }, last);
    }
  });

  test("stream: ends when the log stops", { skip: log.lasting }, async () => {
    const view = await open(`?from=${size}`);
    await view.until(size);
    const [ended] = await Promise.all([view.next().catch(() => undefined), log.restart()]);
    assert.equal(ended, undefined);
    const again = await open("", { "last-event-id": String(size - 1) });
    await again.until(size);
    again.close();
  });

  test("stream: shows erasures as events of the log", async () => {
    const chain = log.chain();
    const before = size;
    size = (await log.take(chain.events(1).body())).checkpoint.size;
    const view = await open(`?from=${before}`);
    await view.until(size);
    const erased = await log.erase({ events: [`${chain.id}/1`], reason: "case 1" }, DESK);
    assert.equal(erased.status, 200, erased.text);
    size = await log.size();
    const sent = await view.until(size);
    view.close();
    assert.ok(sent.some(({ line }) => JSON.parse(line).event?.action === "log.erase"));
    const anew = await open(`?from=${before}`);
    const line = (await anew.until(size)).find(({ id }) => id === before + 1)?.line ?? "";
    anew.close();
    assert.equal(JSON.parse(line).withheld, "erased");
  });
});
