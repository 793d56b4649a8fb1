import { html, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { icon } from "./icons.js";
import type { Texts } from "./texts/texts.js";

/** Which keys do what. */
const KEYS: readonly (readonly [keyof Texts["help"]["keys"], readonly string[]])[] = [
  ["search", ["/"]],
  ["move", ["j", "k", "↓", "↑"]],
  ["ends", ["Home", "End"]],
  ["open", ["Enter"]],
  ["close", ["Esc"]],
  ["help", ["?"]],
];

/** The keys and how to search, in a dialog. */
export function helpView({ help }: Texts, isOpen: boolean, close: () => void): TemplateResult {
  const show = (element: Element | undefined) => {
    if (element instanceof HTMLDialogElement && element.open !== isOpen) {
      if (isOpen) {
        element.showModal();
      } else {
        element.close();
      }
    }
  };
  return html`
    <dialog class="help" part="help" aria-labelledby="help-heading" ${ref(show)} @close=${close}>
      <div class="help-head">
        <h2 id="help-heading">${help.title}</h2>
        <button type="button" class="square" aria-label=${help.close} @click=${close}>${icon("close")}</button>
      </div>
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
