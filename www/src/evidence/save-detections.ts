import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { EvidencePanel } from "./panel.ts";
import { savedView } from "./saved-view.ts";

/** Renders the button that saves what the rules found, also if it is nothing, once they have examined all events. */
export function saveDetectionsView(
  { isFinal, status }: Detection,
  panel: () => EvidencePanel | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (!isFinal || status === undefined || status.events === 0) return nothing;
  return html`
    <div class="save-detections">
      <div class="buttons">
        <button type="button" name="detections" aria-describedby="save-detections-about" @click=${() => void panel()?.saveDetections()}>${t.evidence.make.save}</button>
      </div>
      <p class="help" id="save-detections-about">${t.rules.saveAbout}</p>
      ${savedView(panel(), "detections")}
    </div>`;
}
