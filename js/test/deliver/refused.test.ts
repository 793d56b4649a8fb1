/** A process that is killed, or whose outbox fails, at any write while a refused chain's events go into another. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { type Intervention, MemoryLog, type Reached, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

const NEXT = new Signer("example.com/next", 3);
const NAMES = ["a.1", "a.2", "a.3", "b.1", "b.2"] as const;

/** What the first chain may be refused for. */
const WHYS = {
  "its key": () => refusal(403, "log.unauthorized"),
  "its times": () => refusal(503, "submit.early", { now: "2026-11-20T12:00:00.000Z" }),
};
/** An hour after what the log says. */
const now = () => Date.UTC(2026, 10, 20, 13);

/** Refuses the first chain: its open link names its key. */
function refusing(why: () => Response): Intervention {
  let refused: string | undefined;
  return (body, pass) => {
    const chain = / event ([0-9a-f]{32}) /.exec(body)?.[1];
    refused ??= chain;
    return chain === refused || chain === undefined ? why() : pass();
  };
}

/** Two batches and an event without a link, under a key that is refused, and then another key. */
async function life(log: Reached, storage: Storage): Promise<void> {
  const recorder = await recorderOf(log, storage, { now });
  record(recorder, "a.1");
  await recorder.flush().catch(() => {});
  record(recorder, "a.2");
  await recorder.flush().catch(() => {});
  record(recorder, "a.3");
  await recorder.rotate(NEXT.secret).catch(() => {});
  record(recorder, "b.1");
  await recorder.flush().catch(() => {});
  record(recorder, "b.2");
  await recorder.close().catch(() => {});
  await recorder.close().catch(() => {});
}

async function writes(why: () => Response): Promise<number> {
  const [log, storage] = [new MemoryLog(), new Storage()];
  log.always = refusing(why);
  await life(log, storage);
  assert.deepEqual([...log.actions].sort(), [...NAMES].sort());
  return storage.writes;
}

/** What came, and whether any of it came twice. */
function came(log: MemoryLog): string[] {
  assert.equal(new Set(log.actions).size, log.actions.length, `${log.actions}`);
  return [...log.actions].sort();
}

for (const [name, why] of Object.entries(WHYS)) {
  const all = await writes(why);
  for (let fails = 1; fails <= all; fails++) {
    test(`refused for ${name}, change ${fails} of ${all} fails: everything comes once`, async () => {
      const [log, storage] = [new MemoryLog(), new Storage()];
      log.always = refusing(why);
      storage.at = (write, make) => (write === fails ? Promise.reject(new Error("by chance")) : make());
      await life(log, storage);
      log.always = undefined;
      const next = await recorderOf(log, storage, { key: NEXT.secret, now });
      await next.close();
      assert.deepEqual(came(log), [...NAMES].sort());
      assert.equal(storage.kinds, "");
    });

    for (const isMade of [false, true]) {
      test(`refused for ${name}, killed at change ${fails}, which was ${isMade ? "" : "not "}made: nothing comes twice`, async () => {
        const [log, storage] = [new MemoryLog(), new Storage()];
        log.always = refusing(why);
        const { isDead, left } = storage.killedAt(fails, isMade);
        void life(log.until(isDead), storage);
        const found = await left;
        log.always = undefined;
        const next = await recorderOf(log, found, { key: NEXT.secret, now });
        await next.close();
        // The first so many of them.
        const some = came(log);
        assert.deepEqual(some, NAMES.slice(0, some.length));
        assert.equal(found.kinds, "");
      });
    }
  }
}
