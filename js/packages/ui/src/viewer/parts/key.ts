/** A key, so that it can be held against one on paper or read out on the telephone. */

import { html, type TemplateResult } from "lit";
import "./copy.js";
import type { Texts } from "../texts/texts.js";
import { value } from "./value.js";

/**
 * The parts of a vkey: its name, eight hex digits of a hash over name and key, and in base64 the kind of key and the key
 * itself. Of one that is none, as much as there is.
 */
export function keyParts(vkey: string): { name: string; id: string; key: string } {
  const [name = "", id = "", ...key] = vkey.split("+");
  return { name, id, key: key.join("+") };
}

/** So many characters at a time are read out. */
const GROUP = 4;

/**
 * The key itself in groups, as everybody has it who has the vkey: no other form could be compared without a tool at the
 * other end. The whole vkey is beneath, to be copied.
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
