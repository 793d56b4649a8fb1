/** Calls between a page and its workers, over a channel of the runtime's. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { connect, moving, type Port } from "../../dist/calls/calls.js";
import { CountersignError } from "../../dist/error.js";

interface Here {
  told(text: string): string;
}

interface There {
  double(number: number): number;
  refuse(): void;
  fail(): void;
  spend(bytes: Uint8Array): Uint8Array;
  ask(text: string): Promise<string>;
}

const { port1, port2 } = new MessageChannel();
after(() => port1.close());

const there: There = {
  double: (number) => number * 2,
  refuse() {
    throw new CountersignError("source.invalid", "no", { hint: "ask otherwise", line: 3, member: "m" });
  },
  fail() {
    throw new TypeError("it broke");
  },
  spend: (bytes) => moving(bytes, bytes),
  ask: async (text) => `${await here.told(text)}!`,
};
const here = connect<Here>(port2 as unknown as Port, there);
const remote = connect<There>(port1 as unknown as Port, { told: (text: string) => `told ${text}` });

test("each answer is that of its question", async () => {
  assert.deepEqual(await Promise.all([1, 2, 3].map((number) => remote.double(number))), [2, 4, 6]);
});

test("either side asks, while the other waits for it", async () => {
  assert.equal(await remote.ask("something"), "told something!");
});

test("an error keeps its code, place and hint; what has no code is a worker that failed", async () => {
  await assert.rejects(remote.refuse(), {
    name: "CountersignError",
    code: "source.invalid",
    message: "no",
    hint: "ask otherwise",
    line: 3,
    member: "m",
  });
  await assert.rejects(remote.fail(), { name: "CountersignError", code: "worker.failed", message: /it broke/ });
});

test("bytes are moved there and back, not copied", async () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const back = await remote.spend(moving(bytes, bytes));
  assert.equal(bytes.length, 0, "they are gone here");
  assert.deepEqual([...back], [1, 2, 3]);
});
