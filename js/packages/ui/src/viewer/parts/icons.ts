/**
 * Icons, and the appearance of verdicts, checks, findings, signers, and events: a color and an icon next to a word.
 */

import type { CheckName, CheckState, Judged, Severity, TrustBasis, Verdict } from "@countersign/shared/report.js";
import { html, type TemplateResult } from "lit";
import type { Level } from "../../analyze/types.js";
import type { SignerTrustSoFar } from "../../index/signer-trust.js";
import { drawings } from "./drawings.js";

export type IconName = keyof typeof drawings;

/** Color scheme of a state. It is always shown with an icon and a word, never alone. */
export type Tone = "good" | "fair" | "doubt" | "bad" | "faint";

/** Renders an icon. It is hidden from assistive technology, which reads the word next to it. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${drawings[name]}</svg>`;
}

/** A color and an icon. */
export interface Look {
  readonly tone: Tone;
  readonly icon: IconName;
}

/** Displayed state of a check: `not_needed` if no input requires it. */
export type Outcome = CheckState | "not_needed";

export function outcomeOf(name: CheckName, { report, notNeeded }: Pick<Judged, "report" | "notNeeded">): Outcome {
  return notNeeded.includes(name) ? "not_needed" : report.checks[name].state;
}

/** Renders a state as an icon with a word. */
export function stateView(look: Look, word: unknown): TemplateResult {
  return html`<span class="state tone-${look.tone}">${icon(look.icon)}${word}</span>`;
}

const PASS: Look = { icon: "pass", tone: "good" };
const FAIL: Look = { icon: "fail", tone: "bad" };
const DOUBT: Look = { icon: "unknown", tone: "doubt" };

export const VERDICT_LOOKS: Readonly<Record<Verdict, Look>> = {
  altered: { icon: "altered", tone: "bad" },
  broken: { icon: "broken", tone: "bad" },
  not_checked: { icon: "not_checked", tone: "doubt" },
  untrusted: { icon: "untrusted", tone: "doubt" },
  partial: { icon: "partial", tone: "fair" },
  verified: { icon: "verified", tone: "good" },
};

export const STATE_LOOKS: Readonly<Record<Outcome, Look>> = {
  pass: PASS,
  fail: FAIL,
  not_checked: { icon: "unknown", tone: "faint" },
  not_needed: { icon: "removed", tone: "faint" },
};

export const SEVERITY_LOOKS: Readonly<Record<Severity, Look>> = {
  error: FAIL,
  warning: { icon: "warning", tone: "doubt" },
  info: { icon: "info", tone: "faint" },
};

export const SIGNER_LOOKS: Readonly<Record<TrustBasis, Look>> = {
  trust_file: PASS,
  granted: PASS,
  revoked: FAIL,
  untrusted: DOUBT,
};

export const LEVEL_LOOKS: Readonly<Record<Level, Look>> = {
  critical: { icon: "altered", tone: "bad" },
  high: { icon: "flag", tone: "bad" },
  medium: { icon: "warning", tone: "doubt" },
  low: { icon: "info", tone: "fair" },
  informational: { icon: "info", tone: "faint" },
};

/** Appearance of signer trust, of an event or of the least trusted event of a finding. */
export const SIGNER_TRUST_LOOKS: Readonly<Record<SignerTrustSoFar, Look>> = {
  trusted: PASS,
  untrusted: DOUBT,
  suspect: { icon: "warning", tone: "bad" },
  revoked: FAIL,
  unsettled: { icon: "waiting", tone: "faint" },
};
