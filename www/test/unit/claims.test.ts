import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventIndex } from "@countersign/ui/index/types.js";
import type { Report } from "countersign/verify";
import { readClaims } from "../../src/evidence/claims.ts";
import { claimsSections, filedClaims } from "../../src/evidence/filed-claims.ts";
import type { Frame } from "../../src/evidence/frame.ts";
import { LANGUAGES } from "../../src/texts/index.ts";

const report = {
  finding_counts: { "payload.mismatch": 2 },
  findings: [
    { code: "payload.mismatch", line: 1, index: 7 },
    { code: "payload.mismatch", line: 2, index: 9 },
  ],
} as unknown as Report;
const FILE = new Blob(['{"event":{"action":"login"}}\nnot JSON\n']);
/** An index in which every event matches. */
const index = () =>
  ({
    add: async () => {},
    settle: async () => {},
    ask: async () => ({}),
    indexes: async () => Float64Array.of(7),
    close: () => {},
  }) as unknown as EventIndex;

test("claims: altered events that can't be read are counted, also if the file can't be read", async () => {
  const search = { query: "action:login", report };
  const claims = await readClaims({ ...search, file: FILE }, index);
  assert.deepEqual(claims, { claims: [{ index: 7, line: 1 }], altered: 2, unread: 1 });
  const gone = { stream: () => assert.fail("gone"), slice: () => FILE } as unknown as Blob;
  assert.deepEqual(await readClaims({ ...search, file: gone }, index), {
    claims: [],
    altered: 2,
    unread: 2,
  });
});

test("claims: a search that fails never reads as if no altered event claimed to match", async () => {
  const failing = () =>
    ({
      ...index(),
      ask: async () => ({ code: "query.invalid", message: "no query" }),
    }) as unknown as EventIndex;
  const search = { query: "action:login", report, file: FILE };
  await assert.rejects(readClaims(search, failing), /no query/);
  const frame = { query: "action:login", slice: null, time: "2026-11-28T00:00:00Z", report, sections: [] };
  const found = await filedClaims(frame as unknown as Frame, FILE, failing);
  assert.deepEqual([found?.by, found?.claims], ["report", [{ index: 7 }, { index: 9 }]]);
});

test("claims: a file without the export states them in a section, or else lists all that may match", async () => {
  const claims = await readClaims({ query: "action:login", report, file: FILE }, index);
  const sections = claimsSections(claims, LANGUAGES.en);
  const frame = { query: "action:login", slice: {}, time: "2026-11-28T00:00:00Z", report, sections };
  const filed = (change: object) => filedClaims({ ...frame, ...change } as unknown as Frame, FILE, index);
  const stated = await filed({});
  assert.deepEqual([stated?.by, stated?.claims, stated?.unread], ["author", [{ index: 7 }], 1]);
  for (const data of [null, { altered_claims: { entries: [7, 8, 9], unread: 0 } }, { altered_claims: {} }]) {
    const found = await filed({ sections: [{ title: "", blocks: [], data }] });
    assert.deepEqual([found?.by, found?.claims], ["report", [{ index: 7 }, { index: 9 }]]);
  }
  assert.equal((await filed({ slice: null, sections: [] }))?.by, "page");
  assert.equal(await filed({ query: null }), undefined);
  assert.deepEqual(claimsSections(undefined, LANGUAGES.en), []);
});
