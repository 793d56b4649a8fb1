import type { FiledFindings } from "@countersign/ui/analyze/types.js";
import { sampleRoot } from "@countersign/ui/slice/sample-root.js";
import type { Drawing, Filing, Slicer } from "@countersign/ui/slice/types.js";
import { stem } from "@countersign/ui/viewer/parts/save.js";
import { faultInName } from "@countersign/ui/viewer/search/faulty.js";
import { SelectionMismatch } from "@countersign/ui/viewer/search/selection.js";
import type { Session, Tools } from "@countersign/ui/viewer/session/session.js";
import { ABOUT } from "../about.ts";
import type { TextFile } from "../input/trust.ts";
import type { Part } from "../state/case.ts";
import { formatCount, savedName } from "./file-name.ts";
import type { Detections, Frame, Paper, Sample, Section } from "./frame.ts";
import { ownPage } from "./own.ts";
import { questionLabel } from "./question-label.ts";

/** Maximum bytes of an export that one file holds. */
export const MAX_EVENT_BYTES = 64 << 20;

/** The events that an evidence file contains: those that the search selects, or all that were searched. */
export type Contents = "selected" | "examined";

/** The page that makes evidence, and the auditor's page, with which an evidence file begins. */
export interface Maker {
  /** Name of the tool in the report. */
  readonly name: string;
  /** Rejects if the auditor's page isn't available. */
  readonly auditorsPage: () => Promise<Blob>;
}

/** The auditor's page makes evidence with itself. */
export const AUDITORS_PAGE: Maker = { name: "countersign page", auditorsPage: async () => ownPage() };

/** Input of an evidence file or report. */
export interface EvidenceInput {
  readonly part: Part;
  readonly tools: Tools;
  readonly maker: Maker;
  readonly trust: TextFile | undefined;
  readonly pins: readonly TextFile[];
  /** The search that selected the events; empty only if all are selected. */
  readonly query: string;
  /** Entries of the selected events, ascending. */
  readonly entries: Float64Array;
  /** The search that selected them. */
  readonly examined: NonNullable<Frame["scope"]["examined"]>;
  /** The events that an evidence file contains: the selected ones, or all that were searched. */
  readonly contents: Contents;
  readonly sample: Sample | undefined;
  /** The result of detection rules over all events; `entries` are then those that findings name. */
  readonly detections?: FiledFindings | undefined;
  readonly reference: string;
  readonly examiner: string;
  readonly papers: readonly Paper[];
  /** Statements about the export that the file can't show. */
  readonly sections: readonly Section[];
  /** Time from which relative times in the query count. */
  readonly now: Date;
  /** Time for the names of saved files. */
  readonly saved: Date;
}

/** A file, and the number of events in it. */
export interface CreatedFile {
  readonly file: File;
  readonly events: number;
  /** Number of events in the file, if it has more: all that were searched. */
  readonly searched?: number;
}

/** The selected events exceed the maximum size of a file. */
export class SizeLimitError extends Error {}

/** There is no auditor's page to begin an evidence file with. */
export class PageMissingError extends Error {}

/** Creates the report as JSON. */
export async function reportFile(input: EvidenceInput): Promise<CreatedFile> {
  const { frame, filing, slicer } = await createFrame(input);
  const report = await slicer.writeReport({ ...filing, frame: JSON.stringify(frame) });
  const name = `${await nameOf(input, new Blob([report]))}.report.json`;
  return { file: new File([report], name, { type: "application/json" }), events: chosen(input).length };
}

/** Creates a slice of the selected events; returns the export itself if all are selected. */
export async function sliceFile(input: EvidenceInput): Promise<CreatedFile> {
  const { part, query, sample, detections, tools } = input;
  const { session, file } = part;
  const slicer = tools.slicer?.();
  if (session === undefined || slicer === undefined) throw new Error("a slice needs a session and a slicer");
  const indexes = chosen(input);
  if (query === "" && sample === undefined && detections === undefined)
    return { file, events: indexes.length };
  const { bytes, events } = await slicer.slice(file, { indexes, allowsNone: true }, { trust: session.trust });
  if (events !== indexes.length) throw new SelectionMismatch([indexes.length, events]);
  return { file: new File([bytes], `${stem(file.name)}-slice.countersign.ndjson`), events };
}

