import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { JudgmentOutcome, Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { Case, type CaseTools, rememberedInVerdict } from "../../src/state/case.ts";
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
        isJudged: true,
        judgeAgain: async () => "entries",
        verifyWith: async () => undefined,
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

test("Case: a remembered state is in the verdict on a single file, and beside that on several unless it contradicts", async () => {
  const other = { ...CHOSEN, file: new File(["x"], "b.ndjson") };
  for (const [rewritten, chosen, expected] of [
    [[], [CHOSEN], [true]],
    [[], [CHOSEN, other], [false]],
    [[PIN], [CHOSEN, other], [true]],
  ] as const) {
    const work = new Case(caseTools(rewritten, LATER));
    await work.verify(chosen, { trust: undefined, pins: [] }, true);
    const compared = work.parts.filter(({ seenBefore }) => seenBefore !== undefined);
    assert.deepEqual(
      compared.map(({ seenBefore }) => seenBefore?.isInVerdict),
      expected,
    );
    assert.deepEqual(
      compared.map((part) => rememberedInVerdict(part) !== undefined),
      expected,
    );
  }
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

/** A session that counts what a case does with it. */
function judgedSession(answer: () => JudgmentOutcome, done: string[], ended = Promise.resolve()): Session {
  const session = {
    judged: Promise.resolve(),
    ended,
    phase: "done",
    report: report([], []),
    pin: null,
    index: { coverage: async () => undefined, count: async () => 0 },
    addEventListener: () => {},
    isJudged: true,
    judgeAgain: async ({ trust }: { trust: string }) => {
      done.push(`judged with ${trust}`);
      return answer();
    },
    verifyWith: async () => undefined,
    cancel: () => done.push("canceled"),
    close: () => done.push("closed"),
  };
  return session as unknown as Session;
}

test("Case: other input is applied to the session that there is, and its file isn't hashed again", async () => {
  const done: string[] = [];
  const work = new Case({
    ...caseTools([]),
    session: () => {
      done.push("begun");
      return judgedSession(() => "done", done);
    },
    sha256: async () => {
      done.push("hashed");
      return "00";
    },
  });
  const verifyWith = (trust: string) => work.verify([CHOSEN], { trust, pins: [] }, false);
  await verifyWith("one");
  await setImmediate();
  const [session] = work.parts.map((part) => part.session);
  await verifyWith("two");
  await setImmediate();
  assert.equal(work.phase, "done");
  assert.equal(work.readAgain, undefined);
  assert.equal(work.parts[0]?.session, session);
  assert.equal(work.parts[0]?.sha256, "00");
  assert.deepEqual(done, ["begun", "hashed", "judged with two"]);
  await work.verify([{ ...CHOSEN, file: new File([], "b.ndjson") }], { trust: "two", pins: [] }, false);
  assert.deepEqual(done.slice(3, 6), ["canceled", "closed", "begun"]);
});

test("Case: reads a file again if its results weren't kept, and says why", async () => {
  for (const why of ["entries", "events"] as const) {
    const done: string[] = [];
    const work = new Case({
      ...caseTools([]),
      session: () => {
        done.push("begun");
        return judgedSession(() => why, done);
      },
    });
    await work.verify([CHOSEN], { trust: "one", pins: [] }, false);
    await work.verify([CHOSEN], { trust: "two", pins: [] }, false);
    assert.equal(work.phase, "done");
    assert.equal(work.readAgain, why);
    assert.deepEqual(done, ["begun", "judged with two", "closed", "begun"]);
    work.close();
    assert.equal(done.at(-1), "closed");
  }
});

test("Case: other input keeps an index that is still being built", async () => {
  const done: string[] = [];
  const indexed = Promise.withResolvers<void>();
  const work = new Case({
    ...caseTools([]),
    session: () => judgedSession(() => "done", done, indexed.promise),
  });
  const first = work.verify([CHOSEN], { trust: "one", pins: [] }, false);
  while (work.phase !== "done") await setImmediate();
  const second = work.verify([CHOSEN], { trust: "two", pins: [] }, false);
  indexed.resolve();
  await Promise.all([first, second]);
  assert.equal(work.phase, "done");
  assert.deepEqual(done, ["judged with two"]);
  work.cancel();
  assert.deepEqual(done, ["judged with two", "canceled"]);
});
