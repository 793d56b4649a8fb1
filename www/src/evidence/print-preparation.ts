/**
 * The evidence printed with the report: the typed values, the search, and its events. A browser doesn't wait
 * when it prints, so events are loaded whenever the search changes. If they aren't loaded by then, or the
 * search has an error, the printed page says so.
 */

import type { EventRow } from "@countersign/ui/index/types.js";
import type { Slicer } from "@countersign/ui/slice/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { type AnswerBasis, answerBasis } from "./answer.ts";
import { type EventChanges, readChanges } from "./answer-changes.ts";
import { type DelayFacts, Delays, type OutcomeCounts, outcomesOf } from "./answer-facts.ts";
import type { Answer } from "./asked.ts";
import type { Claims } from "./claims.ts";
import type { Sample } from "./frame.ts";
import { countOutsideDays, type OutsideDays } from "./outside-days.ts";
import { ownPage } from "./own.ts";
import type { EvidenceContext, EvidencePanel, PanelValues } from "./panel.ts";
import { eventRows } from "./rows.ts";
import { type PrintedSearch, searchedOf } from "./searched.ts";

/** Maximum number of events printed. */
const MAX_PRINTED = 500;

/** The selected events, as printed. */
export interface PrintedEvents {
  readonly rows: readonly EventRow[];
  /** Their changes, by line. */
  readonly changes: ReadonlyMap<number, EventChanges>;
  /** Altered events that claim to match; undefined if there are none. */
  readonly claims: Claims | undefined;
  /** Undefined without a search, or if the index can't tell without reading events. */
  readonly outcomes: OutcomeCounts | undefined;
  /** Delays of the printed events. */
  readonly delays: DelayFacts;
  /** Events that the search leaves out because of its times; undefined if it has none. */
  readonly outside: OutsideDays | undefined;
  /** Total number; larger than the number of rows if not all are printed. */
  readonly count: number;
}

/** Evidence as printed. */
export interface PrintedEvidence extends PanelValues {
  readonly report: Report | undefined;
  readonly searched: PrintedSearch;
  /** The basis of the search's result, or undefined if it isn't known. */
  readonly basis: AnswerBasis | undefined;
  /** The selected events, or undefined if they aren't known. */
  readonly events: PrintedEvents | undefined;
  /** The answer on the page, if the search is its question. */
  readonly answer: Answer | undefined;
  readonly foot: Foot;
}

/** Facts that every printed page must state. Hashes are undefined until computed. */
export interface Foot {
  readonly file: { readonly name: string; readonly size: number; readonly sha256: string | undefined };
  readonly version: string;
  readonly page: string | undefined;
  readonly trust: { readonly name: string; readonly sha256: string | undefined } | undefined;
  readonly pins: readonly string[];
}

interface LoadedEvents {
  readonly turn: number;
  readonly session: Session;
  readonly query: string;
  readonly sample: Sample | undefined;
  /** The last millisecond since 1970 that the query asks about. */
  readonly until: number | undefined;
  readonly events: PrintedEvents;
}

export class PrintPreparation {
  /** Incremented whenever the selection may have changed. */
  #turn = 0;
  #gathered: LoadedEvents | undefined;
  #feet: readonly { readonly context: EvidenceContext; readonly foot: Foot }[] = [];
  readonly #version: string;

  /** `version` is the version of the page. */
  constructor(version: string) {
    this.#version = version;
  }

