import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import { picker } from "../input/choose.ts";
import type { TextFile } from "../input/trust.ts";
import type { More } from "../tabs.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Returns why there may be more findings than counted; empty if there are no rules, or if they examined
 * everything.
 */
export function moreFindings(detection: Detection | undefined, t: PageTexts): More {
  if (detection === undefined) return {};
  const { status, failure, isFinal } = detection;
  if (failure !== undefined) return { findings: { why: t.tabs.unapplied, isWritten: false } };
  if (status === undefined || !isFinal) return { findings: { why: t.tabs.soFar, isWritten: true } };
  const isAll = status.coverage.complete && status.limits.length === 0 && status.future === null;
  return isAll ? {} : { findings: { why: t.tabs.mayBeMore, isWritten: false } };
}

/** Renders the findings of the rules among the signed events, and the rules used. */
export function rulesView(
  detection: Detection | undefined,
  rules: TextFile | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (detection === undefined) return nothing;
  const beside = html`
    <p class="help">${rules === undefined ? t.rules.own : html`${t.rules.brought} ${value(rules.name)}`}</p>
    <div class="buttons">
      ${picker(t.rules.choose, "choose-rules", {})}
      ${rules === undefined ? nothing : html`<button type="button" @click=${emits("remove-rules")}>${t.rules.remove}</button>`}
    </div>`;
  return html`<cs-detections .detection=${detection} .level=${2} .texts=${t.viewer} .beside=${beside}></cs-detections>`;
}
