/** A card of the overview: the result of one question about the log. */

import type { Look, Tone } from "@countersign/ui/viewer/parts/icons.js";
import type { Report } from "countersign/verify";
import type { TemplateResult } from "lit";
import { moment } from "../../src/core-sentence.ts";
import type { Checkpoint } from "../../src/input/checkpoint.ts";
import type { Tab } from "../address.ts";
import type { History } from "../history.ts";
import type { RequestFailure } from "../log.ts";
import type { Storage } from "../storage.ts";
import type { Verified } from "../verified.ts";
import type { Watch } from "../watch.ts";

/**
 * - `good`: checked by this browser, completely, and fine;
 * - `part`: nothing wrong in what was checked, which isn't all;
 * - `attention`, `bad`: something needs a look, or is wrong;
 * - `unchecked`: nothing was checked;
 * - `waiting`: being checked;
 * - `claimed`: the log operator's word;
 * - `off`: the reader hasn't turned it on.
 */
export type CardState = "good" | "part" | "attention" | "bad" | "unchecked" | "waiting" | "claimed" | "off";

export const CARD_LOOKS: Readonly<Record<CardState, Look>> = {
  good: { icon: "pass", tone: "good" },
  part: { icon: "partial", tone: "fair" },
  attention: { icon: "warning", tone: "doubt" },
  bad: { icon: "fail", tone: "bad" },
  unchecked: { icon: "not_checked", tone: "doubt" },
  waiting: { icon: "waiting", tone: "faint" },
  claimed: { icon: "info", tone: "faint" },
  off: { icon: "unknown", tone: "faint" },
};

/** State of a card that shows a verdict, by the verdict's tone. */
export const TONE_STATES: Readonly<Record<Tone, CardState>> = {
  good: "good",
  fair: "part",
  doubt: "unchecked",
  bad: "bad",
  faint: "unchecked",
};

/** The cards in their order, with the section that each leads to. */
export const CARDS = {
  log: "coverage",
  alarms: "live",
  live: "live",
  findings: "findings",
  emitters: "keys",
  witnesses: "witnesses",
  storage: "storage",
} as const satisfies Readonly<Record<string, Tab>>;

export type CardName = keyof typeof CARDS;

/** A step for the reader: the event that its button dispatches. */
export type Action =
  | "choose-trust-file"
  | "allow-memory"
  | "load-again"
  | "verify-whole"
  | "begin-live"
  | "refresh-storage";

export interface Card {
  readonly name: CardName;
  readonly state: CardState;
  /** The result in a sentence, or why there is none. */
  readonly says: unknown;
  /** Further sentences. */
  readonly more: readonly unknown[];
  readonly action?: Action | undefined;
}

/** Input of the overview. */
export interface StatusInput {
  readonly mayRead: boolean;
  /** The session that all sections cover; undefined before events are loaded. */
  readonly shown: Verified | undefined;
  /** True while events are loaded. */
  readonly isAsking: boolean;
  /** Why no events could be loaded. */
  readonly refusal: RequestFailure | undefined;
  /** Text of the reader's trust file. */
  readonly trust: string | undefined;
  readonly history: Pick<History, "alarm" | "memory">;
  /** The newest published state, unverified. */
  readonly published: Checkpoint | undefined;
  readonly watch: Watch | undefined;
  readonly storage: Storage;
  /** True if the log is that of a tenant, whose storage only the log operator sees. */
  readonly isTenant: boolean;
  readonly now: number;
}

/** True if the events were verified with keys that the reader trusts. */
export function isTrusted({ verdict }: Report): boolean {
  return verdict === "verified" || verdict === "partial";
}

/** Renders a time in UTC, in whole seconds. */
export function toTheSecond(time: string): TemplateResult {
  return moment(time.replace(/\.\d+(?=Z$)/, ""));
}
