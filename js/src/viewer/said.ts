import { html, nothing, type TemplateResult } from "lit";
import { moment } from "./format.js";
import type { Texts } from "./texts/texts.js";
import { value } from "./value.js";

/** A time as the core writes it. */
const TIME = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/;

/** A sentence of the core's, perhaps with values from the file: in English, and marked so, where the texts have no other. */
export function said(sentence: string, { core }: Texts, length = 600): TemplateResult {
  const own = core(sentence);
  const words = (own ?? sentence).replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  const parts = words.split(TIME).map((part, place) => {
    if (place % 2 === 1) {
      return html`<time datetime=${part}>${moment(part)}</time>`;
    }
    return part === "" ? nothing : value(part, length);
  });
  return own === undefined ? html`<span lang="en" dir="ltr">${parts}</span>` : html`${parts}`;
}
