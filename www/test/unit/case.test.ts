import assert from "node:assert/strict";
import { test } from "node:test";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { Case, type CaseTools } from "../../src/state/case.ts";
import { Memory } from "../../src/state/memory.ts";

const ORIGIN = "log.example/audit";
const PIN = `${ORIGIN}\n3\n${"A".repeat(43)}=\n\n\u2014 ${ORIGIN} AAAAAAAA\n`;
const OWN = PIN.replace("\n3\n", "\n2\n");

/** Returns a report of an export that agrees with all pins but these. */
function report(pins: readonly string[], rewritten: readonly string[]): Report {
  const failed = pins.filter((pin) => rewritten.includes(pin)).length;
  return {
    origin: ORIGIN,
    findings: [],
    finding_counts: failed > 0 ? { "append_only.split_view": failed } : {},
    checks: { append_only: { state: failed > 0 ? "fail" : "pass" } },
    counts: { entries: 5, skipped: 0 },
    log: { size: 5, root: "", time: null },
  } as unknown as Report;
}

const CHOSEN = { file: new File([], "a.ndjson"), of: [], from: "reader" } as const;

function caseTools(rewritten: readonly string[], pin: string | null = null): CaseTools {
  const kept = new Map<string, string>();
  const memory = new Memory({
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  });
  memory.keep(PIN, new Date(0));
  return {
    session: (_file, { pins }) =>
      ({
        judged: Promise.resolve(),
        ended: Promise.resolve(),
        phase: "done",
        report: report(pins, rewritten),
        pin,
        index: { coverage: async () => undefined, count: async () => 0 },
        addEventListener: () => {},
        cancel: () => {},
        close: () => {},
      }) as unknown as Session,
    hold: async (_file, { pins }) => ({ report: report(pins, rewritten), phrases: {} }),
    detect: async () => undefined,
    sha256: async (file) => `${file.size}`,
    memory,
    failure: (error) => ({
      code: undefined,
      message: String(error),
      hint: undefined,
      line: undefined,
      member: undefined,
      phrases: undefined,
    }),
    now: () => new Date(0),
  };
}

async function verified(rewritten: readonly string[], own: readonly string[]) {
  const work = new Case(caseTools(rewritten));
  await work.verify([CHOSEN], { trust: undefined, pins: own }, true);
  assert.equal(work.phase, "done");
  return work.parts[0]?.seenBefore?.is;
}

test("Case: a log that agrees with the remembered pin has only grown", async () => {
  assert.equal(await verified([], []), "grown");
  assert.equal(await verified([PIN], []), "rewritten");
});

test("Case: a contradiction of another pin isn't attributed to the remembered one", async () => {
  assert.equal(await verified([OWN], [OWN]), "grown");
  assert.equal(await verified([PIN], [OWN]), "rewritten");
});

const LATER = PIN.replace("\n3\n", "\n5\n");

test("Case: a log that grew replaces the remembered state", async () => {
  const tools = caseTools([], LATER);
  const work = new Case(tools);
  await work.verify([CHOSEN], { trust: undefined, pins: [] }, true);
  assert.equal(tools.memory.of(ORIGIN)?.size, 5);
  assert.equal(work.parts[0]?.remembered, true);
});

test("Case: a head that contradicts the remembered one counts, even if the entries can't be compared", async () => {
  const tools = caseTools([]);
  const work = new Case({
    ...tools,
    session: (file, input) => {
      const contradicted = {
        ...report(input.pins, []),
        finding_counts: input.pins.includes(PIN) ? { "head.split": 1 } : {},
        checks: { append_only: { state: "not_checked" } },
      };
      return { ...tools.session(file, input), report: contradicted } as unknown as Session;
    },
  });
  await work.verify([CHOSEN], { trust: undefined, pins: [] }, true);
  const [part] = work.parts;
  assert.equal(part?.seenBefore?.is, "rewritten");
  assert.deepEqual(part?.session?.report?.finding_counts, { "head.split": 1 });
});

test("Case: keeps the remembered state if the reader leaves it out or the log was rewritten", async () => {
  for (const usesMemory of [true, false]) {
    const tools = caseTools([PIN], LATER);
    const work = new Case(tools);
    await work.verify([CHOSEN], { trust: undefined, pins: [] }, usesMemory);
    assert.equal(tools.memory.of(ORIGIN)?.pin, PIN);
    assert.equal(work.parts[0]?.remembered, false);
  }
});

test("Case: remembers only the largest checkpoint of several parts", async () => {
  const tools = caseTools([], LATER);
  const work = new Case(tools);
  const other = { ...CHOSEN, file: new File(["x"], "b.ndjson") };
  await work.verify([CHOSEN, other], { trust: undefined, pins: [] }, true);
  assert.equal(work.parts.filter(({ remembered }) => remembered).length, 1);
});

test("Case: files of the same bytes count as one and aren't compared", async () => {
  const tools = caseTools([LATER], LATER);
  const work = new Case(tools);
  const same = { ...CHOSEN, file: new File([], "b.ndjson") };
  const other = { ...CHOSEN, file: new File(["x"], "c.ndjson") };
  await work.verify([CHOSEN, same, other], { trust: undefined, pins: [] }, false);
  assert.deepEqual(
    work.parts.map(({ agreement }) => agreement?.is.is),
    [undefined, "identical", "contradicts"],
  );
});

test("Case: cancel also cancels the current session", async () => {
  const tools = caseTools([]);
  const sessions: string[] = [];
  const work = new Case({
    ...tools,
    session: () => {
      const ended = Promise.withResolvers<void>();
      return {
        judged: ended.promise,
        ended: ended.promise,
        phase: "canceled",
        addEventListener: () => {},
        cancel: () => {
          sessions.push("canceled");
          ended.resolve();
        },
        close: () => {},
      } as unknown as Session;
    },
  });
  const done = work.verify([CHOSEN], { trust: undefined, pins: [] }, false);
  work.cancel();
  await done;
  assert.equal(work.phase, "canceled");
  assert.deepEqual(sessions, ["canceled"]);
});
