/** The scale of scores (SPEC-DETECTION.md, section 13.10): they have no maximum, and are compared with the points of one finding. */

import { LEVELS, type Level } from "@countersign/ui/analyze/types.js";
import { levelView } from "@countersign/ui/viewer/detection/finding-parts.js";
import { html, type TemplateResult } from "lit";
import type { ConsoleTexts } from "./texts/index.ts";

/** Points that a new finding adds, by its level. */
const POINTS: Readonly<Record<Level, number>> = {
  informational: 1,
  low: 5,
  medium: 20,
  high: 50,
  critical: 100,
};

/** Returns the band of a score: the most serious level whose new finding adds at most as many points. */
export function bandOf(score: number): Level {
  return LEVELS.findLast((level) => score >= POINTS[level]) ?? "informational";
}

/** Renders the bands, and how scores are computed. */
export function scaleView(t: ConsoleTexts): TemplateResult {
  const words = t.sessions;
  const bands = [...LEVELS].reverse().map((level) => {
    const next = LEVELS[LEVELS.indexOf(level) + 1];
    return {
      level,
      range: words.band(level === "informational" ? 0 : POINTS[level], next && POINTS[next] - 1),
    };
  });
  return html`
    <div class="scale" role="group" aria-label=${words.scale}>
      <p class="help">${words.scaleAbout}</p>
      <ul>${bands.map(({ level, range }) => html`<li>${levelView(level, t.viewer)} <span class="number">${range}</span></li>`)}</ul>
    </div>
  `;
}
