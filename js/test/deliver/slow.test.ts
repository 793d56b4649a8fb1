/** A log server, or a network on the way to it, that is too slow for much at one time. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";

test("what took too long is followed by less, and that by more again", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, undefined, { timeoutMs: 20 });
  log.always = () => refusal(503, "server.unavailable");
  for (let nth = 0; nth < 16; nth++) {
    record(recorder, "a.b");
    await assert.rejects(recorder.flush());
  }
  log.bodies.length = 0;
  const never = new Promise<Response>(() => {});
  log.always = (body, pass) => (linesOf(body).length > 5 ? never : pass());
  const counts = async () => {
    log.bodies.length = 0;
    await recorder.flush().catch(({ code }: { code: string }) => assert.equal(code, "log_server.timeout"));
    return log.bodies.map((body) => linesOf(body).length);
  };
  // The open link goes with the first of the 16.
  assert.deepEqual(await counts(), [17]);
  assert.deepEqual(await counts(), [9]);
  assert.deepEqual(await counts(), [5, 8]);
  assert.deepEqual(await counts(), [4, 8]);
  log.always = (_, pass) => pass();
  assert.deepEqual(await counts(), [4, 4]);
  assert.equal(log.actions.length, 16);
});
