import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "./texts/en.ts";

/** Renders what happens to the reader's files, and how to check that. */
export function privacyView(t: PageTexts): TemplateResult {
  const { summary, paragraphs } = t.privacy;
  return html`
    <details class="privacy">
      <summary>${icon("offline")}${summary}</summary>
      <div>${paragraphs.map((paragraph) => html`<p>${paragraph}</p>`)}</div>
    </details>
  `;
}
