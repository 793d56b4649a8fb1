/** Findings and endpoints of the verified log, for comparison with scenarios. */

import type { Finding } from "@countersign/ui/analyze/types.js";
import type { Endpoint, Overview, Signals } from "@countersign/ui/overview/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { logSummaryOf } from "@countersign/ui/viewer/session/facts.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { addNewEvents } from "./overview.ts";

/** The observed period, and whether a person stated it. */
export type Span = Pick<Signals, "from" | "to" | "stated">;

/** Observations without the period. */
export type Observations = Omit<Signals, keyof Span>;

/** The fields used from both documents, `findings/v1` and `inventory/v1`. */
interface Document {
  readonly log: { readonly root: string } | null;
  readonly complete: readonly [number, number] | null;
}

/** The fields used from `findings/v1`. */
interface FindingsDocument extends Document {
  readonly findings: readonly Finding[];
  readonly coverage: { readonly complete: boolean; readonly events: number; readonly unparsed: number };
}

/** The fields used from a rule pack. */
interface Pack {
  readonly rules: readonly { readonly id: string; readonly tags?: readonly string[] }[];
}

interface ObservationSources {
  readonly session: Session;
  readonly report: Report;
  readonly overview: Overview;
  /** Description of the API, if the reader provided one. */
  readonly description: string | undefined;
  /** Rule pack for the findings. */
  readonly rules: () => Promise<string>;
}

/**
 * Collects the observations. Resolves to undefined if the report is outdated, because the log has grown or
 * the session was closed.
 */
export async function gather({
  session,
  report,
  overview,
  description,
  rules,
}: ObservationSources): Promise<Observations | undefined> {
  const [found, called, pack] = await Promise.all([
    findingsOf(session),
    inventoryOf(session, report, overview, description),
    rules(),
  ]);
  const isOfReport = ({ log }: Document) => log?.root === report.log?.root;
  if (found === undefined || !isOfReport(found) || !isOfReport(called)) return undefined;
  const { rules: all } = JSON.parse(pack) as Pack;
  return {
    complete: found.complete !== null && found.coverage.complete && called.complete !== null,
    events: found.coverage.events,
    unparsed: found.coverage.unparsed,
    findings: found.findings,
    tags: new Map(all.map(({ id, tags = [] }) => [id, tags])),
    endpoints: called.endpoints,
  };
}

/** Returns the period from the log's first entry to its last; undefined if nothing was signed. */
export function spanOf({ signers }: Report): Span | undefined {
  const [from] = signers.map(({ first }) => first).sort();
  const to = signers
    .map(({ last }) => last)
    .sort()
    .at(-1);
  return from === undefined || to === undefined || from >= to ? undefined : { from, to, stated: false };
}

async function findingsOf({ detection, isRunning }: Session): Promise<FindingsDocument | undefined> {
  if (detection === undefined) return undefined;
  await statusReached(detection, isRunning);
  if (detection.failure !== undefined) throw new Error(detection.failure.message);
  const document = await detection.answers?.document();
  return document && JSON.parse(await document.text());
}

/** Resolves when the detection is final; for a running session, when it has a first status. */
function statusReached(detection: Detection, isRunning: boolean): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = (event?: Event) => {
      const isReached = detection.isFinal || (isRunning && detection.status !== undefined);
      if (!isReached && detection.failure === undefined && event?.type !== "over") return;
      detection.removeEventListener("change", onEvent);
      detection.removeEventListener("over", onEvent);
      resolve();
    };
    detection.addEventListener("change", onEvent);
    detection.addEventListener("over", onEvent);
    onEvent();
  });
}

async function inventoryOf(
  session: Session,
  report: Report,
  overview: Overview,
  description: string | undefined,
): Promise<Document & { readonly endpoints: readonly Endpoint[] }> {
  const endpoints = await overview.endpoints(description);
  try {
    await addNewEvents(session, endpoints, 0);
    return JSON.parse(await endpoints.inventory(logSummaryOf(report)));
  } finally {
    endpoints.close();
  }
}
