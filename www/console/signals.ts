/** What findings and endpoints say of what was verified here, for scenarios to be held against. */

import type { Finding } from "@countersign/ui/analyze/types.js";
import type { Endpoint, Overview, Signals } from "@countersign/ui/overview/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { logSummaryOf } from "@countersign/ui/viewer/session/facts.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { taken } from "./overview.ts";

/** From when to when was looked, and whether somebody states it. */
export type Span = Pick<Signals, "from" | "to" | "stated">;

/** All of it, but for when. */
export type Gathered = Omit<Signals, keyof Span>;

/** What of both documents is needed: `findings/v1` and `inventory/v1`. */
interface Document {
  readonly log: { readonly root: string } | null;
  readonly complete: readonly [number, number] | null;
}

/** What of `findings/v1` is needed beside that. */
interface FindingsDocument extends Document {
  readonly findings: readonly Finding[];
  readonly coverage: { readonly complete: boolean };
}

/** The parts of a built pack that are needed. */
interface Pack {
  readonly rules: readonly { readonly id: string; readonly tags?: readonly string[] }[];
}

interface Needed {
  readonly session: Session;
  readonly report: Report;
  readonly overview: Overview;
  /** What describes the API, where the reader brought that. */
  readonly description: string | undefined;
  /** The pack by which findings are made. */
  readonly rules: () => Promise<string>;
}

/** Gathers it. Undefined where there is none of this report: the log has grown, or the session was closed. */
export async function gather({
  session,
  report,
  overview,
  description,
  rules,
}: Needed): Promise<Gathered | undefined> {
  const [found, called, pack] = await Promise.all([
    foundIn(session),
    calledIn(session, report, overview, description),
    rules(),
  ]);
  const isOfReport = ({ log }: Document) => log?.root === report.log?.root;
  if (found === undefined || !isOfReport(found) || !isOfReport(called)) return undefined;
  const { rules: all } = JSON.parse(pack) as Pack;
  return {
    complete: found.complete !== null && found.coverage.complete && called.complete !== null,
    findings: found.findings,
    tags: new Map(all.map(({ id, tags = [] }) => [id, tags])),
    endpoints: called.endpoints,
  };
}

/** From the log's first entry to its last; undefined where nobody signed anything. */
export function spanOf({ signers }: Report): Span | undefined {
  const [from] = signers.map(({ first }) => first).sort();
  const to = signers
    .map(({ last }) => last)
    .sort()
    .at(-1);
  return from === undefined || to === undefined || from >= to ? undefined : { from, to, stated: false };
}

async function foundIn({ detection, isRunning }: Session): Promise<FindingsDocument | undefined> {
  if (detection === undefined) return undefined;
  await told(detection, isRunning);
  if (detection.failure !== undefined) throw new Error(detection.failure.message);
  const document = await detection.answers?.document();
  return document && JSON.parse(await document.text());
}

/** Resolves when it told of all there is; of what goes on, when it told of some. */
function told(detection: Detection, isRunning: boolean): Promise<void> {
  return new Promise((resolve) => {
    const heard = (event?: Event) => {
      const isTold = detection.isFinal || (isRunning && detection.status !== undefined);
      if (!isTold && detection.failure === undefined && event?.type !== "over") return;
      detection.removeEventListener("change", heard);
      detection.removeEventListener("over", heard);
      resolve();
    };
    detection.addEventListener("change", heard);
    detection.addEventListener("over", heard);
    heard();
  });
}

async function calledIn(
  session: Session,
  report: Report,
  overview: Overview,
  description: string | undefined,
): Promise<Document & { readonly endpoints: readonly Endpoint[] }> {
  const endpoints = await overview.endpoints(description);
  try {
    await taken(session, endpoints, 0);
    return JSON.parse(await endpoints.inventory(logSummaryOf(report)));
  } finally {
    endpoints.close();
  }
}
