/** A program that ends in different ways, printing what happens: `ending-program.ts SCENARIO [OUTBOX]`. */

import { fileOutbox } from "../../packages/countersign/dist/outbox/file.node.js";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import { createRecorder, generateKey, type Recorder } from "../../packages/countersign/dist/record/record.js";

/** A recorder with its internal error reporting. */
interface Reporting {
  report(error: unknown): void;
}

const [scenario = "", path] = process.argv.slice(2);
const print = (line: string) => console.log(line);
const { key } = await generateKey("example.com/ending");
let isDown = ["dead", "dead handled", "before with a dead log", "exit", "exit at once", "dropped"].includes(scenario);
let hangs = scenario.startsWith("hanging");

const audit = createRecorder({
  key,
  origin: "log.example",
  outbox: path === undefined ? undefined : fileOutbox(path),
  autoFlush: scenario === "never flushed" ? false : undefined,
  retry: { initialDelayMs: 20, maxDelayMs: 50 },
  onFull: "drop",
  maxWaitingBytes: scenario === "dropped" ? 100_000 : undefined,
  onError: ({ code, message }) => code.startsWith("recorder.") && print(`${code} ${message}`),
  to(chunk): Promise<void> | undefined {
    if (isDown) {
      throw new Error("down");
    }
    if (hangs) {
      return new Promise<void>(() => {});
    }
    for (const [, action] of new TextDecoder().decode(chunk).matchAll(/"action":"([^"]+)"/g)) {
      print(`delivered ${action}`);
    }
    return undefined;
  },
});
if (scenario !== "before it has started") {
  await audit.ready();
}
const record = (action: string) => audit.record({ action });

/** Waits for a promise with nothing else to do, and prints whether `catch` and `finally` are reached. */
async function wait(what: () => Promise<unknown>): Promise<void> {
  try {
    await what();
    print("resolved");
  } catch (error) {
    print(`rejected ${(error as { code?: string }).code}`);
  } finally {
    print("finally");
  }
}

const scenarios: Record<string, () => unknown> = {
  async "one after the other"() {
    for (const action of ["a.one", "a.two", "a.three", "a.four"]) {
      await record(action).delivered();
      print(`proven ${action}`);
    }
  },
  dead: () => wait(() => record("a.b").delivered()),
  async "dead handled"() {
    await wait(() => record("a.b").delivered());
    isDown = false;
    await wait(() => audit.close());
  },
  "never flushed": () => wait(() => record("a.b").delivered()),
  async "never started"() {
    const read = () => Promise.reject(new Error("no key"));
    const lazy = createLazyRecorder({ read, isShared: true, required: false }) as Recorder & Reporting;
    lazy.report = (error) => {
      const { code, message } = error as { code?: string; message: string };
      if (code === "recorder.lost") {
        print(`${code} ${message}`);
      }
    };
    await wait(() => lazy.record({ action: "a.b" }).delivered());
  },
  async "before it has started"() {
    record("a.one");
    await wait(() => record("a.two").delivered());
    record("a.three");
  },
  async "never opened"() {
    const outbox = { open: () => new Promise<never>(() => {}), write: async () => {}, close: () => {} };
    const hung = createRecorder({ key, origin: "log.example", to: () => {}, outbox, onError: () => {} });
    hung.record({ action: "a.b" });
    await wait(() => hung[process.env.CALL as "close" | "flush" | "ready"]());
  },
  "exit before it has started"() {
    const early = createRecorder({
      key,
      origin: "log.example",
      to: () => {},
      onError: ({ code, message }) => print(`${code} ${message}`),
    });
    early.record({ action: "a.b" });
    process.exit();
  },
  async "hanging flush"() {
    record("a.b");
    await wait(() => audit.flush());
  },
  async "hanging close"() {
    record("a.b");
    await wait(() => audit.close());
  },
  before() {
    let rounds = 0;
    process.on("beforeExit", () => {
      rounds++;
      if (rounds <= 3) {
        record(`a.round${rounds}`);
      }
    });
  },
  "before, later"() {
    process.once("beforeExit", async () => {
      await undefined;
      record("a.later");
    });
  },
  "before, always"() {
    process.on("beforeExit", () => record("a.always"));
  },
  "before with a dead log"() {
    process.on("beforeExit", () => record("a.always"));
  },
  exit() {
    process.on("exit", () => {
      record("a.one");
      record("a.two");
    });
  },
  "exit at once"() {
    record("a.one");
    process.on("exit", () => record("a.two"));
    process.exit();
  },
  async "exit while storing"() {
    isDown = true;
    // One is stored, one is being stored, and one is not.
    await record("a.one").stored();
    record("a.two");
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    record("a.three");
    process.exit();
  },
  async "exit while flushing"() {
    hangs = true;
    await record("a.one").stored();
    void audit.flush().catch(() => {});
    for (let turn = 0; turn < Number(process.env.TURNS); turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    record("a.two");
    process.exit();
  },
  dropped() {
    for (let nth = 0; nth < 1_000; nth++) {
      record("a.b");
    }
    print(`counted ${audit.status().waiting + audit.status().dropped}`);
  },
};

// Not a top-level await: while it is pending, Deno and Bun don't report that a program is idle.
void scenarios[scenario]?.();
