import assert from "node:assert/strict";
import { test } from "node:test";
import type { Report } from "countersign/verify";
import { detectionBasis } from "../../src/evidence/detections-basis.ts";
import type { Detections } from "../../src/evidence/frame.ts";
import { vector } from "../page/vectors.ts";

/** Returns the result of rules that did not fire, and could examine all events of a report. */
function quiet(report: Report): Detections {
  return {
    pack: { name: "ours", version: "1", hash: "", rules: 2 },
    engine: "7",
    findings: 0,
    digest: "",
    rules: [],
    coverage: {
      complete: true,
      events: report.counts.events,
      unparsed: 0,
      uncovered: 0,
      sources: [],
      rules: 2,
      applicable: 1,
      blind: [],
      unclear_times: null,
      unread: [],
    },
    limits: [],
    future: null,
  };
}

/** Returns the doubts about a result on a vector. */
function doubts(
  name: string,
  change: (detections: Detections) => Partial<Detections> = () => ({}),
  range: [number, number] | null = null,
): readonly string[] {
  const report = vector(name).report as unknown as Report;
  const detections = quiet(report);
  const basis = detectionBasis(report, { ...detections, ...change(detections) }, range);
  return basis.doubts.map(({ is }) => is);
}

test("detections: no doubt remains only if the rules examined every entry of the log", () => {
  assert.deepEqual(doubts("log-two-chains"), []);
  assert.deepEqual(
    doubts("log-two-chains", ({ coverage }) => ({ coverage: { ...coverage, unparsed: 1, complete: false } })),
    ["rules"],
  );
  assert.deepEqual(
    doubts("log-two-chains", () => ({ limits: [{ rule: "a" }] })),
    ["limits"],
  );
  assert.deepEqual(
    doubts("log-two-chains", () => ({ future: { number: 1, first_entry: 4 } })),
    ["future"],
  );
  assert.deepEqual(
    doubts("log-two-chains", () => ({}), [4, 9]),
    ["range"],
  );
  assert.ok(doubts("withheld").includes("withheld"));
  assert.ok(doubts("drop-event").includes("verdict"));
});

test("detections: events that the rules did not see are a doubt, as is that there were none", () => {
  const other = ({ coverage }: Detections) => ({ coverage: { ...coverage, events: 8 } });
  assert.deepEqual(doubts("log-two-chains", other), ["unexamined"]);
  const none = ({ coverage }: Detections) => ({ coverage: { ...coverage, events: 0 } });
  assert.ok(doubts("log-two-chains", none).includes("empty"));
});
