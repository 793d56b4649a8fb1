/** Findings among what was verified here. */

import { html, type TemplateResult } from "lit";
import "./scores.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Verified } from "./verified.ts";

export function findingsTab({ session }: Verified, { viewer }: ConsoleTexts): TemplateResult {
  return html`<cs-detections .detection=${session.detection} .level=${3} .texts=${viewer}></cs-detections>`;
}

/** Renders the findings by identity and session. */
export function sessionsTab({ session }: Verified, t: ConsoleTexts): TemplateResult {
  return html`<cs-scores .detection=${session.detection} .index=${session.index} .texts=${t}></cs-scores>`;
}
