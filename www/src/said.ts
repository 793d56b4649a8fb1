import { said } from "@countersign/ui/viewer/parts/value.js";
import type { Phrases } from "countersign/verify";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "./texts/en.ts";

/** A sentence of the core's in the page's language; in English and marked so where the page has no other for it. */
export function told(
  sentence: string,
  phrases: Phrases | undefined,
  { viewer }: PageTexts,
  length?: number,
): TemplateResult {
  return said(sentence, phrases, viewer, length);
}

/** Whether one of these sentences of the core's stays in English, and the page speaks another language. */
export function staysEnglish(
  sentences: readonly string[],
  phrases: Phrases | undefined,
  { viewer, english }: PageTexts,
): boolean {
  return english !== "" && sentences.some((sentence) => viewer.core(sentence, phrases) === undefined);
}

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
