import { LEVELS } from "@countersign/ui/analyze/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { LEVEL_LOOKS, SEVERITY_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { EvidencePanel } from "../evidence/panel.ts";
import { saveDetectionsView } from "../evidence/save-detections.ts";
import { picker } from "../input/choose.ts";
import type { TextFile } from "../input/trust.ts";
import type { More, Severities } from "../tabs.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Returns why there may be more findings than counted; empty if there are no rules, or if they examined
 * everything.
 */
export function moreFindings(detection: Detection | undefined, t: PageTexts): More {
  if (detection === undefined) return {};
  const { status, failure, isFinal } = detection;
  if (failure !== undefined) return { detections: { why: t.tabs.unapplied, isWritten: false } };
  if (status === undefined || !isFinal) return { detections: { why: t.tabs.soFar, isWritten: true } };
  const { coverage, events, findings } = status;
  if (findings === 0 && events > 0 && coverage.applicable === 0)
    return { detections: { why: t.tabs.inapplicable, isWritten: false } };
  const isAll = coverage.complete && status.limits.length === 0 && status.future === null;
  return isAll ? {} : { detections: { why: t.tabs.mayBeMore, isWritten: false } };
}

/** Returns the number of errors among the problems, and of the most serious findings. */
export function severitiesOf(
  { findings, finding_counts }: Report,
  detection: Detection | undefined,
  t: PageTexts,
): Severities {
  const errors = new Set(findings.filter(({ severity }) => severity === "error").map(({ code }) => code));
  const broken = [...errors].reduce((sum, code) => sum + (finding_counts[code] ?? 0), 0);
  const { levels = [] } = detection?.status ?? {};
  const worst = LEVELS.findLast((_, nth) => (levels[nth] ?? 0) > 0);
  return {
    ...(broken > 0 && {
      problems: {
        words: t.viewer.result.severities.error(broken),
        number: broken,
        tone: SEVERITY_LOOKS.error.tone,
      },
    }),
    ...(worst !== undefined && {
      detections: {
        number: levels[LEVELS.indexOf(worst)] ?? 0,
        words: t.tabs.ofLevel(levels[LEVELS.indexOf(worst)] ?? 0, t.viewer.found.levels[worst]),
        tone: LEVEL_LOOKS[worst].tone,
      },
    }),
  };
}

/** Renders the findings of the rules among the signed events, the rules used, and a button that saves the result. */
export function rulesView(
  detection: Detection | undefined,
  rules: TextFile | undefined,
  panel: () => EvidencePanel | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (detection === undefined) return nothing;
  const beside = html`
    ${saveDetectionsView(detection, panel, t)}
    <p class="help">${rules === undefined ? t.rules.own : html`${t.rules.brought} ${value(rules.name)}`}</p>
    <div class="buttons">
      ${picker(t.rules.choose, "choose-rules", {})}
      ${rules === undefined ? nothing : html`<button type="button" @click=${emits("remove-rules")}>${t.rules.remove}</button>`}
    </div>`;
  return html`<cs-detections .detection=${detection} .level=${2} .texts=${t.viewer} .beside=${beside}></cs-detections>`;
}
