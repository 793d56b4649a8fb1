import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import type { Part } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Renders the details needed to compare the file with something else: its hashes, and the amount of its
 * content.
 */
export function technicalView(
  { file, sha256 }: Part,
  { origin, counts, log }: Report,
  t: PageTexts,
): TemplateResult {
  const { count } = t.viewer.figures;
  const numbers = [
    [t.technical.lines, counts.lines],
    [t.technical.entries, counts.entries],
    [t.technical.chains, counts.chains],
    [t.technical.signatures, counts.signatures],
    [t.technical.checkpoints, counts.checkpoints],
    [t.technical.notes, counts.notes],
    [t.technical.size, file.size],
  ] as const;
  return html`
    <section class="technical" aria-labelledby="technical-heading">
      <h2 id="technical-heading">${t.technical.heading}</h2>
      <h3>${t.technical.hashes}</h3>
      <dl class="facts">
        ${sha256 === undefined ? nothing : html`<div class="wide"><dt>${t.verdict.sha256}</dt><dd><code class="hash" id="sha256">${sha256}</code></dd></div>`}
        ${log === null ? nothing : html`<div class="wide"><dt>${t.verdict.root}</dt><dd><code class="hash">${log.root}</code></dd></div>`}
        ${origin === null ? nothing : html`<div class="wide"><dt>${t.technical.origin}</dt><dd><code>${value(origin, 2000)}</code></dd></div>`}
      </dl>
      <h3>${t.technical.counts}</h3>
      <dl class="facts numbers">
        ${numbers.map(([name, number]) => html`<div><dt>${name}</dt><dd>${count(number)}</dd></div>`)}
      </dl>
    </section>
  `;
}
