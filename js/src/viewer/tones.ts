/** How verdicts, checks, findings and signers look: a colour and a drawing, which stand beside a word. */

import type { CheckState, Severity, SignerTrust, Verdict } from "../report.js";
import type { IconName, Tone } from "./icons.js";

/** A colour and a drawing. */
export interface Look {
  readonly tone: Tone;
  readonly icon: IconName;
}

export const VERDICT_LOOKS: Readonly<Record<Verdict, Look>> = {
  altered: { icon: "altered", tone: "bad" },
  broken: { icon: "broken", tone: "bad" },
  not_checked: { icon: "not_checked", tone: "doubt" },
  unconfirmed: { icon: "unconfirmed", tone: "doubt" },
  partial: { icon: "partial", tone: "fair" },
  verified: { icon: "verified", tone: "good" },
};

export const STATE_LOOKS: Readonly<Record<CheckState, Look>> = {
  pass: { icon: "pass", tone: "good" },
  fail: { icon: "fail", tone: "bad" },
  not_checked: { icon: "unknown", tone: "faint" },
};

export const SEVERITY_LOOKS: Readonly<Record<Severity, Look>> = {
  error: { icon: "fail", tone: "bad" },
  warning: { icon: "warning", tone: "doubt" },
  info: { icon: "info", tone: "faint" },
};

export const SIGNER_LOOKS: Readonly<Record<SignerTrust, Look>> = {
  trust_file: { icon: "pass", tone: "good" },
  granted: { icon: "pass", tone: "good" },
  revoked: { icon: "fail", tone: "bad" },
  unknown: { icon: "unknown", tone: "doubt" },
};
