/** Display of a public key, to be compared with one on paper or read out on the telephone. */

import { html, type TemplateResult } from "lit";
import "./copy.js";
import type { Texts } from "../texts/texts.js";
import { value } from "./value.js";

/**
 * Splits a public key into its name, its ID (eight hex digits of a hash over name and key), and the base64 of its
 * type and bytes. Missing parts of an invalid key are empty.
 */
export function keyParts(vkey: string): { name: string; id: string; key: string } {
  const [name = "", id = "", ...key] = vkey.split("+");
  return { name, id, key: key.join("+") };
}

/** Number of characters per group. */
const GROUP = 4;

/**
 * Renders the key in groups, in the same form as in the vkey: any other form could be compared only with a tool. The
 * whole vkey is below, to be copied.
 */
export function keyView(vkey: string, texts: Texts): TemplateResult {
  const groups = keyParts(vkey).key.match(new RegExp(`.{1,${GROUP}}`, "gsu")) ?? [];
  return html`
    <code class="key-groups">${groups.map((group) => html`<span>${value(group)}</span> `)}</code>
    <details class="key-whole">
      <summary>${texts.rows.drawer.wholeKey}</summary>
      <code>${value(vkey, 2_000)}</code>
      <cs-copy .text=${vkey} .texts=${texts}></cs-copy>
    </details>
  `;
}
