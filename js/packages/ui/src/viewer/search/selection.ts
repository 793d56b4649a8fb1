/**
 * The selection: the events that the search shows, and whether their number is known. The viewer owns it. Everything
 * that saves or prints events shows the selection in words, does nothing unless it is `ready`, and checks its result
 * against it.
 *
 * States: `counting` until all events are in the index, and the search in the box is applied and answered; `error`
 * while it is invalid or failed; otherwise `ready`.
 */

import { html, nothing, type TemplateResult } from "lit";
import type { QueryError } from "../../index/types.js";
import { icon } from "../parts/icons.js";
import { sentenceView, value } from "../parts/value.js";
import { isLive, type Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { type Criteria, queryOf } from "./criteria.js";
import type { SearchController } from "./search-controller.js";

/** Maximum characters of a query shown in a selection. */
const MAX_SHOWN_CHARS = 400;

/** Reason why the number of events isn't known yet. */
type Wait = "typing" | "counting" | "verifying" | "indexing";

interface SelectionBase {
  readonly session: Session | undefined;
  /** Incremented by every search. */
  readonly turn: number;
  /** Text and filters as one query; empty only if all events are selected. */
  readonly query: string;
  /** Query in the search box. Differs from `query` until it is applied, or while it is invalid. */
  readonly boxQuery: string;
}

/** A selection in one of its states. */
export type Selection =
  | (SelectionBase & { readonly state: "counting"; readonly wait: Wait })
  | (SelectionBase & { readonly state: "error"; readonly refusal: QueryError | undefined })
  | (SelectionBase & {
      readonly state: "ready";
      /** Number of events selected, and total number of events. */
      readonly events: number;
      readonly of: number;
      /** Time from which relative times in the query count, in milliseconds since 1970. */
      readonly at: number;
      /** True while a log is followed, so that more events may arrive. */
      readonly isGrowing: boolean;
    });

/** A selection whose events are counted. */
export type ReadySelection = Extract<Selection, { state: "ready" }>;

/** Text in the search box that isn't applied, with its error if it is invalid. */
export interface Draft {
  readonly text: string;
  readonly refusal: QueryError | undefined;
}

/** Returns the selection of a search. */
export function selectionOf(
  search: SearchController | undefined,
  criteria: Criteria,
  draft: Draft | undefined,
): Selection {
  const { session, found, at, turn = 0, invalidPart, failure } = search ?? {};
  const boxQuery = queryOf({ ...criteria, ...(draft && { text: draft.text }) });
  const selected: SelectionBase = { session, turn, query: queryOf(criteria), boxQuery };
  if (draft?.refusal !== undefined || invalidPart !== undefined || failure !== undefined) {
    return { ...selected, state: "error", refusal: draft?.refusal ?? invalidPart?.refusal };
  }
  const wait = (wait: Wait): Selection => ({ ...selected, state: "counting", wait });
  if (draft !== undefined) {
    return wait("typing");
  }
  if (session === undefined || session.phase === "verifying") {
    return wait("verifying");
  }
  if (session.phase === "indexing") {
    return wait("indexing");
  }
  if (search?.isBusy !== false || found === undefined || at === undefined) {
    return wait("counting");
  }
  const isGrowing = isLive(session.source) && session.isRunning;
  return { ...selected, state: "ready", events: found.events, of: found.of, at, isGrowing };
}

/** True if both selections are the same. */
export function isSameSelection(a: Selection, b: Selection): boolean {
  return key(a) === key(b) && a.session === b.session;
}

/** True if `now` is still the selection that was ready, apart from events that arrived since. */
export function isUnchanged(selection: ReadySelection, now: Selection): boolean {
  const { session, turn, query, isGrowing } = selection;
  const isCounted = now.state === "ready" || (isGrowing && now.state === "counting" && now.wait === "counting");
  return isCounted && now.session === session && now.turn === turn && now.query === query;
}

/** The result doesn't match the selection that was shown. Nothing is saved. */
export class SelectionMismatch extends Error {
  /** Number of events shown, and number in the result; undefined if the search changed. */
  readonly counts: readonly [shown: number, made: number] | undefined;

  constructor(counts?: readonly [shown: number, made: number]) {
    super(
      counts === undefined ? "the search changed" : `${counts[0]} events are shown, but the result has ${counts[1]}`,
    );
    this.counts = counts;
  }

  /** Returns the message in the reader's language. */
  describe({ selection, figures }: Texts): string {
    return this.counts === undefined
      ? selection.changed
      : selection.miscounted({ shown: figures.events(this.counts[0]), made: figures.events(this.counts[1]) });
  }
}

/** Throws unless the result matches the selection that was shown. */
export function checkResult(selection: ReadySelection, made: number, now: Selection): void {
  if (!isUnchanged(selection, now)) {
    throw new SelectionMismatch();
  }
  if (selection.isGrowing ? made < selection.events : made !== selection.events) {
    throw new SelectionMismatch([selection.events, made]);
  }
}

/** Returns why nothing can be saved or printed; undefined if it can. With `allowsNone`, zero events are allowed. */
export function reasonOf(selection: Selection, { selection: texts }: Texts, allowsNone = false): string | undefined {
  switch (selection.state) {
    case "error":
      return selection.refusal === undefined ? texts.failed : texts.invalid;
    case "counting":
      return texts[selection.wait];
    case "ready":
      return selection.events > 0 || allowsNone ? undefined : texts.empty;
  }
}

/** Renders the selection in words, or why there is none. */
export function selectionView(selection: Selection, texts: Texts): TemplateResult {
  const { state } = selection;
  if (state === "ready") {
    return html`<span class="selection" data-selection="ready">${countView(selection, texts)}</span>`;
  }
  const look = state === "error" ? icon("fail") : nothing;
  const why =
    state === "error" && selection.refusal
      ? html`${sentenceView(selection.refusal.message, selection.refusal.phrases, texts)}. `
      : nothing;
  return html`<span class="selection ${state === "error" ? "tone-bad" : "faint"}" data-selection=${state}>${look}<span>${why}${reasonOf(selection, texts)}</span></span>`;
}

function countView({ query, events, of, isGrowing }: ReadySelection, { selection, figures }: Texts): TemplateResult {
  const soFar = isGrowing ? html` <span class="faint">${selection.following}</span>` : nothing;
  if (query === "") {
    return html`<strong class="plain">${of === 0 ? selection.none : selection.all(figures.events(of))}</strong>${soFar}`;
  }
  return html`<strong class="plain">${selection.some({ count: figures.count(events), events: figures.events(of) })}</strong> <code dir="ltr">${value(query, MAX_SHOWN_CHARS)}</code>${soFar}`;
}

function key(selection: Selection): string {
  const { session: _, ...rest } = selection;
  return JSON.stringify(rest);
}
