import type { Report } from "@countersign/shared/report.js";
import { html, type TemplateResult } from "lit";
import type { FindingsStatus } from "../../analyze/types.js";
import { stateView } from "../parts/icons.js";
import { completeRange } from "../session/facts.js";
import type { Texts } from "../texts/texts.js";
import type { Detection } from "./detection.js";

/** Appearance of the outcome. Only `nothing` is green. */
export const OUTCOMES = {
  waiting: { icon: "waiting", tone: "faint" },
  doubtful: { icon: "unknown", tone: "doubt" },
  nothing: { icon: "pass", tone: "good" },
  shown: { icon: "partial", tone: "fair" },
  found: { icon: "flag", tone: "doubt" },
} as const;

/** An outcome: its appearance, and its words. */
export interface DetectionOutcome {
  readonly looks: keyof typeof OUTCOMES;
  readonly words: string;
}

/** Returns how much was found, and how far the result is complete. */
export function detectionOutcome(
  { isFinal, session }: Pick<Detection, "isFinal" | "session">,
  status: FindingsStatus,
  texts: Texts,
): DetectionOutcome {
  const { found, figures } = texts;
  const { verification, phase } = session;
  const { findings, events, coverage, limits, future } = status;
  if (!isFinal || verification === undefined) {
    const text = phase === "live" ? found.following : found.soFar;
    return { looks: "waiting", words: text({ findings: figures.findings(findings), events: figures.events(events) }) };
  }
  if (findings === 0 && events > 0 && coverage.applicable === 0) {
    return { looks: "doubtful", words: found.inapplicable(figures.events(events)) };
  }
  const [as, text] = judged(verification.report, findings, events, texts);
  // If rules couldn't examine all events, "nothing was found" doesn't mean that there is nothing to find.
  const isDoubtful = !coverage.complete || limits.length > 0 || future !== null;
  const may = events === 0 ? "" : limits.length > 0 ? found.leftOut : coverage.complete ? "" : found.uncovered;
  return { looks: findings === 0 && isDoubtful ? "doubtful" : as, words: `${text} ${may}`.trim() };
}

/** Renders an outcome. */
export function outcomeView(
  detection: Pick<Detection, "isFinal" | "session">,
  status: FindingsStatus,
  texts: Texts,
): TemplateResult {
  const { looks, words } = detectionOutcome(detection, status, texts);
  return html`<p class="found-outcome" data-looks=${looks}>${stateView(OUTCOMES[looks], words)}</p>`;
}

function judged(
  report: Report,
  findings: number,
  events: number,
  { found, figures }: Texts,
): readonly [keyof typeof OUTCOMES, string] {
  const { verdict, counts } = report;
  const complete = completeRange(report);
  const some = figures.findings(findings);
  if (events === 0) {
    return ["doubtful", found.unlooked];
  }
  if (verdict === "altered" || verdict === "broken") {
    return findings === 0 ? ["doubtful", found.nothingOfBad] : ["found", found.someOfBad(some)];
  }
  const leftOut = counts.withheld + counts.skipped;
  if (complete !== undefined) {
    const [first, end] = complete;
    const range = { entries: figures.entries(end - first), first: figures.count(first), last: figures.count(end - 1) };
    return findings === 0
      ? ["nothing", found.nothingOfAll(range)]
      : ["found", found.someOfAll({ findings: some, ...range })];
  }
  if (leftOut > 0) {
    const left = figures.entries(leftOut);
    return findings === 0
      ? ["shown", found.nothingOfShown(left)]
      : ["found", found.someOfShown({ findings: some, entries: left })];
  }
  return findings === 0 ? ["shown", found.nothingOfPart] : ["found", found.someOfPart(some)];
}
