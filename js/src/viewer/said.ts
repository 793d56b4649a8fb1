import { html, type TemplateResult } from "lit";
import { value } from "./value.js";

/** A sentence of the core's: English, whatever language is spoken around it, and perhaps with values from the file. */
export function said(text: string, length = 600): TemplateResult {
  return html`<span lang="en" dir="ltr">${value(
    text.replace(/^[a-z]/, (letter) => letter.toUpperCase()),
    length,
  )}</span>`;
}
