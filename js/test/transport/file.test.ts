/** Tests the file transport. */

import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";
import { fileTransport } from "../../packages/countersign/dist/transport/file.node.js";
import { EMITTERS } from "../conformance/setup.ts";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-transport-"));
after(() => rmSync(folder, { recursive: true }));
let paths = 0;
const fresh = () => join(folder, `${paths++}.ndjson`);
const runtimes = Object.keys(RUNTIMES) as Runtime[];
const child = (runtime: Runtime, args: string[], within?: string) =>
  new Child(runtime, new URL("child.ts", import.meta.url), args, within);

const HEADER = '{"countersign":"export/v1","origin":"example.com/audit"}\n';
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, nth) => `{"link":"${from + nth}"}\n`).join("");
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (path: string) => readFileSync(path, "utf8");

test("fileTransport: appends, and has begun once the file isn't empty", async () => {
  const path = fresh();
  const transport = fileTransport(path);
  assert.equal(await transport.begun(), false);
  await transport.write(bytes(HEADER + lines(0, 3)));
  assert.equal(await transport.begun(), true);
  await transport.write(bytes(lines(3, 4)));
  assert.equal(text(path), HEADER + lines(0, 4));
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("fileTransport: two recorders of a process share a file and its header", async () => {
  const path = fresh();
  const [one, other] = [fileTransport(path), fileTransport(join(folder, ".", path.slice(folder.length)))];
  assert.deepEqual(await Promise.all([one.begun(), other.begun()]), [false, false]);
  await Promise.all([one.write(bytes(HEADER + lines(0, 3))), other.write(bytes(HEADER + lines(3, 6)))]);
  assert.equal(text(path), HEADER + lines(0, 6));
});

test("fileTransport: doesn't repeat existing lines, however they are split into chunks", async () => {
  for (let there = 0; there <= 6; there += 1) {
    for (let kept = 0; kept <= there; kept += 1) {
      for (const size of [1, 2, 3, 6]) {
        const path = fresh();
        writeFileSync(path, HEADER + lines(0, there));
        const transport = fileTransport(path);
        for (let from = kept; from < 6; from += size) {
          await transport.write(bytes(lines(from, Math.min(6, from + size))));
        }
        assert.equal(text(path), HEADER + lines(0, 6), `${there} are there, given from ${kept} on by ${size}`);
      }
    }
  }
});

test("fileTransport: removes an incomplete last line", async () => {
  const whole = HEADER + lines(0, 2);
  for (let size = 0; size <= whole.length; size += 1) {
    const path = fresh();
    writeFileSync(path, whole.slice(0, size));
    const transport = fileTransport(path);
    const header = (await transport.begun()) ? "" : HEADER;
    assert.equal(header === "", size >= HEADER.length);
    await transport.write(bytes(header + lines(0, 3)));
    assert.equal(text(path), HEADER + lines(0, 3));
  }
});

test("fileTransport: leaves a file that isn't an export unchanged", async () => {
  for (const content of ["notes\n", "notes", `${lines(0, 2)}`, "\n", '{"countersign":"note"}\n']) {
    const path = fresh();
    writeFileSync(path, content);
    const transport = fileTransport(path);
    for (const work of [() => transport.begun(), () => transport.write(bytes(HEADER))]) {
      await assert.rejects(
        async () => work(),
        (error: { code: string; hint: string }) => error.code === "transport.failed" && /another path/.test(error.hint),
      );
    }
    assert.equal(text(path), content);
  }
});

test("fileTransport: closes the file with its last user, and reopens it on demand", async () => {
  const path = fresh();
  const [one, other] = [fileTransport(path), fileTransport(path)];
  await one.write(bytes(HEADER));
  await other.write(bytes(lines(0, 1)));
  await one.close?.();
  assert.equal(await child("Node", [path, "once"]).line(), "transport.failed", "the other has it");
  const written = other.write(bytes(lines(1, 2)));
  await Promise.all([written, other.close?.(), other.close?.()]);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith(`${basename(path)}.lock`)),
    [],
  );
  assert.equal(await child("Node", [path, "once"]).line(), "begun");
  // One is closed while another begins.
  await one.write(bytes(lines(2, 3)));
  await Promise.all([one.close?.(), other.write(bytes(lines(3, 4)))]);
  assert.equal(text(path), HEADER + lines(0, 4));
  await other.close?.();
});

test("fileTransport: a closed recorder's file is left to the next", async () => {
  const path = fresh();
  const to = fileTransport(path);
  for (let nth = 0; nth < 2; nth += 1) {
    const audit = await createRecorder({
      key: EMITTERS[0].secret,
      origin: "example.com/audit",
      to,
      autoFlush: false,
    }).ready();
    audit.record({ action: "job.trigger" });
    await audit.close();
    assert.equal(await child("Node", [path, "once"]).line(), "begun");
  }
  assert.equal(text(path).split('"countersign":"export/').length, 2, "one header");
  const failing = { begun: () => true, write: () => {}, close: () => Promise.reject(new Error("no")) };
  const audit = await createRecorder({ key: EMITTERS[0].secret, origin: "example.com/audit", to: failing }).ready();
  await assert.rejects(audit.close(), { code: "transport.failed", hint: /./ });
});

test("fileTransport: reports a deleted file", async () => {
  const path = fresh();
  const transport = fileTransport(path);
  await transport.write(bytes(HEADER));
  rmSync(path);
  await assert.rejects(async () => transport.write(bytes(lines(0, 1))), { code: "transport.failed" });
});

test("fileTransport: detects lines appended by other programs", async () => {
  const path = fresh();
  const transport = fileTransport(path);
  await transport.write(bytes(HEADER));
  appendFileSync(path, "of another program\n");
  await assert.rejects(async () => transport.write(bytes(lines(0, 1))), { code: "transport.failed" });
  assert.equal(text(path), `${HEADER}of another program\n`);
});

for (const runtime of runtimes) {
  test(`fileTransport: ${runtime}: kills neither lose nor repeat lines`, async () => {
    const path = fresh();
    let written = 0;
    for (let round = 0; round < 6; round += 1) {
      const process = child(runtime, [path, "write", `${written}`, `${round}`]);
      const lines: string[] = [];
      while (lines.length < 10 * round) {
        lines.push((await process.line()) ?? assert.fail((await process.ended()).errors));
      }
      lines.push(...(await process.kill()));
      written = Number(lines.at(-1) ?? written);
    }
    const transport = fileTransport(path);
    await transport.write(bytes(lines(written, written + 1000)));
    const content = text(path);
    const count = content.split("\n").length - 2;
    assert.ok(count >= written + 1000);
    assert.ok(content === HEADER + lines(0, count));
  });

  test(`fileTransport: ${runtime}: only one process can write to it`, async () => {
    const path = fresh();
    await fileTransport(path).write(bytes(HEADER));
    assert.equal(await child(runtime, [path, "once"]).line(), "transport.failed");
  });

  test(`fileTransport: ${runtime}: a full disk leaves no partial lines`, async () => {
    const path = fresh();
    const process = child(runtime, [path, "fill"], `trap '' XFSZ; ulimit -f 300; exec "$@"`);
    const written = Number(await process.line());
    assert.equal(await process.line(), "transport.failed: free disk space, or raise the quota");
    assert.deepEqual(await process.ended(), { code: 0, errors: "" });
    assert.equal(text(path), `${HEADER}${`{"link":"${"x".repeat(9000)}"}\n`.repeat(3 * written)}{"link":"small"}\n`);
  });
}
