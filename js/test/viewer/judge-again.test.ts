/** Tests that a session applies another trust file without reading its file again. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import { open, type Source } from "../../packages/countersign/dist/verify/source.js";
import type { EventIndex } from "../../packages/ui/dist/index/types.js";
import { Session, type SessionOptions, type Tools } from "../../packages/ui/dist/viewer/session/session.js";
import { caseNamed } from "../verify/cases.ts";

const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const { verify, verifyLive, verifyArchive } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(module)),
});
const signal = new AbortController().signal;

/** Returns tools that count how often a source is opened. */
function counting(): { tools: Tools; opened: () => number } {
  let opened = 0;
  const index = {
    open: (source: Source) => {
      opened += 1;
      return { ...open(source), kept: () => source as Blob };
    },
    add: async () => {},
    mark: async () => {},
    settle: async () => {},
    close: () => {},
  };
  return {
    tools: { verify, verifyLive, verifyArchive, index: () => index as unknown as EventIndex },
    opened: () => opened,
  };
}

async function begin(name: string, options: SessionOptions = { keepsArchive: true }) {
  const { bytes, options: given } = caseNamed(name);
  const { tools, opened } = counting();
  const session = new Session(new File([bytes], "export.ndjson"), options, tools);
  await session.ended;
  assert.equal(session.phase, "done");
  const expected = await verify(bytes.slice(), { ...given, threads: 0 });
  return { session, opened, trust: given.trust ?? "", expected };
}

test("judge again: another trust file leads to the report of the file without reading it", async () => {
  const { session, opened, trust, expected } = await begin("log-two-chains");
  const before = session.report;
  const [event] = session.marks.chains;
  assert.ok(event);
  assert.equal(session.signerTrust(event), "untrusted");
  assert.ok(session.marks.notes.every(({ acts }) => !acts));
  let reports = 0;
  session.addEventListener("report", () => {
    reports += 1;
  });

  assert.equal(await session.judgeAgain({ trust, trustName: "trust.txt" }, signal), "done");
  assert.equal(JSON.stringify(session.report), JSON.stringify(expected.report));
  assert.deepEqual([session.pin, session.goodPin], [expected.pin, expected.pin]);
  assert.deepEqual([session.trust, session.trustName, reports], [trust, "trust.txt", 1]);
  // The mark states what applied by the earlier trust file.
  assert.equal(event.authorized, false);
  assert.equal(session.signerTrust(event), "trusted");
  assert.ok(session.marks.notes.some(({ acts }) => acts));

  assert.equal(await session.judgeAgain({ trust: undefined }, signal), "done");
  assert.deepEqual(session.report, before);
  assert.equal(session.signerTrust(event), "untrusted");
  assert.deepEqual([opened(), session.isJudgingAgain], [1, false]);
  session.close();
});

test("judge again: a session stays as it is if its events may change, or if there is no archive", async () => {
  for (const [name, options, why] of [
    ["key-revoked", { keepsArchive: true }, "events"],
    ["log-two-chains", {}, "entries"],
  ] as const) {
    const { session, trust } = await begin(name, options);
    const before = session.verification;
    assert.equal(await session.judgeAgain({ trust }, signal), why, name);
    assert.deepEqual([session.verification, session.trust], [before, undefined]);
    session.close();
  }
});

test("judge again: invalid input is rejected, and the session stays as it is", async () => {
  const { session, trust } = await begin("log-two-chains");
  const before = session.verification;
  await assert.rejects(session.judgeAgain({ trust: "nonsense" }, signal), { code: "trust.invalid" });
  await assert.rejects(session.judgeAgain({ trust }, AbortSignal.abort()), { name: "AbortError" });
  assert.equal(session.verification, before);
  session.close();
  assert.equal(session.isJudged, false);
});
