/** Tests recorders of one program with the same outbox, which bundlers create from copies of one module. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Recorder, RecorderOptions } from "countersign";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { eventually } from "../eventually.ts";

/** Returns the package's modules, loaded again as another bundle has them. */
async function copy(nth: number) {
  const { createRecorder } = await import(`../../packages/countersign/dist/record/record.js?copy=${nth}`);
  const { fileOutbox } = await import(`../../packages/countersign/dist/node.js?copy=${nth}`);
  return { createRecorder, fileOutbox };
}

/** Returns a log, and a function that creates a recorder with a copy of the package. */
function setup(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "countersign-sharing-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "outbox");
  const log = new MemoryLog();
  const create = async (nth: number, options: Partial<RecorderOptions> = {}): Promise<Recorder> => {
    const { createRecorder, fileOutbox } = await copy(nth);
    const outbox = fileOutbox(path);
    return createRecorder({ key: EMITTER.secret, to: log.to, log: log.vkey, outbox, onError: () => {}, ...options });
  };
  return { path, log, create };
}

/** Returns the events that the log received. */
const events = ({ bodies }: MemoryLog) =>
  bodies.flatMap((body) =>
    body
      .split("\n")
      .filter((line) => line.includes('"event":'))
      .map((line) => JSON.parse(line).event as { occurred_at: string; metadata?: { tag?: string } }),
  );

const sorted = ({ actions }: MemoryLog) => [...actions].sort();

test("sharing: two copies deliver through one outbox and one chain", async (t) => {
  const { path, log, create } = setup(t);
  // They start at the same time, with events that wait for the start.
  const [first, second] = [await create(1), await create(2)];
  const handles = [first.record("a.first"), second.record("b.second")];
  await Promise.all(handles.map((handle) => handle.stored()));
  assert.match(readFileSync(path, "utf8"), /^countersign/);
  await Promise.all(handles.map((handle) => handle.delivered()));
  assert.deepEqual(sorted(log), ["a.first", "b.second"]);
  assert.equal(first.chain, second.chain);
  await first.close();
  assert.throws(() => first.record("c.closed"), { code: "recorder.out_of_turn" });
  // The outbox stays open for the other one.
  await second.record("d.second").delivered();
  await second.close();
  assert.throws(() => second.record("e.closed"), { code: "recorder.out_of_turn" });
  assert.deepEqual(sorted(log), ["a.first", "b.second", "d.second"]);
  const third = await (await create(3)).ready();
  await third.record("f.third").delivered();
  await third.close();
});

test("sharing: one outbox object", async (t) => {
  const { log, create, path } = setup(t);
  const { fileOutbox } = await copy(1);
  const outbox = fileOutbox(path);
  const recorders = [await create(1, { outbox }), await create(1, { outbox })];
  await Promise.all(recorders.map((recorder, nth) => recorder.record(`a.n${nth}`).delivered()));
  await Promise.all(recorders.map((recorder) => recorder.close()));
  assert.deepEqual(sorted(log), ["a.n0", "a.n1"]);
});

test("sharing: events that wait for another recorder's start keep their times", async (t) => {
  const { log, create } = setup(t);
  const first = await (await create(1)).ready();
  const second = await create(2);
  const before = Date.now();
  const handle = second.record("a.waiting");
  while (Date.now() < before + 20) {
    // Both clocks advance before the second recorder joins.
  }
  await handle.delivered();
  const [, time = ""] = /^\{"link":"[^"]*?(\d{4}-\d\d-\d\dT[\d:.]+Z)/m.exec(log.bodies.join("")) ?? [];
  assert.ok(Math.abs(Date.parse(time) - before) < 20, log.bodies.join(""));
  await Promise.all([first.close(), second.close()]);
});

test("sharing: each recorder applies its own functions and reports", async (t) => {
  const { log, create } = setup(t);
  const tagged = (tag: string) => ({
    service: tag,
    onInvalid: "report" as const,
    beforeRecord: (event: object) => ({ ...event, metadata: { tag } }) as never,
    onError: ({ code }: { code: string }) => problems.push(code),
  });
  const problems: string[] = [];
  const first = await (await create(1, tagged("first"))).ready();
  const second = await (await create(2, tagged("second"))).ready();
  first.record("a.one");
  second.record("b.two");
  second.record({} as never);
  await second.flush();
  const tags = events(log).flatMap(({ metadata }) => metadata?.tag ?? []);
  assert.deepEqual(tags.sort(), ["first", "second"]);
  assert.deepEqual(problems, ["event.invalid"]);
  await Promise.all([first.close(), second.close()]);
});

test("sharing: other options are refused by name, and the events wait in memory", async (t) => {
  const { log, create } = setup(t);
  const first = await (await create(1)).ready();
  const errors: { code: string; message: string }[] = [];
  const second = await create(2, {
    redact: ["ssn"],
    maxWaitingBytes: 1 << 20,
    retry: { initialDelayMs: 5, maxDelayMs: 5 },
    onError: (error) => errors.push(error),
  });
  const delivered = second.record("a.waiting").delivered();
  await assert.rejects(second.ready(), {
    code: "outbox.in_use",
    message: "another recorder of this program uses this outbox with other options (redact, maxWaitingBytes, retry)",
  });
  assert.equal(second.status().waiting, 1);
  assert.equal(errors[0]?.code, "outbox.in_use");
  await first.close();
  // It starts once the outbox is free.
  await eventually(
    "the event is delivered",
    () => log.actions,
    (actions) => actions.includes("a.waiting"),
  );
  await delivered;
  await second.close();
});

test("sharing: a failed start of one is not the other's", async (t) => {
  const { log, create } = setup(t);
  const first = await create(1, { log: "nonsense" });
  const second = await create(2);
  await assert.rejects(first.ready());
  await second.record("a.second").delivered();
  await second.close();
  assert.deepEqual(log.actions, ["a.second"]);
});
