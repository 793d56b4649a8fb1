import { html, type TemplateResult } from "lit";

/** Matches a day, such as `2026-11-30`. */
const DAY = /(\d{4}-\d{2}-\d{2})/;

/** Renders a text so that no line breaks within a day in it. */
export function dayText(text: string): TemplateResult {
  const pieces = text.split(DAY);
  return html`${pieces.map((piece, nth) => (nth % 2 === 1 ? html`<span class="day">${piece}</span>` : piece))}`;
}
