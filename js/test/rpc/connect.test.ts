/** Tests calls between a host and its workers over a message channel. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import { connect, type Port, transfer } from "../../packages/countersign/dist/rpc/connect.js";

interface Host {
  answer(text: string): string;
}

interface Analyzer {
  double(number: number): number;
  refuse(): void;
  fail(): void;
  failInNode(): void;
  fallInCircles(): void;
  reject(): Promise<void>;
  spend(bytes: Uint8Array): Uint8Array;
  ask(text: string): Promise<string>;
  leak(): unknown;
}

const { port1, port2 } = new MessageChannel();
after(() => port1.close());

const analyzer: Analyzer = {
  double: (number) => number * 2,
  refuse() {
    const cause = new RangeError("the first cause");
    throw new CountersignError("source.invalid", "no", { hint: "ask otherwise", line: 3, member: "m", cause });
  },
  fail: function originOfFailure() {
    throw new TypeError("cannot read properties of undefined", { cause: new RangeError("the first cause") });
  },
  failInNode() {
    throw Object.assign(new RangeError("out of range"), { code: "ERR_OUT_OF_RANGE" });
  },
  fallInCircles() {
    const error = new Error("round and round");
    error.cause = error;
    throw error;
  },
  reject: () => Promise.reject("only a text"),
  spend: (bytes) => transfer(bytes, bytes),
  ask: async (text) => `${await host.answer(text)}!`,
  leak: () => () => {},
};
const host = connect<Host>(port2 as unknown as Port, analyzer, "host");
const remote = connect<Analyzer>(
  port1 as unknown as Port,
  { answer: (text: string) => `answered ${text}` },
  "analyzer",
);

/** Returns the error of a promise that must reject. */
async function errorOf(promise: Promise<unknown>): Promise<CountersignError> {
  const error = await promise.then(
    () => assert.fail("it resolved"),
    (error: unknown) => error,
  );
  assert.ok(error instanceof CountersignError, String(error));
  return error;
}

test("connect: a call resolves to its own result", async () => {
  assert.deepEqual(await Promise.all([1, 2, 3].map((number) => remote.double(number))), [2, 4, 6]);
});

test("connect: each side can call while the other waits", async () => {
  assert.equal(await remote.ask("something"), "answered something!");
});

test("connect: transferred bytes are moved both ways, not copied", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const back = await remote.spend(transfer(bytes, bytes));
  assert.equal(bytes.length, 0, "the bytes were moved");
  assert.deepEqual([...back], [1, 2, 3]);
});

test("connect: a call to an unknown method rejects and names the method and the worker", async () => {
  const untyped = remote as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const method of ["nope", "toString", "constructor", "hasOwnProperty", "__proto__"]) {
    const error = await errorOf(untyped[method]?.(1) ?? Promise.resolve());
    assert.equal(error.code, "worker.incompatible");
    assert.equal(error.message, `the analyzer has no method "${method}"`);
    assert.match(error.hint ?? "", /versions/);
  }
  assert.equal(await remote.double(2), 4, "others still work");
});

test("connect: a remote can be returned from an async function", async () => {
  const returned = await (async () => remote)();
  assert.equal(await returned.double(4), 8);
});

test("connect: an argument or result that can't be sent rejects", async () => {
  const untyped = remote as unknown as { double(value: unknown): Promise<number> };
  const sent = untyped.double(() => {});
  await assert.rejects(sent, { name: "DataCloneError" });
  const error = await errorOf(remote.leak());
  assert.match(error.message, /^the analyzer failed: .*could not be cloned/);
});

test("connect: an error with a code keeps its fields, stack, and cause", async () => {
  const error = await errorOf(remote.refuse());
  const { code, message, hint, line, member, cause } = error;
  assert.deepEqual(
    { code, message, hint, line, member },
    { code: "source.invalid", message: "no", hint: "ask otherwise", line: 3, member: "m" },
  );
  assert.match(error.stack ?? "", /refuse/);
  assert.ok(cause instanceof Error);
  assert.deepEqual([cause.name, cause.message], ["RangeError", "the first cause"]);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(error))).sort(), [
    "code",
    "hint",
    "line",
    "member",
    "message",
    "name",
  ]);
});

test("connect: an error without a code becomes the cause of one that names the worker", async () => {
  const error = await errorOf(remote.fail());
  assert.equal(error.code, "worker.failed");
  assert.equal(error.message, "the analyzer failed: cannot read properties of undefined");
  const { cause } = error;
  assert.ok(cause instanceof Error);
  assert.deepEqual([cause.name, cause.message], ["TypeError", "cannot read properties of undefined"]);
  assert.match(cause.stack ?? "", /originOfFailure/);
  assert.ok(cause.cause instanceof Error);
  assert.deepEqual([cause.cause.name, cause.cause.message], ["RangeError", "the first cause"]);
});

test("connect: codes of Node.js are not codes of the package", async () => {
  const error = await errorOf(remote.failInNode());
  assert.deepEqual([error.code, error.message], ["worker.failed", "the analyzer failed: out of range"]);
  assert.equal((error.cause as { code?: unknown }).code, "ERR_OUT_OF_RANGE");
});

test("connect: circular causes and thrown non-errors are sent too", async () => {
  assert.equal((await errorOf(remote.fallInCircles())).message, "the analyzer failed: round and round");
  assert.equal((await errorOf(remote.reject())).message, "the analyzer failed: only a text");
});
