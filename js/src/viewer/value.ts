import { html, nothing, type TemplateResult } from "lit";
import { clip, codePoint, visible } from "./format.js";
import { disguised } from "./value-alike.js";

/** Longer values are clipped in rows and captions. */
const SHORT = 200;

/**
 * A value from a file: text and nothing else, kept apart from its surroundings in direction, with what cannot be seen
 * named, and letters that are taken for others too.
 */
export function value(text: string, length = SHORT): TemplateResult {
  if (text === "") {
    return html`<bdi class="faint">""</bdi>`;
  }
  const parts = visible(clip(text, length)).map((part) =>
    part.unseen ? html`<span class="unseen">${part.text}</span>` : lettered(part.text),
  );
  return html`<bdi>${parts}</bdi>`;
}

/** A sentence of the texts with each `[slot]` filled. What fills one is not looked at for slots again. */
export function filled(sentence: string, slots: Readonly<Record<string, unknown>>): unknown[] {
  return sentence.split(/\[([a-z]+)\]/).map((part, place) => (place % 2 === 0 ? part : (slots[part] ?? nothing)));
}

/** Most texts are plain, and are looked at no further. */
const PLAIN = /^[\p{ASCII}\p{Script=Latin}]*$/u;

function lettered(text: string): unknown {
  if (PLAIN.test(text)) {
    return text;
  }
  return disguised(text).map((part) =>
    part.disguised ? html`${part.text}<span class="unseen">${codePoint(part.text)}</span>` : part.text,
  );
}
