/** Tests programs that end: pending calls settle, and lost events are counted. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fileOutbox } from "../../packages/countersign/dist/node.js";
import { RUNTIMES } from "../runtimes.ts";

const SCRIPT = fileURLToPath(new URL("ending-program.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "countersign-ending-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Returns the actions of the events in an outbox, in order. */
async function stored(path: string): Promise<string[]> {
  const outbox = fileOutbox(path);
  const entries = await outbox.open();
  await outbox.close();
  return entries.flatMap(({ bytes }) =>
    [...new TextDecoder().decode(bytes).matchAll(/"action":"([^"]+)"/g)].map(([, action = ""]) => action),
  );
}

const LOST = (count: number) =>
  `recorder.lost ${count === 1 ? "1 event was" : `${count} events were`} not delivered before the program exited`;

for (const [runtime, [program, ...args]] of Object.entries(RUNTIMES)) {
  describe(runtime, { concurrency: 2 }, () => {
    /** Runs a program, and returns its output and exit status. */
    const end = (scenario: string, outbox?: string, env = {}): Promise<{ said: string[]; status: number }> =>
      new Promise((resolve) => {
        const given = [...args, SCRIPT, scenario, ...(outbox === undefined ? [] : [outbox])];
        execFile(
          program,
          given,
          { env: { ...process.env, ...env }, timeout: 30_000, killSignal: "SIGKILL" },
          (error, stdout, stderr) => {
            const status = error === null ? 0 : Number(error.code ?? -1);
            resolve({ said: `${stdout}${stderr}`.split("\n").filter((line) => line !== ""), status });
          },
        );
      });

    test("a script that awaits each event runs to its end", async () => {
      const actions = ["a.one", "a.two", "a.three", "a.four"];
      assert.deepEqual(await end("one after the other"), {
        said: actions.flatMap((action) => [`delivered ${action}`, `proven ${action}`]),
        status: 0,
      });
    });

    test("calls on an unreachable log reject when the program is idle", async () => {
      assert.deepEqual(await end("dead"), { said: ["rejected recorder.lost", "finally", LOST(1)], status: 1 });
    });

    test("events can still be delivered after such a rejection", async () => {
      assert.deepEqual(await end("dead handled"), {
        said: ["rejected recorder.lost", "finally", "delivered a.b", "resolved", "finally"],
        status: 0,
      });
    });

    test("with an outbox no events are lost, and the error names the failure", async () => {
      const outbox = join(folder, `${runtime}-dead`);
      assert.deepEqual(await end("dead", outbox), { said: ["rejected transport.failed", "finally"], status: 0 });
      assert.deepEqual(await stored(outbox), ["a.b"]);
    });

    for (const scenario of ["never flushed", "hanging flush", "hanging close"]) {
      test(`${scenario}: rejects instead of staying pending`, async () => {
        assert.deepEqual(await end(scenario), { said: ["rejected recorder.lost", "finally", LOST(1)], status: 1 });
      });
    }

    test("never started: rejects with the reason, and the event is reported as lost at exit", async () => {
      assert.deepEqual(await end("never started"), {
        said: ["rejected recorder.failed", "finally", LOST(1)],
        status: 1,
      });
    });

    test("events recorded before the start are delivered in order", async () => {
      const { said, status } = await end("before it has started");
      const expected = ["delivered a.one", "delivered a.two", "resolved", "finally", "delivered a.three"];
      assert.deepEqual([said, status], [expected, 0]);
    });

    for (const call of ["ready", "flush", "close"]) {
      test(`${call} rejects if the outbox never opens`, async () => {
        const expected = ["rejected recorder.lost", "finally"];
        assert.deepEqual(await end("never opened", undefined, { CALL: call }), { said: expected, status: 1 });
      });
    }

    test("an event of a recorder still starting at exit is reported as lost", async () => {
      assert.deepEqual(await end("exit before it has started"), { said: [LOST(1)], status: 1 });
    });

    test("events recorded in beforeExit listeners are delivered", async () => {
      const { said, status } = await end("before");
      assert.deepEqual([said, status], [["delivered a.round1", "delivered a.round2", "delivered a.round3"], 0]);
      assert.deepEqual(await end("before, later"), { said: ["delivered a.later"], status: 0 });
    });

    test("a beforeExit listener that always records doesn't keep the program alive", async () => {
      const { said, status } = await end("before, always");
      assert.deepEqual([said.at(-1), status], [LOST(1), 1]);
      assert.ok(said.length > 2 && said.length < 20, `${said}`);
      const dead = await end("before with a dead log");
      assert.match(dead.said.join("\n"), /^recorder\.lost \d+ events were not delivered before the program exited$/);
      assert.equal(dead.status, 1);
    });

    test("events recorded in exit listeners are stored or reported as lost", async () => {
      assert.deepEqual(await end("exit"), { said: [LOST(2)], status: 1 });
      assert.deepEqual(await end("exit at once"), { said: [LOST(1), LOST(2)], status: 1 });
      for (const [scenario, actions] of [
        ["exit", ["a.one", "a.two"]],
        ["exit at once", ["a.one", "a.two"]],
        ["exit while storing", ["a.one", "a.two", "a.three"]],
      ] as const) {
        const outbox = join(folder, `${runtime}-${scenario}`);
        assert.deepEqual(await end(scenario, outbox), { said: [], status: 0 }, scenario);
        assert.deepEqual(await stored(outbox), actions, scenario);
      }
    });

    test("the program may exit at any time of a flush", async () => {
      const outbox = join(folder, `${runtime}-flushing`);
      for (const turns of [0, 1, 2, 3, 5, 8]) {
        const { said, status } = await end("exit while flushing", outbox, { TURNS: `${turns}` });
        assert.deepEqual([said, status], [[], 0], `after ${turns} turns`);
        assert.deepEqual((await stored(outbox)).slice(-2), ["a.one", "a.two"], `after ${turns} turns`);
      }
    });

    test("dropped events are reported once, and counted as lost", async () => {
      const { said, status } = await end("dropped");
      const [counted, dropped = "", lost] = said;
      assert.equal(counted, "counted 1000");
      assert.match(dropped, /^recorder\.full \d{3} events were dropped because the recorder is full$/);
      assert.deepEqual([lost, said.length, status], [LOST(1_000), 3, 1]);
    });

    test("dropped events are recorded when the outbox is opened again", async () => {
      const outbox = join(folder, `${runtime}-dropped`);
      const { said, status } = await end("dropped", outbox);
      assert.deepEqual([said.length, status], [2, 0], `${said}`);
      const actions = await stored(outbox);
      assert.equal(actions.filter((action) => action === "countersign.dropped").length, 1);
    });
  });
}