/** Creates the evidence file. */
export async function evidenceFile(input: EvidenceInput): Promise<CreatedFile> {
  const { frame, filing, slicer, session } = await createFrame(input);
  const { file } = input.part;
  const isAll = input.contents === "examined";
  const { file: source, events } = isAll ? { file, events: selectedEvents(input) } : await sliceFile(input);
  if (source.size > MAX_EVENT_BYTES) throw new SizeLimitError();
  let slice = null;
  if (source !== file) {
    const { report } = await input.tools.verify(source, { trust: session.trust, pins: session.pins });
    slice = { file: { name: source.name }, events: report.counts.events, report };
  }
  const page = await input.maker.auditorsPage();
  const frameJson = JSON.stringify({ ...frame, slice });
  const evidence = await slicer.writeEvidence({ ...filing, frame: frameJson }, page, source);
  const name = `${await nameOf(input, new Blob([evidence]))}.evidence.html`;
  const searched = session.report?.counts.events ?? events;
  const isMore = isAll && searched > events;
  return { file: new File([evidence], name, { type: "text/html" }), events, ...(isMore && { searched }) };
}

/** Creates the slice as a file of its own. */
export async function savedSlice(input: EvidenceInput): Promise<CreatedFile> {
  const { file, events } = await sliceFile(input);
  return { file: new File([file], `${await nameOf(input, file)}.countersign.ndjson`), events };
}

/**
 * Returns the name of a saved file without its ending. Answers that nothing was found are told apart by the beginning of
 * the file's SHA-256, which the opened file shows, too.
 */
async function nameOf(input: EvidenceInput, content: Blob): Promise<string> {
  const { part, query, entries, sample, detections, reference, saved } = input;
  const found = detections && detectionsOf(detections).findings;
  const contents =
    found !== undefined
      ? formatCount(found, "finding")
      : sample !== undefined
        ? `sample-of-${sample.entries.length}`
        : `${query === "" && entries.length > 0 ? "all-" : ""}${formatCount(entries.length, "event")}`;
  const fault = faultInName(part.session?.report);
  const isNone = entries.length === 0 && found === undefined && sample === undefined;
  const sha256 = isNone ? await input.tools.slicer?.().sha256(content) : undefined;
  const mark = sha256 === undefined ? "" : `-${sha256.slice(0, 8)}`;
  return savedName({
    file: part.file.name,
    reference,
    question: questionLabel(query),
    contents: `${contents}${mark}${fault}`,
    saved,
  });
}

/** Returns the number of events that a report is about. */
function selectedEvents({ detections, entries }: EvidenceInput): number {
  return detections === undefined ? entries.length : detectionsOf(detections).coverage.events;
}

function detectionsOf({ detections }: FiledFindings): Detections {
  return JSON.parse(detections) as Detections;
}

/** Returns the entries of the events to include, ascending: those of the sample, if there is one. */
function chosen({ entries, sample }: EvidenceInput): Float64Array {
  return sample ? Float64Array.from(sample.entries).sort((a, b) => a - b) : entries;
}

/** Draws a sample of the selected events. */
export async function drawSample(
  session: Session,
  tools: Tools,
  options: Pick<Drawing, "seed" | "wanted">,
  indexes: Float64Array,
): Promise<Sample | undefined> {
  const slicer = tools.slicer?.();
  const by = sampleRoot(session.marks.checkpoints, session.report?.origin);
  if (slicer === undefined || by === undefined) return undefined;
  const candidates = indexes.length;
  const entries = [...(await slicer.draw({ ...options, root: by.root, entries: indexes }))];
  return { ...options, ...by, candidates, entries };
}

interface FramedEvidence {
  readonly frame: object;
  readonly filing: Omit<Filing, "frame">;
  readonly slicer: Slicer;
  readonly session: Session;
}

async function createFrame(input: EvidenceInput): Promise<FramedEvidence> {
  const { part, tools, query, sample, detections } = input;
  const { session, file } = part;
  const slicer = tools.slicer?.();
  if (session?.report === undefined || slicer === undefined) throw new Error("there is no report yet");
  const written = new Set(chosen(input));
  const isAll = detections !== undefined && input.contents === "examined";
  const frame = {
    countersign: "evidence/v1",
    file: { name: file.name, sha256: part.sha256 ?? (await slicer.sha256(file)), size: file.size },
    tool: {
      name: input.maker.name,
      version: ABOUT.version,
      sha256: await slicer.sha256(ownPage()),
    },
    time: input.now.toISOString(),
    trust: session.trust === undefined ? null : { name: input.trust?.name ?? "trust.txt" },
    pins: session.pins.map((_, place) => ({ name: input.pins[place]?.name ?? "remembered.pin.txt" })),
    query: query === "" ? null : query,
    scope: {
      events: selectedEvents(input),
      examined: query === "" ? null : input.examined,
      range: null,
      sample: sample ?? null,
    },
    detections: detections === undefined ? null : detectionsOf(detections),
    report: session.report,
    slice: null,
    reference: input.reference,
    examiner: input.examiner,
    // Notes on other events reveal these events, and who examined them.
    papers: input.papers.filter(({ entry }) => isAll || written.has(entry)),
    sections: input.sections,
  };
  const filing = { trust: session.trust, pins: session.pins, rules: detections?.rules };
  return { frame, filing, slicer, session };
}
