import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { EvidencePanel, SaveTopic } from "./panel.ts";

/** Renders the panel's message about the file of a topic that was saved last. A panel in view announces it itself. */
export function savedView(
  panel: Pick<EvidencePanel, "messageOf" | "checkVisibility"> | undefined,
  topic: SaveTopic,
): TemplateResult {
  const message = panel?.messageOf(topic) ?? "";
  const isAnnounced = panel?.checkVisibility() === true;
  return html`
    <div role=${isAnnounced ? nothing : "status"}>
      ${message === "" ? nothing : html`<p class="ask-saved">${icon("file")}${value(message, 600)}</p>`}
    </div>`;
}
