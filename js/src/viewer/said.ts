import { html, type TemplateResult } from "lit";
import type { Texts } from "./texts/texts.js";
import { value } from "./value.js";

/** A sentence of the core's, perhaps with values from the file: in English, and marked so, where the texts have no other. */
export function said(sentence: string, { core }: Texts, length = 600): TemplateResult {
  const own = core(sentence);
  const words = value(
    (own ?? sentence).replace(/^\p{Ll}/u, (letter) => letter.toUpperCase()),
    length,
  );
  return own === undefined ? html`<span lang="en" dir="ltr">${words}</span>` : words;
}
