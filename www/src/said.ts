import { html, type TemplateResult } from "lit";

export { said } from "@countersign/viewer/said.js";

/** A moment in UTC, with its `Z`. */
export function moment(time: string | Date): TemplateResult {
  const text = typeof time === "string" ? time : time.toISOString();
  return html`<time datetime=${text}>${text.replace("T", " ")}</time>`;
}

/** A moment by this device's clock, with its offset. */
export function localMoment(time: Date, lang: string): TemplateResult {
  const text = new Intl.DateTimeFormat(lang, {
    dateStyle: "long",
    timeStyle: "long",
  }).format(time);
  return html`<time datetime=${time.toISOString()}>${text}</time>`;
}

/** A day by this device's clock. */
export function localDay(time: string, lang: string): TemplateResult {
  const text = new Intl.DateTimeFormat(lang, { dateStyle: "long" }).format(new Date(time));
  return html`<time datetime=${time}>${text}</time>`;
}
