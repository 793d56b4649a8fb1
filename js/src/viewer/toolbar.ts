/** In which order rows stand, and in which zone their times are. */

import { html, nothing, type TemplateResult } from "lit";
import type { Order } from "../index/types.js";
import { offset, type Zone } from "./format.js";
import type { Texts } from "./texts/texts.js";

/** The orders, by their words in an address. */
const ORDERS: Readonly<Record<string, Order>> = {
  place: { by: "place", descending: false },
  "-place": { by: "place", descending: true },
  time: { by: "time", descending: false },
  "-time": { by: "time", descending: true },
};

/** The order of a word, or undefined. */
export function orderOf(word: string): Order | undefined {
  return Object.hasOwn(ORDERS, word) ? ORDERS[word] : undefined;
}

/** The word of an order. */
export function wordOf({ by, descending }: Order): string {
  return `${descending ? "-" : ""}${by}`;
}

/** What is chosen, and who is told of a choice. */
export interface Toolbar {
  readonly texts: Texts;
  readonly order: Order;
  readonly zone: Zone;
  readonly reorder: (order: Order) => void;
  readonly rezone: (zone: Zone) => void;
  /** Whether what is left out is folded; undefined where nothing is. */
  readonly folds: boolean | undefined;
  readonly fold: (folds: boolean) => void;
}

/** Choices of how to look. */
export function toolbarView({ texts, order, zone, reorder, rezone, folds, fold }: Toolbar): TemplateResult {
  const { view } = texts;
  const word = wordOf(order);
  const orders: readonly (readonly [string, string])[] = [
    ["place", view.placeAscending],
    ["-place", view.placeDescending],
    ["time", view.timeAscending],
    ["-time", view.timeDescending],
  ];
  const zones: readonly (readonly [Zone, string])[] = [
    ["utc", view.utc],
    ["local", view.local(offset(-new Date().getTimezoneOffset(), "−"))],
  ];
  return html`
    ${selectView(view.order, orders, word, (value) => reorder(orderOf(value) ?? order))}
    ${selectView(view.zone, zones, zone, rezone)}
    ${
      folds === undefined
        ? nothing
        : html`<label class="switch"><input type="checkbox" .checked=${folds} @change=${(event: Event) => fold((event.target as HTMLInputElement).checked)} /> <span>${view.fold}</span></label>`
    }
  `;
}

/** A choice of values, each with its name; `about` says more of it to who points at it. */
export function selectView<Value extends string>(
  label: string,
  options: readonly (readonly [Value, string])[],
  chosen: Value,
  change: (value: Value) => void,
  about?: string,
): TemplateResult {
  return html`
    <label class="select">
      <span class="sr">${label}</span>
      <select title=${about ?? nothing} @change=${(event: Event) => change((event.target as HTMLSelectElement).value as Value)}>
        ${options.map(([value, name]) => html`<option value=${value} .selected=${value === chosen}>${name}</option>`)}
      </select>
    </label>
  `;
}
