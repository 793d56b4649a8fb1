import { coverageView } from "@countersign/ui/viewer/detection/coverage.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { basisView } from "./answer-view.ts";
import { detectionBasis } from "./detections-basis.ts";
import type { Detections, Frame } from "./frame.ts";
import { packName } from "./frame-subject.ts";

/** Maximum number of rules listed. */
const MAX_LISTED = 20;

/**
 * Renders what the rules found, who vouches for it, and which events they couldn't examine. `check` is this page's own on
 * the export in the file, if it has ended. `isOwn` is true if the rules are those of this page.
 */
export function detectionsView(
  frame: Frame,
  stated: Detections,
  check: { readonly judged: Judged; readonly detections: Detections | undefined } | undefined,
  isOwn: boolean | undefined,
  t: PageTexts,
): TemplateResult {
  const isContained = frame.slice === null;
  const own = isContained ? check?.detections : undefined;
  const detections = own ?? stated;
  const { rules: texts } = t.evidence.filed;
  const { figures } = t.viewer;
  const { pack, findings, coverage } = detections;
  const events = figures.events(coverage.events);
  const basis = detectionBasis(
    (isContained ? check?.judged.report : undefined) ?? frame.report,
    detections,
    frame.scope.range,
  );
  return html`
    <p class="case-answer" data-findings=${findings}><strong>${
      findings === 0
        ? (coverage.events > 0 && coverage.applicable === 0 ? texts.inapplicable : texts.none)({
            rules: figures.count(pack.rules),
            pack: value(packName(detections), 300),
            events,
          })
        : texts.some({ findings: figures.findings(findings), events })
    }</strong></p>
    ${findings === 0 ? nothing : foundView(detections, t)}
    ${own === undefined || JSON.stringify(own) === JSON.stringify(stated) ? nothing : html`<p class="basis tone-bad" data-differs="detections">${icon("warning")}<span>${texts.differs({ findings: figures.findings(stated.findings), events: figures.events(stated.coverage.events) })}</span></p>`}
    ${
      isContained
        ? html`<p class="basis tone-good" data-vouched="contained">${icon("pass")}<span>${own === undefined ? texts.contained(events) : texts.containedOwn(events)}</span></p>`
        : html`<p class="basis tone-doubt" data-vouched="stated">${icon("warning")}<span>${texts.stated}</span></p>`
    }
    ${
      isOwn === undefined
        ? nothing
        : isOwn
          ? html`<p class="basis tone-good" data-rules="own">${icon("pass")}<span>${texts.own}</span></p>`
          : html`<p class="basis tone-doubt" data-rules="other">${icon("warning")}<span>${texts.other(html`<code class="hash">${pack.hash}</code>`)}</span></p>`
    }
    ${basisView(basis, t, { use: isContained ? "answer" : "stated" })}
    ${coverageView(coverage, true, t.viewer)}
  `;
}

function foundView({ rules }: Detections, t: PageTexts): TemplateResult {
  const { figures, found } = t.viewer;
  return html`
    <ul class="case-findings">
      ${rules.slice(0, MAX_LISTED).map(({ title, level, findings }) => html`<li>${value(title, 300)} <span class="faint">${found.levels[level]}, ${figures.findings(findings)}</span></li>`)}
      ${rules.length > MAX_LISTED ? html`<li class="faint">${t.evidence.filed.rules.more(figures.count(rules.length - MAX_LISTED))}</li>` : nothing}
    </ul>
  `;
}
