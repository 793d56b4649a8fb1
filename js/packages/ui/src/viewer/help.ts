import { html, type TemplateResult } from "lit";
import { icon } from "./parts/icons.js";
import type { Texts } from "./texts/texts.js";

/** Keyboard shortcuts, in the order in which they are listed. */
const KEYS: readonly (readonly [keyof Texts["help"]["keys"], readonly string[]])[] = [
  ["search", ["/"]],
  ["move", ["j", "k", "↓", "↑"]],
  ["ends", ["Home", "End"]],
  ["open", ["Enter"]],
  ["close", ["Esc"]],
  ["help", ["?"]],
];

/** Renders the dialog that lists the keyboard shortcuts and explains searches. */
export function helpView({ help }: Texts): TemplateResult {
  return html`
    <dialog class="help" part="help" aria-labelledby="help-heading">
      <form method="dialog" class="help-head">
        <h2 id="help-heading">${help.title}</h2>
        <button class="square" aria-label=${help.close}>${icon("close")}</button>
      </form>
      <h3>${help.keysHeading}</h3>
      <dl>
        ${KEYS.map(
          ([name, keys]) => html`
            <div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${help.keys[name]}</dd></div>
          `,
        )}
      </dl>
      <h3>${help.queryHeading}</h3>
      <dl>
        ${help.examples.map(({ query, meaning }) => html`<div><dt><code>${query.split(" ").map((part) => html`<span>${part}</span> `)}</code></dt><dd>${meaning}</dd></div>`)}
      </dl>
    </dialog>
  `;
}
