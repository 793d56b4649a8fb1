/** Entries that a range of a log omits, restored from the log. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { bundlePath, linesOf } from "../../packages/shared/dist/bundles.js";
import { namesIssuers, withEarlierEntries } from "../../packages/ui/dist/viewer/session/earlier-entries.js";
import { type Case, caseNamed } from "../verify/cases.ts";

const whole = caseNamed("large-whole");
const part = caseNamed("large-range");

const text = ({ bytes }: Pick<Case, "bytes">) => new TextDecoder().decode(bytes);

/** Returns the entries of an export that omits none. */
function entriesOf(export_: Case): readonly Buffer[] {
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
  const { trust = "" } = part.options;
  assert.ok(namesIssuers(trust));
  const alone = (await verify(part.bytes, { trust })).report;
  assert.ok(alone.verdict !== "verified" && (alone.finding_counts["key.unseen"] ?? 0) > 0);
  const bytes = await filled(part, answers(entriesOf(whole)));
  const { report } = await verify(bytes, { trust });
  assert.deepEqual([report.verdict, report.complete], ["verified", { by: "range", range: [100, 180] }]);
  assert.equal(report.finding_counts["key.unseen"], undefined);
  assert.equal(report.counts.events, alone.counts.events, "and shows no other event");
  for (const length of [1, 7, 100_000]) {
    assert.deepEqual(await filled(part, answers(entriesOf(whole)), length), bytes, `in pieces of ${length}`);
  }
});

test("earlier entries: leave the export as it is without the log, and are checked against the checkpoints", async () => {
  const entries = entriesOf(whole);
  const refusing = async () => new Response("", { status: 404 });
  const failing = async () => Promise.reject(new TypeError("there is no connection"));
  const page = async () => new Response("<!doctype html><title>Dashboard</title>");
  const cut = async (path: string) => {
    const response = await answers(entries)(path);
    return path === "checkpoint" ? response : new Response((await response.arrayBuffer()).slice(0, -1));
  };
  for (const ask of [refusing, failing, page, cut]) {
    assert.equal(text({ bytes: await filled(part, ask) }), text(part));
  }
  const others = [...entries];
  [others[40], others[41]] = [others[41] ?? Buffer.of(), others[40] ?? Buffer.of()];
  const { report } = await verify(await filled(part, answers(others)), part.options);
  assert.equal(report.verdict, "altered");
});

test("earlier entries: request nothing without a range, or with too many omitted entries", async () => {
  const requested: string[] = [];
  const filtered = caseNamed("large-filter-by-content");
  assert.deepEqual(await filled(filtered, answers(entriesOf(whole), requested)), filtered.bytes);
  const hash = createHash("sha256").update("").digest("base64");
  const far = `{"countersign":"export/v1","origin":"o","range":[65536]}\n{"skip":[16,"${hash}"]}\n`;
  const bytes = new TextEncoder().encode(far);
  assert.deepEqual(await filled({ ...part, bytes }, answers(entriesOf(whole), requested)), bytes);
  assert.deepEqual(requested, []);
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

test("earlier entries: of a tenant log are requested next to its head", async () => {
  const tenant = caseNamed("tenant");
  const lines = text(tenant).trimEnd().split("\n");
  const [header = "", ...others] = lines;
  const { head } = JSON.parse(lines.at(-1) ?? "") as { head: string };
  const hash = createHash("sha256").update("").digest("base64");
  const skips = [`{"skip":[2,"${hash}"]}`, `{"skip":[0,"${hash}"]}`];
  const range = [header.replace("[0,9]", "[5,9]"), ...skips, ...others.slice(5)];
  const bytes = new TextEncoder().encode(`${range.join("\n")}\n`);
  const requested: string[] = [];
  const bundles = answers(entriesOf(tenant), requested);
  const ask = async (path: string) => (path === "head" ? new Response(head) : await bundles(path));
  const completed = await filled({ ...tenant, bytes }, ask);
  assert.deepEqual(requested, [bundlePath(0, 9)]);
  const { report } = await verify(completed, tenant.options);
  assert.deepEqual([report.verdict, report.complete], ["verified", { by: "range", range: [5, 9] }]);
  assert.equal(report.history?.anchors, 1);
});
