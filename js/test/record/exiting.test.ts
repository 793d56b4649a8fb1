/** Tests programs that exit while events are not in the outbox. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTER, MemoryLog, refusal } from "../deliver/log.ts";
import { full, Storage } from "../deliver/storage.ts";
import { inLife } from "./life.ts";

/** Returns a recorder in a program, and a function that exits the program and returns the reports. */
async function program(storage: Storage) {
  const { createRecorder, notify } = inLife();
  const log = new MemoryLog();
  log.always = () => refusal(503, "server.unavailable");
  const reported: string[] = [];
  const hints: (string | undefined)[] = [];
  const recorder = await createRecorder({
    key: EMITTER.secret,
    to: log.to,
    log: log.vkey,
    outbox: storage.outbox(),
    autoFlush: false,
    onError: ({ code, message, hint }) => code === "recorder.lost" && reported.push(message) && hints.push(hint),
  }).ready();
  const end = () => {
    notify("exiting");
    return reported.splice(0);
  };
  return { recorder, end, hints };
}

test("exit: reports nothing that is in the outbox", async () => {
  const { recorder, end } = await program(new Storage());
  await recorder.record({ action: "a.one" }).stored();
  assert.deepEqual(end(), []);
  await assert.rejects(recorder.flush());
  assert.deepEqual(end(), []);
});

test("exit: reports what the outbox could not store, until it can", async () => {
  const storage = new Storage();
  const { recorder, end } = await program(storage);
  await recorder.record({ action: "a.one" }).stored();
  storage.at = () => Promise.reject(full());
  const handles = [recorder.record({ action: "a.two" }), recorder.record({ action: "a.three" })];
  await assert.rejects(Promise.all(handles.map((handle) => handle.stored())), { code: "outbox.full" });
  const expected = ["2 events were neither delivered nor in the outbox before the program exited"];
  assert.deepEqual(end(), expected);
  // They get links, which can't be stored either.
  await assert.rejects(recorder.flush());
  assert.deepEqual(end(), expected);
  storage.at = (_, make) => make();
  await assert.rejects(recorder.flush());
  assert.deepEqual(end(), []);
  await assert.rejects(handles[0]?.stored() ?? Promise.resolve(), { code: "outbox.full" });
});

test("exit: reports what is not in the outbox yet", async () => {
  const { recorder, end } = await program(new Storage());
  recorder.record({ action: "a.one" });
  assert.deepEqual(end(), ["1 event was neither delivered nor in the outbox before the program exited"]);
});

test("exit: reports an unfinished close", async () => {
  const { recorder, end, hints } = await program(new Storage());
  recorder.record({ action: "a.one" });
  const closed = recorder.close();
  end();
  assert.match(hints.at(-1) ?? "", /^await close\(\) in the code that ends the program/);
  await assert.rejects(closed);
});

test("exit: the hint says to close, or to retry close after a failure", async () => {
  const { recorder, end, hints } = await program(new Storage());
  recorder.record({ action: "a.one" });
  end();
  assert.match(hints.at(-1) ?? "", /^await close\(\) before the program exits/);
  const storage = new Storage();
  const other = await program(storage);
  storage.at = () => Promise.reject(full());
  other.recorder.record({ action: "a.one" });
  await assert.rejects(other.recorder.close());
  other.end();
  assert.match(other.hints.at(-1) ?? "", /^retry close\(\) for longer with close\(\{ retryForMs/);
});
