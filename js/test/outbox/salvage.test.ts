/** Tests damaged outbox files: readable entries are delivered, and others are counted. */

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { type CountersignError, createRecorder, memory } from "countersign";
import { fileOutbox } from "countersign/node";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-salvage-"));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const fresh = () => join(folder, `${paths++}.outbox`);
const key = EMITTERS[0].secret;

/** Returns the file of a recorder that delivered nothing, as after a kill. */
async function left(count: number, together: boolean): Promise<Buffer> {
  const path = fresh();
  const audit = await createRecorder({
    key,
    origin: ORIGIN,
    to: () => Promise.reject(new Error("down")),
    outbox: fileOutbox(path),
    autoFlush: false,
    onError: () => {},
  }).ready();
  const stored: Promise<void>[] = [];
  for (let nth = 0; nth < count; nth++) {
    stored.push(audit.record({ action: `a.${nth}`, metadata: { text: "x".repeat(40) } }).stored());
    if (!together) {
      await stored.at(-1);
    }
  }
  await Promise.all(stored);
  return readFileSync(path);
}

/** Records with a file of these bytes, and returns the outcome. */
async function resumed(bytes: Buffer) {
  const path = fresh();
  writeFileSync(path, bytes, { mode: 0o600 });
  const reported: CountersignError[] = [];
  const to = memory();
  const options = {
    key,
    origin: ORIGIN,
    autoFlush: false as const,
    onError: (error: CountersignError) => reported.push(error),
  };
  const audit = await createRecorder({ ...options, to, outbox: fileOutbox(path) }).ready();
  audit.record({ action: "a.new" });
  await audit.close();
  const actions = to
    .text()
    .split("\n")
    .flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event.action] : []));
  const asides = readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.damaged-`));
  return { path, reported, actions, asides };
}

const all = (count: number) => Array.from({ length: count }, (_, nth) => `a.${nth}`);

for (const together of [false, true]) {
  test(`salvage: a flipped bit costs one of 30 events recorded ${together ? "at once" : "one by one"}`, async () => {
    const whole = await left(30, together);
    const lines = whole.toString("latin1").split("\n");
    assert.equal(lines.length, 32);
    for (const nth of [0, 1, 14, 29]) {
      const begin = lines.slice(0, nth + 1).join("\n").length + 1;
      // In the checksum, in the separator, and in the entry.
      for (const at of [begin + 3, begin + 20, begin + 60]) {
        const bytes = Buffer.from(whole);
        bytes.writeUInt8((bytes.at(at) ?? 0) ^ 1, at);
        const { reported, actions, asides, path } = await resumed(bytes);
        assert.deepEqual(actions, [...all(30).filter((action) => action !== `a.${nth}`), "a.new"], `${nth} at ${at}`);
        assert.deepEqual(
          reported.map(({ code, line }) => [code, line]),
          [["outbox.damaged", nth + 2]],
        );
        const [aside = ""] = asides;
        assert.ok(reported[0]?.hint?.includes(aside) && aside !== "");
        assert.match(reported[0]?.message ?? "", /recovered entries, which will be delivered: 29; lost entries: [01]$/);
        assert.deepEqual(readFileSync(join(folder, aside)), bytes);
        assert.equal(statSync(join(folder, aside)).mode & 0o777, 0o600);
        // The file is valid again.
        assert.deepEqual(await fileOutbox(path).open(), []);
      }
    }
  });
}

test("salvage: recovers what it can from a file with several faults", async () => {
  const whole = (await left(10, false)).toString("latin1");
  const lines = whole.split("\n");
  for (const [name, text, lost] of [
    ["the header", whole.replace("outbox", "outb0x"), []],
    ["a line that is missing", lines.toSpliced(4, 1).join("\n"), [3, 4]],
    ["zeros in the middle", whole.replace(lines[5] ?? "", "\0".repeat(40)), [4, 5]],
    ["two lines made one", whole.replace(`${lines[5]}\n`, `${lines[5]} `), []],
  ] as const) {
    const { reported, actions } = await resumed(Buffer.from(text, "latin1"));
    assert.deepEqual(
      actions,
      [...all(10).filter((action) => !lost.some((nth) => action === `a.${nth}`)), "a.new"],
      name,
    );
    assert.deepEqual(
      reported.map(({ code }) => code),
      ["outbox.damaged"],
      name,
    );
  }
});

test("salvage: recovers the events of half a file, and reports that it is cut off", async () => {
  const whole = await left(10, false);
  const half = whole.subarray(0, whole.length / 2 + 20);
  const count = half.toString("latin1").split("\n").length - 2;
  const { reported, actions } = await resumed(half);
  assert.deepEqual(actions, [...all(count), "a.new"]);
  assert.deepEqual(
    reported.map(({ code }) => code),
    ["outbox.damaged"],
  );
  assert.match(reported[0]?.message ?? "", /cut off: .* at least [01] entries/);
});

test("salvage: rejects another file and leaves it unchanged", async () => {
  const path = fresh();
  writeFileSync(path, "precious data\nof another program\n");
  const recorder = createRecorder({ key, origin: ORIGIN, to: memory(), outbox: fileOutbox(path), onError: () => {} });
  await assert.rejects(recorder.ready(), { code: "outbox.damaged" });
  assert.equal(readFileSync(path, "utf8"), "precious data\nof another program\n");
});
