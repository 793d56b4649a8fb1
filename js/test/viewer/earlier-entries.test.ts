/** Entries that a range of a log omits, restored from the log. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { bundlePath, linesOf } from "../../packages/shared/dist/bundles.js";
import { namesIssuers, withEarlierEntries } from "../../packages/ui/dist/viewer/session/earlier-entries.js";
import { type Case, caseNamed } from "../verify/cases.ts";

const whole = caseNamed("large-whole");
const stretch = caseNamed("large-range");

const text = ({ bytes }: Pick<Case, "bytes">) => new TextDecoder().decode(bytes);

/** Returns the entries of an export that omits none. */
function leavesOf(export_: Case): readonly Buffer[] {
  const lines = text(export_).trimEnd().split("\n").slice(1);
  return lines.flatMap((line) => {
    const { link, note, leaf } = JSON.parse(line) as Record<string, string>;
    if (leaf !== undefined) {
      return [Buffer.from(leaf, "base64")];
    }
    return link === undefined && note === undefined ? [] : [Buffer.from(link ?? note ?? "")];
  });
}

function bundleOf(entries: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const length = (leaf: Buffer) => Buffer.from([leaf.length >> 8, leaf.length & 255]);
  return new Uint8Array(Buffer.concat(entries.flatMap((leaf) => [length(leaf), leaf])));
}

/** Responds like a log with these entries. */
function answers(entries: readonly Buffer[], asked: string[] = []) {
  return async (path: string): Promise<Response> => {
    asked.push(path);
    if (path === "checkpoint") {
      return new Response(`log.example/audit\n${entries.length}\nroot\n`);
    }
    for (let index = 0; index * 256 < entries.length; index += 1) {
      const mine = entries.slice(index * 256, (index + 1) * 256);
      if (path === bundlePath(index, mine.length)) {
        return new Response(bundleOf(mine));
      }
    }
    return new Response("", { status: 404 });
  };
}

async function* pieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) {
    yield bytes.subarray(at, at + length);
  }
}

async function filled(
  export_: Case,
  ask: (path: string) => Promise<Response>,
  length = 1000,
): Promise<Uint8Array<ArrayBuffer>> {
  const given: Uint8Array[] = [];
  for await (const piece of withEarlierEntries(pieces(export_.bytes, length), ask)) {
    given.push(piece);
  }
  return new Uint8Array(Buffer.concat(given));
}

test("earlier entries: complete a range whose keys were granted in the log", async () => {
  const { trust = "" } = stretch.options;
  assert.ok(namesIssuers(trust));
  const alone = (await verify(stretch.bytes, { trust })).report;
  assert.ok(alone.verdict !== "verified" && (alone.finding_counts["key.unseen"] ?? 0) > 0);
  const bytes = await filled(stretch, answers(leavesOf(whole)));
  const { report } = await verify(bytes, { trust });
  assert.deepEqual([report.verdict, report.complete], ["verified", { by: "range", range: [100, 180] }]);
  assert.equal(report.finding_counts["key.unseen"], undefined);
  assert.equal(report.counts.events, alone.counts.events, "and shows no other event");
  for (const length of [1, 7, 100_000]) {
    assert.deepEqual(await filled(stretch, answers(leavesOf(whole)), length), bytes, `in pieces of ${length}`);
  }
});

test("earlier entries: leave the export as it is without the log, and are checked against the checkpoints", async () => {
  const entries = leavesOf(whole);
  const refusing = async () => new Response("", { status: 404 });
  const failing = async () => Promise.reject(new TypeError("there is no connection"));
  const page = async () => new Response("<!doctype html><title>Dashboard</title>");
  const cut = async (path: string) => {
    const response = await answers(entries)(path);
    return path === "checkpoint" ? response : new Response((await response.arrayBuffer()).slice(0, -1));
  };
  for (const ask of [refusing, failing, page, cut]) {
    assert.equal(text({ bytes: await filled(stretch, ask) }), text(stretch));
  }
  const others = [...entries];
  [others[40], others[41]] = [others[41] ?? Buffer.of(), others[40] ?? Buffer.of()];
  const { report } = await verify(await filled(stretch, answers(others)), stretch.options);
  assert.equal(report.verdict, "altered");
});

test("earlier entries: request nothing without a range, or with too many omitted entries", async () => {
  const asked: string[] = [];
  const filtered = caseNamed("large-filter-by-content");
  assert.deepEqual(await filled(filtered, answers(leavesOf(whole), asked)), filtered.bytes);
  const hash = createHash("sha256").update("").digest("base64");
  const far = `{"countersign":"export/v1","origin":"o","range":[65536]}\n{"skip":[16,"${hash}"]}\n`;
  const bytes = new TextEncoder().encode(far);
  assert.deepEqual(await filled({ ...stretch, bytes }, answers(leavesOf(whole), asked)), bytes);
  assert.deepEqual(asked, []);
});

test("earlier entries: are written in their own form", () => {
  const [line] = linesOf(bundleOf([Buffer.from([0xff, 0, 1])])) ?? [];
  assert.equal(line, '{"leaf":"/wAB"}\n');
  assert.equal(linesOf(bundleOf([Buffer.from("countersign/v1 event almost a link")])), undefined);
  assert.deepEqual(
    [bundlePath(0, 256), bundlePath(1234, 256), bundlePath(5, 17)],
    ["tile/entries/000", "tile/entries/x001/234", "tile/entries/005.p/17"],
  );
});