  /** Loads the events to print, and discards those loaded before. `others` are files that are printed without events. */
  async gather(panel: EvidencePanel | undefined, others: readonly EvidenceContext[] = []): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { context } = panel ?? {};
    const { session } = context?.part ?? {};
    const slicer = context?.tools()?.slicer?.();
    if (panel === undefined || context === undefined || session === undefined || slicer === undefined) return;
    const { sample } = panel.typed;
    const selection = context.now();
    if (selection.state === "ready") {
      const rows = await eventRows(session, sample?.entries, MAX_PRINTED);
      const selected = (await session.index.indexes()).length;
      if (turn !== this.#turn) return;
      // Events that don't match the selection shown aren't printed.
      const isShown = selected === selection.events;
      const changes = await readChanges(session.index, rows, () => turn === this.#turn);
      if (turn !== this.#turn) return;
      const claims = await panel.readClaims(selection.query, selection.at);
      if (turn !== this.#turn) return;
      const { query } = selection;
      const outcomes = query === "" ? undefined : await outcomesOf(session.index, `(${query})`, selected);
      if (turn !== this.#turn) return;
      const outside = query === "" ? undefined : await countOutsideDays(query, selected, session.index);
      if (turn !== this.#turn) return;
      const until = await session.index.asksUntil(query, selection.at);
      if (turn !== this.#turn) return;
      const count = sample?.entries.length ?? selected;
      const delays = delaysOf(rows, count);
      const events = { rows, changes, claims, outcomes, delays, outside, count };
      this.#gathered = isShown ? { turn, session, query, sample, until, events } : undefined;
    }
    const feet = [];
    for (const one of [context, ...others])
      feet.push({ context: one, foot: await readFoot(one, slicer, this.#version) });
    if (turn === this.#turn) this.#feet = feet;
  }

  /** Returns the facts that the pages about a file must state. */
  footOf(context: EvidenceContext): Foot {
    const known = this.#feet.find((one) => isSame(one.context, context));
    return known?.foot ?? plainFoot(context, this.#version);
  }

  /** Returns what a browser would print now. */
  now(panel: EvidencePanel | undefined): PrintedEvidence | undefined {
    const { context } = panel ?? {};
    if (panel === undefined || context?.part.session === undefined) return undefined;
    const { typed } = panel;
    const searched = searchedOf(context.now());
    const known = this.#gathered;
    const isKnown =
      known?.turn === this.#turn &&
      known.session === context.part.session &&
      known.query === searched.query &&
      known.sample === typed.sample &&
      searched.state === "ready";
    const events = isKnown ? known.events : undefined;
    const foot = this.footOf(context);
    const { session } = context.part;
    const isAnswered =
      isKnown &&
      typed.sample === undefined &&
      panel.answer?.query === searched.query &&
      panel.answer.report === session.report;
    const answer = isAnswered ? panel.answer : undefined;
    return {
      ...typed,
      report: session.report,
      searched,
      basis: basisOf(searched, context.part, isKnown ? known.until : undefined),
      events,
      answer,
      foot,
    };
  }
}

/** Counts the delays of rows, of the number of events. */
function delaysOf(rows: readonly EventRow[], events: number): DelayFacts {
  const delays = new Delays();
  for (const row of rows) delays.add(row);
  return { ...delays.counts, read: rows.length, isAll: rows.length === events };
}

function basisOf(
  { query, counts }: PrintedSearch,
  { session, unrecognized }: EvidenceContext["part"],
  until: number | undefined,
): AnswerBasis | undefined {
  const { report, phase } = session ?? {};
  if (counts === undefined || unrecognized === undefined || report === undefined || phase !== "done")
    return undefined;
  return answerBasis(report, { events: counts.of, unrecognized }, { query, until });
}

/** True if both have the same hashes. */
function isSame(one: EvidenceContext, other: EvidenceContext): boolean {
  const texts = (context: EvidenceContext) =>
    [context.trust?.text, ...context.pins.map(({ text }) => text)].join("\0");
  return one.part.file === other.part.file && texts(one) === texts(other);
}

async function readFoot(context: EvidenceContext, slicer: Slicer, version: string): Promise<Foot> {
  const plain = plainFoot(context, version);
  const { part, trust, pins } = context;
  const sha256 = async (text: string) => slicer.sha256(new Blob([text]));
  return {
    ...plain,
    file: { ...plain.file, sha256: part.sha256 ?? (await slicer.sha256(part.file)) },
    page: await slicer.sha256(ownPage()),
    trust: trust && { name: trust.name, sha256: await sha256(trust.text) },
    pins: await Promise.all(pins.map(async ({ name, text }) => `${name} ${await sha256(text)}`)),
  };
}

/** Facts that are available at once. */
function plainFoot({ part, trust, pins }: EvidenceContext, version: string): Foot {
  return {
    file: { name: part.file.name, size: part.file.size, sha256: part.sha256 },
    version,
    page: undefined,
    trust: trust && { name: trust.name, sha256: undefined },
    pins: pins.map(({ name }) => name),
  };
}
