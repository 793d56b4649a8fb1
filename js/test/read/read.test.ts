/** Tests the verified reader against a log server, also through proxies that change its answers. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { CountersignError } from "countersign";
import { type OpenLogOptions, openLog, type Position, type VerifiedEvent, type VerifiedEvents } from "countersign/read";
import { bundled, start } from "../adapters/workerd.ts";
import { Signer } from "../conformance/keys.ts";
import type { Started } from "../conformance/log.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, EMITTERS, ISSUER, LOG, ORIGIN, SETUP } from "../conformance/setup.ts";
import { createRecorder } from "../deliver/recorder.ts";
import { TenantServer } from "../tenants/server.ts";

const COUNT = 1_500;

type Fetch = NonNullable<OpenLogOptions["fetch"]>;

/** Returns a `fetch` that changes the body of the nth export, from 0. */
function changing(nth: number, change: (text: string) => string): Fetch {
  let exports = 0;
  return async (url, init) => {
    const response = await fetch(url, init);
    const isIt = url.includes("/export?") && exports++ === nth;
    return isIt ? new Response(change(await response.text())) : response;
  };
}

const numberOf = (event: VerifiedEvent) => (event.parse().metadata as { nth: number }).nth;

async function readAll(events: VerifiedEvents): Promise<number[]> {
  const numbers: number[] = [];
  for await (const event of events) {
    numbers.push(numberOf(event));
  }
  return numbers;
}

/** Returns the events before the error, and the error. */
async function readUntilError(events: VerifiedEvents): Promise<{ numbers: number[]; error: CountersignError }> {
  const numbers: number[] = [];
  try {
    for await (const event of events) {
      numbers.push(numberOf(event));
    }
  } catch (error) {
    return { numbers, error: error as CountersignError };
  }
  return assert.fail("the reading succeeded");
}

/** Records numbered events with two emitters. */
async function fill(url: string, from: number, to: number, log = LOG): Promise<void> {
  const recorders = EMITTERS.slice(0, 2).map(({ secret }) =>
    createRecorder({ key: secret, to: url, log: log.vkey, autoFlush: false }),
  );
  for (let nth = from; nth < to; nth++) {
    recorders[nth % 2]?.record({ action: nth % 3 === 0 ? "job.run" : "job.stop", metadata: { nth } });
    if (nth % 100 === 99) {
      for (const recorder of recorders) {
        await recorder.flush();
      }
    }
  }
  for (const recorder of recorders) {
    await recorder.close();
  }
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, nth) => from + nth);
const sorted = (all: readonly number[]) => all.toSorted((a, b) => a - b);

