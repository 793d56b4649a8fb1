import { sentenceView } from "@countersign/ui/viewer/parts/value.js";
import type { Phrases } from "countersign/verify";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "./texts/en.ts";

/**
 * Renders a sentence of the core in the page's language. A sentence without a translation is marked as
 * English.
 */
export function coreSentence(
  sentence: string,
  phrases: Phrases | undefined,
  { viewer }: PageTexts,
  length?: number,
): TemplateResult {
  return sentenceView(sentence, phrases, viewer, length);
}

/** True if one of these sentences has no translation into the page's language. */
export function staysEnglish(
  sentences: readonly string[],
  phrases: Phrases | undefined,
  { viewer, english }: PageTexts,
): boolean {
  return english !== "" && sentences.some((sentence) => viewer.core(sentence, phrases) === undefined);
}

/** Renders a time in UTC, with its `Z`. */
export function moment(time: string | Date): TemplateResult {
  const text = typeof time === "string" ? time : time.toISOString();
  return html`<time datetime=${text}>${text.replace("T", " ")}</time>`;
}

/** Renders a time by this device's clock, with its offset. */
export function localMoment(time: Date, lang: string): TemplateResult {
  const text = new Intl.DateTimeFormat(lang, {
    dateStyle: "long",
    timeStyle: "long",
  }).format(time);
  return html`<time datetime=${time.toISOString()}>${text}</time>`;
}

/** Renders a day by this device's clock. */
export function localDay(time: string, lang: string): TemplateResult {
  const text = new Intl.DateTimeFormat(lang, { dateStyle: "long" }).format(new Date(time));
  return html`<time datetime=${time}>${text}</time>`;
}
