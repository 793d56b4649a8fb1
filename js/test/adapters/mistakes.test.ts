/** Tests configuration mistakes in a Worker: errors have hints, and requests still get a response. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Miniflare } from "miniflare";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/mistakes.ts", import.meta.url));
const [EMITTER] = EMITTERS;

describe("configuration mistakes in a Worker", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  const lines: string[] = [];
  let worker: Miniflare;
  before(async () => {
    await log.start();
    worker = start(bundle, {
      bindings: { KEY: EMITTER.secret, URL: log.url, LOG: LOG.vkey, EMPTY: "" },
      durableObjects: { OBJECT: { className: "Thing", useSQLite: true } },
      handleStructuredLogs: ({ message }: { message: string }) => {
        lines.push(message);
      },
    });
  });
  after(async () => {
    await worker.dispose();
    await log.close();
  });

  const ask = async (path: string) =>
    (await (await worker.dispatchFetch(`http://worker.test${path}`)).json()) as object;

  /** Waits until the console shows the text, which arrives asynchronously. */
  async function waitForLine(text: string): Promise<void> {
    await eventually(
      `the console shows: ${text}`,
      () => lines,
      (said) => said.some((line) => line.includes(text)),
    );
  }

  for (const [path, member, message, hint] of [
    [
      "/no-key",
      "key",
      /lacks .*: NO_KEY$/,
      /npx wrangler secret put NO_KEY .*countersign keygen.*NO_KEY=PRIVATE\+KEY\+… in \.dev\.vars/,
    ],
    ["/empty-key", "key", /lacks .*: EMPTY$/, /npx wrangler secret put EMPTY/],
    ["/no-url", "to", /lacks .*: NO_URL$/, /"vars": \{ "NO_URL": "https:\/\/log\.example" \}/],
    ["/no-log", "log", /lacks .*: NO_LOG$/, /"vars": \{ "NO_LOG": .* the log's vkey/],
    ["/no-binding", "to", /lacks .*: NO_BINDING$/, /"services": \[\{ "binding": "NO_BINDING".*"durable_objects"/],
    ["/no-binding-called", undefined, /lacks .*: NO_BINDING$/, /set NO_BINDING: .*a binding in wrangler\.jsonc/],
    ["/nothing", "key", /lacks .*: NO_KEY, NO_URL, NO_LOG$/, /secret put NO_KEY.*"NO_URL".*"NO_LOG"/],
    ["/stub", "to", /can't be a Durable Object stub/, /\{ binding: env\.LOG, name \}/],
    ["/url-without-scheme", "to", /lacks https:\/\//, /https:\/\//],
  ] as const) {
    test(path, async () => {
      const { hint: hinted, message: text, ...error } = (await ask(path)) as { hint: string; message: string };
      assert.deepEqual(error, { isOurs: true, code: "options.invalid", ...(member && { member }) });
      assert.match(text, message);
      assert.match(hinted, hint);
    });
  }

  for (const path of ["/key-is-a-vkey", "/key-is-cut"]) {
    test(`${path}: the error does not repeat the secret`, async () => {
      const error = (await ask(path)) as { code: string; member: string };
      assert.equal(error.code, "key.invalid");
      assert.equal(error.member, "key");
      assert.doesNotMatch(JSON.stringify(error), /PRIVATE\+KEY\+e|example/);
    });
  }

  test("a handler responds although its recorder can't start, and the reason is logged once", async () => {
    assert.deepEqual(await ask("/not-required"), { waiting: 1, lastError: "options.invalid" });
    assert.deepEqual(await ask("/not-required"), { waiting: 2, lastError: "options.invalid" });
    await waitForLine("NO_KEY");
    const told = lines.filter((line) => line.includes("NO_KEY"));
    assert.equal(told.length, 1, told.join("\n"));
    assert.match(told[0] ?? "", /^countersign: options\.invalid: .*npx wrangler secret put NO_KEY/);
  });

  test("the next request retries the start, and waiting events keep their time", async () => {
    const began = Date.now();
    assert.deepEqual(await ask("/healing"), { waiting: 1, lastError: "recorder.failed" });
    const between = Date.now();
    await waitForLine("the recorder could not be started: Error: not yet");
    const healed = async () => {
      const events = await log.events();
      if (events.length === 0) {
        await ask("/healing");
      }
      return events;
    };
    const [first] = await eventually("an event is in the log", healed, ({ length }) => length > 0);
    assert.deepEqual(first?.event.target, { type: "job", id: "recorded early" });
    const time = Date.parse(first?.time ?? "");
    assert.ok(began <= time && time <= between, `${first?.time}, between ${began} and ${between}`);
  });

  /** Returns the counts of the recorded `countersign.dropped` events. */
  const dropped = async () =>
    (await log.events())
      .filter(({ event }) => event.action === "countersign.dropped")
      .map(({ event }) => event as unknown as { reason: string; metadata: { count: number } });

  test("events beyond the limit are dropped and recorded as dropped", async () => {
    const count = Number(await ask("/full"));
    assert.ok(count > 0 && count < 50, `${count}`);
    const recorded = await eventually("the drop is recorded", dropped, ({ length }) => length > 0);
    assert.deepEqual(
      recorded.map(({ metadata }) => metadata.count),
      [count],
    );
    const kept = (await log.events()).filter(({ event }) =>
      `${(event.target as { id?: string })?.id}`.startsWith("of many"),
    );
    assert.equal(kept.length, 50 - count);
  });

  test("a Durable Object drops events beyond the limit like a Worker", async () => {
    const count = Number(await ask("/full-object"));
    assert.ok(count > 0 && count < 50, `${count}`);
  });

  test("with `required`, a full recorder throws", async () => {
    const { code, hint } = (await ask("/full-required")) as { code: string; hint: string };
    assert.equal(code, "recorder.full");
    assert.match(hint, /maxWaitingBytes/);
  });

  test("events dropped before a late start are recorded as dropped", async () => {
    assert.equal(await ask("/early"), 1100 - 1024);
    await ask("/early");
    const ofEarly = async () => {
      const early = (await dropped()).filter(({ reason }) => reason === "the recorder could not be started");
      if (early.length === 0) {
        await ask("/early");
      }
      return early;
    };
    const early = await eventually("the drop is recorded", ofEarly, ({ length }) => length > 0);
    assert.deepEqual(
      early.map(({ metadata }) => metadata.count),
      [1100 - 1024],
    );
    const ids = (await log.events()).flatMap(({ event }) => (event.target as { id?: string })?.id ?? []);
    assert.deepEqual(
      ids.filter((id) => id.startsWith("early ")),
      Array.from({ length: 1024 }, (_, nth) => `early ${nth}`),
    );
  });
});
