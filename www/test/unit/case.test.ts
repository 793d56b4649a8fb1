import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "@countersign/viewer/session.js";
import type { Report } from "countersign/verify";
import { type Bench, Case } from "../../src/state/case.ts";
import { Memory } from "../../src/state/memory.ts";

const ORIGIN = "log.example/audit";
const PIN = `${ORIGIN}\n3\n${"A".repeat(43)}=\n\n\u2014 ${ORIGIN} AAAAAAAA\n`;
const OWN = PIN.replace("\n3\n", "\n2\n");

/** A report of an export that holds to all pins but these. */
function report(pins: readonly string[], rewritten: readonly string[]): Report {
  const failed = pins.filter((pin) => rewritten.includes(pin)).length;
  return {
    origin: ORIGIN,
    findings: [],
    finding_counts: failed > 0 ? { "append_only.split_view": failed } : {},
    checks: { append_only: { state: failed > 0 ? "fail" : "pass" } },
    counts: { leaves: 5, skipped: 0 },
  } as unknown as Report;
}

async function verified(rewritten: readonly string[], own: readonly string[]) {
  const kept = new Map<string, string>();
  const memory = new Memory({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  });
  memory.keep(PIN, new Date(0));
  const bench: Bench = {
    session: (_file, { pins }) =>
      ({
        ended: Promise.resolve(),
        phase: "done",
        report: report(pins, rewritten),
        pin: null,
        shelf: { coverage: async () => undefined },
        addEventListener: () => {},
        cancel: () => {},
        close: () => {},
      }) as unknown as Session,
    hold: async (_file, { pins }) => report(pins, rewritten),
    sha256: async () => undefined,
    memory,
    failure: (error) => ({ code: undefined, message: String(error), hint: undefined, line: undefined }),
    now: () => new Date(0),
  };
  const work = new Case(bench);
  const chosen = { file: new File([], "a.ndjson"), of: [], from: "reader" } as const;
  await work.verify([chosen], { trust: undefined, pins: own }, true);
  assert.equal(work.phase, "done");
  return work.parts[0]?.seenBefore?.is;
}

test("a log that holds to the pin that is remembered only grew", async () => {
  assert.equal(await verified([], []), "grown");
  assert.equal(await verified([PIN], []), "rewritten");
});

test("what another pin says is not said of the one that is remembered", async () => {
  assert.equal(await verified([OWN], [OWN]), "grown");
  assert.equal(await verified([PIN], [OWN]), "rewritten");
});
