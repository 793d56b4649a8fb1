import type { Phrases } from "@countersign/shared/report.js";
import { html, nothing, type TemplateResult } from "lit";
import type { Texts } from "../texts/texts.js";
import { clip, codePoint, moment, visible } from "./format.js";
import { disguised } from "./value-alike.js";

/** Default maximum length; longer values are cut in rows and captions. */
const SHORT = 200;

/**
 * Renders an untrusted value as text, isolated in direction, with the names of invisible characters and of letters
 * that look like others.
 */
export function value(text: string, length = SHORT): TemplateResult {
  if (text === "") {
    return html`<bdi class="faint">""</bdi>`;
  }
  const parts = visible(clip(text, length)).map((part) =>
    part.isMarked ? html`<span class="unseen">${part.text}</span>` : lettered(part.text),
  );
  return html`<bdi>${parts}</bdi>`;
}

/** Fills the `[slots]` of a sentence. Slots in the values are not filled. */
export function filled(sentence: string, slots: Readonly<Record<string, unknown>>): unknown[] {
  return sentence.split(/\[([a-z]+)\]/).map((part, place) => (place % 2 === 0 ? part : (slots[part] ?? nothing)));
}

/** Texts that need no further inspection. */
const PLAIN = /^[\p{ASCII}\p{Script=Latin}]*$/u;

function lettered(text: string): unknown {
  if (PLAIN.test(text)) {
    return text;
  }
  return disguised(text).map((part) =>
    part.isMarked ? html`${part.text}<span class="unseen">${codePoint(part.text)}</span>` : part.text,
  );
}

/** A time as the core writes it. */
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/;

/**
 * Renders a sentence of the core, which may contain values from the file. A sentence without a translation is marked
 * as English.
 */
export function sentenceView(
  sentence: string,
  phrases: Phrases | undefined,
  { core }: Texts,
  length = 600,
): TemplateResult {
  const own = core(sentence, phrases);
  const words = (own ?? sentence).replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  const parts = words.split(TIME).map((part, place) => {
    if (place % 2 === 1) {
      return html`<time datetime=${part}>${moment(part)}</time>`;
    }
    return part === "" ? nothing : value(part, length);
  });
  return own === undefined ? html`<span lang="en" dir="ltr">${parts}</span>` : html`${parts}`;
}
