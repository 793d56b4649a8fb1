/**
 * The selection: which events the search shows, how many they are, and whether that is known. The viewer owns it. Whatever
 * saves or prints events shows it in words, does nothing unless it is ready, and checks what it made against it.
 *
 * States: `counting` until the search that is in the box is applied and answered; `error` if it is refused or failed, until
 * it is corrected; else `ready`.
 */

import { html, nothing, type TemplateResult } from "lit";
import type { Refusal } from "../../index/types.js";
import { icon } from "../parts/icons.js";
import { said, value } from "../parts/value.js";
import { isLive, type Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { type Criteria, queryOf } from "./criteria.js";
import type { Looking } from "./looking.js";

/** Longer queries are clipped where the selection is shown. */
const SHOWN = 400;

/** Why the number of events isn't known yet. */
type Wait = "typing" | "counting" | "verifying";

interface Selected {
  readonly session: Session | undefined;
  /** Changes with every search. */
  readonly turn: number;
  /** The text and the filters as one query; empty only if all events are selected. */
  readonly query: string;
  /** The query in the search box: another one than `query` until it is applied, or if it is refused. */
  readonly boxQuery: string;
}

/** The selection in one of its states. */
export type Selection =
  | (Selected & { readonly state: "counting"; readonly wait: Wait })
  | (Selected & { readonly state: "error"; readonly refusal: Refusal | undefined })
  | (Selected & {
      readonly state: "ready";
      /** How many events are selected, and of how many. */
      readonly events: number;
      readonly of: number;
      /** True while a log is followed: more may come at any time. */
      readonly isGrowing: boolean;
    });

/** A selection whose events are counted. */
export type ReadySelection = Extract<Selection, { state: "ready" }>;

/** A text in the search box that isn't applied, and why it is refused, if it is. */
export interface Draft {
  readonly text: string;
  readonly refusal: Refusal | undefined;
}

/** Returns the selection of a search. */
export function selectionOf(looking: Looking | undefined, criteria: Criteria, draft: Draft | undefined): Selection {
  const { session, found, turn = 0, misread, failure } = looking ?? {};
  const boxQuery = queryOf({ ...criteria, ...(draft && { text: draft.text }) });
  const selected: Selected = { session, turn, query: queryOf(criteria), boxQuery };
  if (draft?.refusal !== undefined || misread !== undefined || failure !== undefined) {
    return { ...selected, state: "error", refusal: draft?.refusal ?? misread?.refusal };
  }
  const wait = (wait: Wait): Selection => ({ ...selected, state: "counting", wait });
  if (draft !== undefined) {
    return wait("typing");
  }
  if (session === undefined || session.phase === "verifying") {
    return wait("verifying");
  }
  if (looking?.isBusy !== false || found === undefined) {
    return wait("counting");
  }
  const isGrowing = isLive(session.source) && session.isRunning;
  return { ...selected, state: "ready", events: found.events, of: found.of, isGrowing };
}

/** Returns true if both say the same. */
export function isSameSelection(one: Selection, other: Selection): boolean {
  return key(one) === key(other) && one.session === other.session;
}

/** Returns true if `now` is still the selection that was ready, apart from events that came since then. */
export function isStill(selection: ReadySelection, now: Selection): boolean {
  const { session, turn, query, isGrowing } = selection;
  const isCounted = now.state === "ready" || (isGrowing && now.state === "counting" && now.wait === "counting");
  return isCounted && now.session === session && now.turn === turn && now.query === query;
}

/** What was made isn't what was shown when it was asked for. Nothing of it is saved. */
export class SelectionMismatch extends Error {
  /** How many events are shown, and how many would be saved; undefined if the search changed. */
  readonly counts: readonly [shown: number, made: number] | undefined;

  constructor(counts?: readonly [shown: number, made: number]) {
    super(counts === undefined ? "the search changed" : `${counts[0]} events are shown, and not ${counts[1]}`);
    this.counts = counts;
  }

  /** Says it in the reader's language. */
  says({ selection, figures }: Texts): string {
    return this.counts === undefined
      ? selection.changed
      : selection.miscounted(figures.events(this.counts[0]), figures.events(this.counts[1]));
  }
}

/** Rejects what isn't the selection that was shown: another search, or another number of events. */
export function holdTo(selection: ReadySelection, made: number, now: Selection): void {
  if (!isStill(selection, now)) {
    throw new SelectionMismatch();
  }
  if (selection.isGrowing ? made < selection.events : made !== selection.events) {
    throw new SelectionMismatch([selection.events, made]);
  }
}

/** Returns why nothing can be saved or printed; undefined if it can. With `allowsNone` no event is enough. */
export function reasonOf(selection: Selection, { selection: texts }: Texts, allowsNone = false): string | undefined {
  switch (selection.state) {
    case "error":
      return selection.refusal === undefined ? texts.failed : texts.misread;
    case "counting":
      return texts[selection.wait];
    case "ready":
      return selection.events > 0 || allowsNone ? undefined : texts.empty;
  }
}

/** Shows the selection in words, or why there is none. */
export function selectionView(selection: Selection, texts: Texts): TemplateResult {
  const { state } = selection;
  if (state === "ready") {
    return html`<span class="selection" data-selection="ready">${countView(selection, texts)}</span>`;
  }
  const look = state === "error" ? icon("fail") : nothing;
  const why =
    state === "error" && selection.refusal
      ? html`${said(selection.refusal.message, selection.refusal.phrases, texts)}. `
      : nothing;
  return html`<span class="selection ${state === "error" ? "tone-bad" : "faint"}" data-selection=${state}>${look}<span>${why}${reasonOf(selection, texts)}</span></span>`;
}

function countView({ query, events, of, isGrowing }: ReadySelection, { selection, figures }: Texts): TemplateResult {
  const soFar = isGrowing ? html` <span class="faint">${selection.following}</span>` : nothing;
  if (query === "") {
    return html`<strong class="plain">${of === 0 ? selection.none : selection.all(figures.events(of))}</strong>${soFar}`;
  }
  return html`<strong class="plain">${selection.some(figures.count(events), figures.events(of))}</strong> <code dir="ltr">${value(query, SHOWN)}</code>${soFar}`;
}

function key(selection: Selection): string {
  const { session: _, ...rest } = selection;
  return JSON.stringify(rest);
}
