import type { Detection } from "@countersign/viewer/detection.js";
import { value } from "@countersign/viewer/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { picker } from "../input/choose.ts";
import type { TextFile } from "../input/trust.ts";
import type { PageTexts } from "../texts/en.ts";
import { wishes } from "../wish.ts";

/** What rules found among the signed events, and which rules. */
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
      ${rules === undefined ? nothing : html`<button type="button" @click=${wishes("remove-rules")}>${t.rules.remove}</button>`}
    </div>`;
  return html`<cs-detections .detection=${detection} .level=${2} .texts=${t.viewer} .beside=${beside}></cs-detections>`;
}
