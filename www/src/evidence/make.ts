import { sampleRoot } from "@countersign/ui/slice/sample-root.js";
import type { Drawing, Slicer } from "@countersign/ui/slice/types.js";
import { stem } from "@countersign/ui/viewer/parts/save.js";
import { SelectionMismatch } from "@countersign/ui/viewer/search/selection.js";
import type { Session, Tools } from "@countersign/ui/viewer/session/session.js";
import { ABOUT } from "../about.ts";
import type { TextFile } from "../input/trust.ts";
import type { Part } from "../state/case.ts";
import type { Paper, Sampled } from "./frame.ts";
import { ownPage } from "./own.ts";

/** No more events than this many bytes of an export go into one file. */
export const LONGEST = 64 << 20;

/** What is to be filed. */
export interface Making {
  readonly part: Part;
  readonly tools: Tools;
  readonly trust: TextFile | undefined;
  readonly pins: readonly TextFile[];
  /** The search that selected the events; empty only if all are selected. */
  readonly query: string;
  /** The leaves of the events that it selected, ascending. */
  readonly entries: Float64Array;
  readonly sample: Sampled | undefined;
  readonly reference: string;
  readonly examiner: string;
  readonly papers: readonly Paper[];
  readonly now: Date;
}

/** A file, and the number of events that it is about. */
export interface Made {
  readonly file: File;
  readonly events: number;
}

/** There are more events than go into one file. */
export class TooLong extends Error {}

/** The report, as JSON. */
export async function reportFile(making: Making): Promise<Made> {
  const { frame, filing, slicer } = await framed(making);
  const report = await slicer.writeReport({ ...filing, frame: JSON.stringify(frame) });
  const name = `${stem(making.part.file.name)}.report.json`;
  return { file: new File([report], name, { type: "application/json" }), events: chosen(making).length };
}

/** The selected events with what proves them; the export itself where nothing is asked. */
export async function sliceFile(making: Making): Promise<Made> {
  const { part, query, sample, tools } = making;
  const { session, file } = part;
  const slicer = tools.slicer?.();
  if (session === undefined || slicer === undefined) throw new Error("there is nothing to cut from");
  const indexes = chosen(making);
  if (query === "" && sample === undefined) return { file, events: indexes.length };
  const { bytes, events } = await slicer.slice(file, { indexes }, { trust: session.trust });
  if (events !== indexes.length) throw new SelectionMismatch([indexes.length, events]);
  return { file: new File([bytes], `${stem(file.name)}-slice.countersign.ndjson`), events };
}

/** The evidence file. */
export async function evidenceFile(making: Making): Promise<Made> {
  const { frame, filing, slicer, session } = await framed(making);
  const { file } = making.part;
  const { file: source, events } = await sliceFile(making);
  if (source.size > LONGEST) throw new TooLong();
  let slice = null;
  if (source !== file) {
    const { report } = await making.tools.verify(source, { trust: session.trust, pins: session.pins });
    slice = { file: { name: source.name }, events: report.counts.events, report };
  }
  const page = ownPage();
  const whole = JSON.stringify({ ...frame, slice });
  const evidence = await slicer.writeEvidence({ ...filing, frame: whole }, page, source);
  return { file: new File([evidence], `${stem(file.name)}.evidence.html`, { type: "text/html" }), events };
}

/** The leaves of the events that go into files, ascending: those of the sample, if there is one. */
function chosen({ entries, sample }: Making): Float64Array {
  return sample ? Float64Array.from(sample.entries).sort((one, other) => one - other) : entries;
}

/** Draws a sample of the events that are selected. */
export async function drawn(
  session: Session,
  tools: Tools,
  asked: Pick<Drawing, "seed" | "wanted">,
  indexes: Float64Array,
): Promise<Sampled | undefined> {
  const slicer = tools.slicer?.();
  const by = sampleRoot(session.marks.checkpoints, session.report?.origin);
  if (slicer === undefined || by === undefined) return undefined;
  const candidates = indexes.length;
  const entries = [...(await slicer.draw({ ...asked, root: by.root, entries: indexes }))];
  return { ...asked, ...by, candidates, entries };
}

interface Framed {
  readonly frame: object;
  readonly filing: { readonly trust: string | undefined; readonly pins: readonly string[] };
  readonly slicer: Slicer;
  readonly session: Session;
}

async function framed(making: Making): Promise<Framed> {
  const { part, tools, query, entries, sample } = making;
  const { session, file } = part;
  const slicer = tools.slicer?.();
  if (session?.report === undefined || slicer === undefined) throw new Error("there is no report");
  const written = new Set(chosen(making));
  const frame = {
    countersign: "evidence/v1",
    file: { name: file.name, sha256: part.sha256 ?? (await slicer.sha256(file)), size: file.size },
    tool: {
      name: "countersign page",
      version: ABOUT.version,
      sha256: await slicer.sha256(ownPage()),
    },
    time: making.now.toISOString(),
    trust: session.trust === undefined ? null : { name: making.trust?.name ?? "trust.txt" },
    pins: session.pins.map((_, place) => ({ name: making.pins[place]?.name ?? "remembered.pin.txt" })),
    query: query === "" ? null : query,
    scope: { events: entries.length, range: null, sample: sample ?? null },
    report: session.report,
    slice: null,
    reference: making.reference,
    examiner: making.examiner,
    // Notes on other events say something of these, and of who looked at them.
    papers: making.papers.filter(({ entry }) => written.has(entry)),
    sections: [],
  };
  return { frame, filing: { trust: session.trust, pins: session.pins }, slicer, session };
}
