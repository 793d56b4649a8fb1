/** Tests that the program's `outbox` command reads the files of `fileOutbox`, damaged ones too. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createRecorder } from "countersign";
import { fileOutbox } from "countersign/node";
import { PROGRAM } from "../conformance/program.ts";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-outbox-program-"));
after(() => rmSync(folder, { recursive: true }));

const SIGNED = 3;
const QUEUED = 5;

/** Returns the file of a recorder whose log was down: three signed links, and five events without links. */
async function left(): Promise<Buffer> {
  const path = join(folder, "audit.outbox");
  const audit = await createRecorder({
    key: EMITTERS[0].secret,
    origin: ORIGIN,
    to: () => Promise.reject(new Error("down")),
    outbox: fileOutbox(path),
    autoFlush: false,
    onError: () => {},
  }).ready();
  for (let nth = 0; nth < SIGNED; nth++) {
    audit.record({ action: `signed.${nth}` });
  }
  await assert.rejects(audit.flush());
  for (let nth = 0; nth < QUEUED; nth++) {
    await audit.record({ action: `queued.${nth}`, metadata: { text: "x".repeat(40) } }).stored();
  }
  return readFileSync(path);
}

function salvage(bytes: Buffer) {
  const path = join(folder, "copy.outbox");
  const [events, links] = [join(folder, "events.ndjson"), join(folder, "links.ndjson")];
  writeFileSync(path, bytes, { mode: 0o600 });
  rmSync(events, { force: true });
  rmSync(links, { force: true });
  const args = ["outbox", "salvage", path, "-o", events, "--links", links];
  const { status, stderr } = spawnSync(PROGRAM ?? "countersign", args, { encoding: "utf8" });
  assert.deepEqual(readFileSync(path), bytes);
  const lines = (path: string) => readFileSync(path, "utf8").split("\n").slice(0, -1);
  return { status, stderr, events: lines(events), links: lines(links) };
}

const skip = PROGRAM === undefined && process.env.CI === undefined ? "the program is not built" : false;

test("countersign outbox: lists and salvages undelivered events, with and without a damaged line", {
  skip,
}, async () => {
  const bytes = await left();
  const whole = salvage(bytes);
  assert.equal(whole.status, 0, whole.stderr);
  const actions = whole.events.map((line) => JSON.parse(line).action);
  assert.deepEqual(
    actions,
    Array.from({ length: QUEUED }, (_, nth) => `queued.${nth}`),
  );
  assert.equal(whole.links.filter((line) => line.includes('"event"')).length, SIGNED);
  const shown = execFileSync(PROGRAM ?? "countersign", ["outbox", "show", join(folder, "copy.outbox")]).toString();
  assert.match(shown, /signed .*signed\.0, signed\.1, signed\.2/);
  assert.match(shown, /event .*queued\.4/);
  assert.doesNotMatch(shown, /xxxx/);

  // One byte within the line of the third event.
  const damaged = Buffer.from(bytes);
  const lines = bytes.toString("latin1").split("\n");
  const before = lines.slice(0, -4).reduce((sum, line) => sum + line.length + 1, 0);
  damaged.writeUInt8(damaged.readUInt8(before + 60) ^ 1, before + 60);
  const rest = salvage(damaged);
  assert.equal(rest.status, 1, rest.stderr);
  assert.match(rest.stderr, new RegExp(`corrupt: bytes ${before} to`));
  assert.deepEqual(
    rest.events,
    whole.events.filter((_, nth) => nth !== 2),
  );
  assert.deepEqual(rest.links, whole.links);
});

test("countersign outbox: salvaged events can be recorded again", { skip }, async () => {
  const { events } = salvage(readFileSync(join(folder, "audit.outbox")));
  const [key, path] = [join(folder, "app.key"), join(folder, "events.ndjson")];
  writeFileSync(key, EMITTERS[0].secret, { mode: 0o600 });
  const output = join(folder, "audit.ndjson");
  execFileSync(PROGRAM ?? "countersign", ["record", "--key", key, "--origin", ORIGIN, path, "-o", output]);
  assert.equal(readFileSync(output, "utf8").match(/"action":"queued\./g)?.length, events.length);
});