describe("openLog", { skip: serve.skip, timeout: 180_000 }, () => {
  let server: Started;
  const open = (options: Partial<OpenLogOptions> = {}) =>
    openLog({ url: server.url, token: AUDITOR, trust: SETUP.trust, ...options });

  before(async () => {
    server = await serve.start(SETUP);
    await fill(server.url, 0, COUNT);
  });
  after(() => server.close());

  test("returns all events in the order of the log, in several pages", async () => {
    let pages = 0;
    const counted: Fetch = (url, init) => {
      pages += url.includes("/export?") ? 1 : 0;
      return fetch(url, init);
    };
    const events = open({ fetch: counted }).events();
    let last = -1;
    const found: number[] = [];
    for await (const event of events) {
      assert.ok(event.index > last);
      last = event.index;
      assert.equal(events.position.next, last + 1);
      found.push(numberOf(event));
    }
    assert.deepEqual(sorted(found), numbers(0, COUNT));
    assert.ok(pages > 1, `${pages} pages`);
  });

  test("returns nothing for a query that no event matches, and continues after it", async () => {
    const events = open().events({ query: "action:nothing" });
    assert.deepEqual(await readAll(events), []);
    assert.ok(events.position.next >= COUNT);
    assert.deepEqual(await readAll(open().events({ after: events.position })), []);
  });

  test("continues over the end of a granted key's chain", async (t) => {
    const own = await serve.start(SETUP);
    t.after(() => own.close());
    const key = new Signer("example.net/app", 7);
    const grant = ["countersign/v1 keys", ORIGIN, `grant ${key.vkey} - -`, ""].join("\n");
    const body = `${JSON.stringify({ note: ISSUER.note(grant) })}\n`;
    assert.equal((await fetch(`${own.url}/submit`, { method: "POST", body })).status, 200);
    const recorder = createRecorder({ key: key.secret, to: own.url, log: LOG.vkey, autoFlush: false });
    recorder.record({ action: "job.run", metadata: { nth: 0 } });
    await recorder.flush();
    const first = open({ url: own.url }).events();
    assert.deepEqual(await readAll(first), [0]);
    await recorder.close();
    const rest = open({ url: own.url }).events({ after: first.position });
    assert.deepEqual(await readAll(rest), []);
    assert.ok(rest.position.next > first.position.next);
  });

  test("returns the events that match a query", async () => {
    const found = await readAll(open().events({ query: "action:job.run" }));
    assert.deepEqual(
      sorted(found),
      numbers(0, COUNT).filter((nth) => nth % 3 === 0),
    );
  });

  test("continues after a stored position, also when the log has grown", async () => {
    const found: number[] = [];
    let position: Position | undefined;
    for (const most of [1, 700, 5, 10_000]) {
      const events = open().events({ after: position });
      let left = most;
      for await (const event of events) {
        found.push(numberOf(event));
        if (--left === 0) {
          break;
        }
      }
      position = JSON.parse(JSON.stringify(events.position));
    }
    assert.deepEqual(sorted(found), numbers(0, COUNT));
    const atEnd = open().events({ after: position });
    assert.deepEqual(await readAll(atEnd), []);
    assert.deepEqual(atEnd.position, position);
  });

  for (const [what, change] of [
    ["changed", (text: string) => text.replace('"nth":40}', '"nth":41}')],
    ["removed", (text: string) => text.replace(/^\{"link".*"nth":40\}.*\n/m, "")],
    ["repeated", (text: string) => text.replace(/^\{"link".*"nth":40\}.*\n/m, "$&$&")],
  ] as const) {
    test(`returns no event of a page in which one was ${what}`, async () => {
      const { numbers: found, error } = await readUntilError(open({ fetch: changing(0, change) }).events());
      assert.equal(error.code, "log.unverified", error.message);
      assert.ok(error.hint);
      assert.deepEqual(found, []);
    });
  }

  test("counts the events that the server withholds", async () => {
    const change = (text: string) => text.replace(/,"salt":"[^"]*","event":[^\n]*"nth":40\}[^\n]*/, "}");
    const events = open({ fetch: changing(0, change) }).events();
    assert.deepEqual(
      sorted(await readAll(events)),
      numbers(0, COUNT).filter((nth) => nth !== 40),
    );
    assert.equal(events.withheld, 1);
    const whole = open().events();
    await readAll(whole);
    assert.equal(whole.withheld, 0);
  });

  test("returns the events of the pages before one that was changed", async () => {
    const change = (text: string) => text.replace(`"nth":${COUNT - 1}}`, '"nth":0}');
    const events = open({ fetch: changing(1, change) }).events();
    const { numbers: found, error } = await readUntilError(events);
    assert.equal(error.code, "log.unverified");
    assert.match(error.message, /altered/);
    assert.ok(found.length > 500 && found.length < COUNT);
    // The position continues there.
    assert.deepEqual(
      sorted([...found, ...(await readAll(open().events({ after: events.position })))]),
      numbers(0, COUNT),
    );
  });

  test("refuses a truncated answer", async () => {
    const { numbers: found, error } = await readUntilError(
      open({ fetch: changing(0, (text) => text.slice(0, 20_000)) }).events(),
    );
    assert.equal(error.code, "log.unverified");
    assert.deepEqual(found, []);
  });

  test("refuses another history of the log, and a shorter one", async () => {
    const events = open().events();
    await readAll(events);
    const { position: after } = events;
    const other = await serve.start(SETUP);
    try {
      const shorter = await readUntilError(open({ url: other.url }).events({ after }));
      assert.equal(shorter.error.code, "log.rollback");
      await fill(other.url, 0, COUNT + 100);
      const rewritten = await readUntilError(open({ url: other.url }).events({ after }));
      assert.equal(rewritten.error.code, "log.unverified");
      assert.deepEqual(rewritten.numbers, []);
    } finally {
      await other.close();
    }
  });

  test("refuses another trusted log under the URL of the first", async () => {
    const log = new Signer("other.example/audit", 2);
    const trust = `${SETUP.trust}log ${log.vkey}\n`;
    const other = await serve.start({ ...SETUP, key: log.secret, trust: SETUP.trust.replace(LOG.vkey, log.vkey) });
    try {
      await fill(other.url, 0, 20, log);
      const events = open({ url: other.url, trust }).events();
      assert.equal((await readAll(events)).length, 20);
      const { position: after } = events;
      const moved = await readUntilError(open({ trust }).events({ after }));
      assert.equal(moved.error.code, "log.unverified");
      assert.match(moved.error.message, /another log/);
      assert.deepEqual(moved.numbers, []);
      // Only the export is of the other log.
      const first = open().events();
      for await (const _ of first) {
        break;
      }
      await fill(other.url, 20, COUNT, log);
      for (const query of [undefined, "action:job.run"]) {
        const swapped: Fetch = (url, init) =>
          fetch(url.includes("/export?") ? url.replace(server.url, other.url) : url, init);
        const { numbers: found, error } = await readUntilError(
          open({ trust, fetch: swapped }).events({ after: first.position, query }),
        );
        assert.equal(error.code, "log.unverified");
        assert.deepEqual(found, []);
      }
    } finally {
      await other.close();
    }
  });

  test("refuses another history of the same size", async () => {
    const [first, second] = [await serve.start(SETUP), await serve.start(SETUP)];
    try {
      await fill(first.url, 0, 10);
      const events = open({ url: first.url }).events();
      await readAll(events);
      await fill(second.url, 0, 10);
      const size = async (url: string) => (await (await fetch(`${url}/checkpoint`)).text()).split("\n")[1];
      assert.equal(await size(second.url), await size(first.url));
      const { numbers: found, error } = await readUntilError(
        open({ url: second.url }).events({ after: events.position }),
      );
      assert.equal(error.code, "log.unverified");
      assert.match(error.message, /not those that were verified before/);
      assert.deepEqual(found, []);
    } finally {
      await first.close();
      await second.close();
    }
  });

  for (const path of ["/checkpoint", "/export"]) {
    test(`reports a connection that is lost during ${path}`, async () => {
      const proxy = createServer(async (request, response) => {
        const answer = await fetch(server.url + request.url, { headers: { authorization: `Bearer ${AUDITOR}` } });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        response.writeHead(answer.status, { "content-length": bytes.length });
        if (request.url?.startsWith(path)) {
          response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
        } else {
          response.end(bytes);
        }
      });
      await once(proxy.listen(0, "127.0.0.1"), "listening");
      try {
        const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
        const { numbers: found, error } = await readUntilError(open({ url }).events());
        assert.equal(error.code, "log_server.unreachable", error.message);
        assert.match(error.message, /was lost/);
        assert.deepEqual(found, []);
      } finally {
        proxy.closeAllConnections();
        proxy.close();
      }
    });
  }

  test("sends no request with an invalid trust file", async () => {
    let requests = 0;
    const counted: Fetch = (url, init) => {
      requests++;
      return fetch(url, init);
    };
    const { error } = await readUntilError(open({ fetch: counted, trust: "log no-vkey\n" }).events());
    assert.match(error.code, /^(trust|key|note)/, error.message);
    assert.equal(requests, 0);
  });

  for (const [what, trust] of [
    ["no log", SETUP.trust.replace(/^log .*\n/m, "")],
    ["another log", SETUP.trust.replace(/^log .*$/m, `log ${EMITTERS[2].vkey}`)],
    ["one emitter less", SETUP.trust.replace(`emitter ${EMITTERS[0].vkey}\n`, "")],
  ] as const) {
    test(`refuses everything if the trust file has ${what}`, async () => {
      const { numbers: found, error } = await readUntilError(open({ trust }).events());
      assert.equal(error.code, "log.unverified", error.message);
      assert.deepEqual(found, []);
    });
  }

  test("reports a wrong token and a wrong query, without the token", async () => {
    const token = `csr_${"0".repeat(64)}`;
    const denied = await readUntilError(open({ token }).events());
    assert.equal(denied.error.code, "log_server.unexpected");
    assert.ok(!JSON.stringify([denied.error, denied.error.stack, denied.error.message]).includes(token));
    const { error } = await readUntilError(open().events({ query: "action:(" }));
    assert.equal(error.code, "log_server.unexpected");
    assert.match(error.message, /query\./);
  });

  test("stops with the signal's reason, and reports a server that doesn't respond", async () => {
    const control = new AbortController();
    const events = open().events({ signal: control.signal });
    const iterator = events[Symbol.asyncIterator]();
    await iterator.next();
    control.abort(new Error("own"));
    await assert.rejects(
      async () => {
        while (!(await iterator.next()).done);
      },
      { message: "own" },
    );
    const hanging: Fetch = (_, { signal }) =>
      new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    const late = await readUntilError(open({ fetch: hanging, timeoutMs: 20 }).events());
    assert.equal(late.error.code, "log_server.timeout");
    const down = await readUntilError(open({ url: "http://127.0.0.1:9" }).events());
    assert.equal(down.error.code, "log_server.unreachable");
  });

  test("a Worker can read a log", async () => {
    const worker = start(await bundled(new URL("worker/reader.ts", import.meta.url)), {
      bindings: { URL: server.url, TOKEN: AUDITOR, TRUST: SETUP.trust },
    });
    try {
      const response = await worker.dispatchFetch("http://worker.test/");
      const { ids, error } = (await response.json()) as { ids?: { nth: number }[]; error?: string };
      assert.equal(error, undefined);
      assert.equal(ids?.length, COUNT / 3);
    } finally {
      await worker.dispose();
    }
  });

  test("reads the log of a tenant", async () => {
    const tenants = await TenantServer.start({});
    try {
      const acme = await tenants.addWithToken("acme");
      await tenants.record(
        acme,
        [1, 2].map((nth) => ({ action: "job.run", metadata: { nth } })),
      );
      const log = openLog({ url: tenants.url + acme.path, token: acme.token, trust: acme.trust });
      const events = log.events();
      assert.deepEqual(await readAll(events), [1, 2]);
      await tenants.record(acme, [{ action: "job.run", metadata: { nth: 3 } }]);
      assert.deepEqual(await readAll(log.events({ after: events.position })), [3]);
    } finally {
      await tenants.close();
    }
  });
});

for (const [what, wrong, member] of [
  ["no URL", { url: undefined }, "url"],
  ["a URL without a scheme", { url: "log.example.com" }, "url"],
  ["a token across a public network without TLS", { url: "http://log.example.com" }, "url"],
  ["an empty token", { token: "" }, "token"],
  ["a token with a line feed", { token: "a\nb" }, "token"],
  ["no trust file", { trust: undefined }, "trust"],
  ["a misspelled option", { tokn: "a" }, "tokn"],
  ["no time", { timeoutMs: 0 }, "timeoutMs"],
] as const) {
  test(`openLog refuses ${what}`, () => {
    const options = { url: "https://log.example", token: "csr_0", trust: SETUP.trust, ...wrong };
    assert.throws(() => openLog(options as OpenLogOptions), { code: "options.invalid", member });
  });
}

for (const after of [5, {}, { next: -1, pin: null }, { next: 1 }, { next: 1, pin: "x" }]) {
  test(`events refuses the position ${JSON.stringify(after)}`, () => {
    const log = openLog({ url: "https://log.example", trust: SETUP.trust });
    assert.throws(() => log.events({ after: after as Position }), { code: "options.invalid", member: "after" });
  });
}
