/**
 * Tests evidence files with statements that their own export contradicts: `tests/evidence/cases.json`, shared with the
 * program's tests.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { PROGRAM } from "../conformance/program.ts";
import { detect } from "./detect.ts";
import { search } from "./search.ts";
import { slicer } from "./slicer.ts";

interface Case {
  readonly name: string;
  readonly file: string;
  readonly set?: Readonly<Record<string, unknown>>;
  readonly text?: readonly [string, string];
  readonly packed?: string;
  readonly after?: string;
  readonly rules?: string;
  readonly with?: string;
  readonly refused: string | boolean;
}

const VECTORS = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));
const MARK = '\n<script type="text/plain" id="countersign-evidence">\n';
const { files, cases } = JSON.parse(
  readFileSync(new URL("../../../tests/evidence/cases.json", import.meta.url), "utf8"),
) as { files: Record<string, { vector: string; args: string[] }>; cases: Case[] };

const folder = mkdtempSync(join(tmpdir(), "countersign-evidence-"));
after(() => rmSync(folder, { recursive: true }));

/** Returns a file that the program wrote. */
function read(name: string): string {
  return readFileSync(join(folder, `${name}.html`), "utf8");
}

/** Returns canonical JSON of values without fractions and with ASCII names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
}

/** Changes one line of a block. */
function changeLine(block: string, kind: string, change: (text: string) => string): string {
  return block.replace(new RegExp(`^${kind} (.*)$`, "m"), (_, text: string) => `${kind} ${change(text)}`);
}

/** Changes a written file as a case says, and recomputes its checksum. */
function changed(file: string, { set, text, packed, after = "", rules, with: other }: Case): string {
  const begin = file.indexOf(MARK);
  let block = file.slice(begin, file.lastIndexOf("\nsum ") + 1);
  if (set !== undefined) {
    block = changeLine(block, "frame", (json) => {
      const frame = JSON.parse(json);
      for (const [pointer, value] of Object.entries(set)) {
        const names = pointer.split("/").slice(1);
        const last = names.pop() ?? "";
        names.reduce((object, name) => object[name], frame)[last] = value;
      }
      return canonical(frame).replaceAll("<", "\\u003c");
    });
  }
  if (text !== undefined) {
    assert.ok(block.includes(text[0]), text[0]);
    block = block.replace(text[0], () => text[1]);
  }
  if (packed !== undefined) {
    block = changeLine(block, "export", (base64) =>
      Buffer.concat([Buffer.from(base64, "base64"), Buffer.from(packed, "hex")]).toString("base64"),
    );
  }
  if (rules !== undefined) {
    block = changeLine(block, "rules", () => deflateRawSync(rules).toString("base64"));
  }
  if (other !== undefined) {
    const [, pack = assert.fail()] = /^rules (.*)$/m.exec(read(other)) ?? [];
    block = changeLine(block, "rules", () => pack);
  }
  const sum = createHash("sha256").update(block).digest("hex");
  return `${file.slice(0, begin)}${block}sum ${sum}\n</script>\n${after}`;
}

test("evidence: statements that the export inside contradicts are rejected", {
  skip: PROGRAM === undefined,
}, async () => {
  writeFileSync(join(folder, "page.html"), "<!doctype html>\n<countersign-page></countersign-page>\n");
  for (const rules of ["rules.yml", "quiet.yml"]) {
    copyFileSync(new URL(`../../../tests/evidence/${rules}`, import.meta.url), join(folder, rules));
  }
  for (const [name, { vector, args }] of Object.entries(files)) {
    const given = [join(VECTORS, vector, "export.ndjson"), "--trust", join(VECTORS, vector, "trust.txt")];
    const fixed = ["--page", "page.html", "--now", "2026-12-31T00:00:00.000Z", "-o", `${name}.html`];
    spawnSync(PROGRAM ?? "", ["report", ...given, ...fixed, ...args], { cwd: folder });
  }
  for (const one of cases) {
    const opened = slicer.openEvidence(new Blob([changed(read(one.file), one)]), search, detect);
    if (one.refused === false) {
      await opened.catch((error: unknown) => assert.fail(`${one.name}: ${error}`));
      continue;
    }
    await assert.rejects(opened, (error: { code: string; member?: string }) => {
      assert.equal(error.code, "evidence.invalid", one.name);
      if (typeof one.refused === "string") {
        assert.equal(error.member, one.refused, one.name);
      }
      return true;
    });
  }
});

test("evidence: an answer isn't accepted unless its search is repeated", { skip: PROGRAM === undefined }, async () => {
  const file = new Blob([readFileSync(join(folder, "nothing.html"))]);
  const missing = { code: "evidence.invalid", member: "query" };
  await assert.rejects(slicer.openEvidence(file), missing);
  await assert.rejects(
    slicer.openEvidence(file, async () => []),
    missing,
  );
  await slicer.openEvidence(file, search);
});

test("evidence: findings aren't accepted unless the rules are run again", { skip: PROGRAM === undefined }, async () => {
  const file = new Blob([readFileSync(join(folder, "quiet.html"))]);
  const missing = { code: "evidence.invalid", member: "detections" };
  await assert.rejects(slicer.openEvidence(file, search), missing);
  const { rules, frame } = await slicer.openEvidence(file, undefined, detect);
  assert.equal(JSON.parse(rules ?? "").name, "quiet");
  assert.equal(JSON.parse(frame).detections.findings, 0);
});
