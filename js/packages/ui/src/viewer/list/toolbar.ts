/** Selection of the order of rows and of the time zone. */

import { html, nothing, type TemplateResult } from "lit";
import type { Order, SortKey } from "../../index/types.js";
import { offset, type Zone } from "../parts/format.js";
import type { Texts } from "../texts/texts.js";
import { SORT_KEYS } from "./columns.js";

/** Names of the orders, by their words in an address. */
const ORDERS = {
  place: "placeAscending",
  "-place": "placeDescending",
  time: "timeAscending",
  "-time": "timeDescending",
} as const;

/** Returns the order of a word, such as `-time` or `actor`; undefined if unknown. */
export function orderOf(word: string): Order | undefined {
  const by = word.replace(/^-/, "");
  const key = Object.values(SORT_KEYS).find((key) => key === by);
  return key && { by: key, descending: word.startsWith("-") };
}

/** Returns the next order when a column's header is pressed: ascending, descending, then the default. */
export function nextOrder(order: Order, by: SortKey): Order | undefined {
  if (order.by !== by) {
    return { by, descending: false };
  }
  return order.descending ? undefined : { by, descending: true };
}

/** Returns the name of an order by the values of a column; undefined for the others. */
function nameOfColumnOrder({ by, descending }: Order, { view, query }: Texts): string | undefined {
  if (by === "place" || by === "time") {
    return undefined;
  }
  const { name } = query.members[by];
  return descending ? view.columnDescending(name) : view.columnAscending(name);
}

/** Returns the word of an order. */
export function wordOf({ by, descending }: Order): string {
  return `${descending ? "-" : ""}${by}`;
}

/** Current choices, and callbacks for new ones. */
export interface Toolbar {
  readonly texts: Texts;
  readonly order: Order;
  readonly zone: Zone;
  readonly reorder: (order: Order) => void;
  readonly rezone: (zone: Zone) => void;
  /** True if adjacent withheld events and gaps are folded; undefined if there are none. */
  readonly folds: boolean | undefined;
  readonly fold: (folds: boolean) => void;
}

/** Renders the toolbar. */
export function toolbarView({ texts, order, zone, reorder, rezone, folds, fold }: Toolbar): TemplateResult {
  const { view } = texts;
  const word = wordOf(order);
  const own = nameOfColumnOrder(order, texts);
  const orders = [
    ...Object.entries(ORDERS).map(([word, name]) => [word, view[name]] as const),
    ...(own === undefined ? [] : [[word, own] as const]),
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

/** Renders a select box. `about` is its tooltip. */
export function selectView<Value extends string>(
  label: string,
  options: readonly (readonly [Value, string])[],
  chosen: Value,
  onChange: (value: Value) => void,
  about?: string,
): TemplateResult {
  return html`
    <label class="select">
      <span class="sr">${label}</span>
      <select title=${about ?? nothing} @change=${(event: Event) => onChange((event.target as HTMLSelectElement).value as Value)}>
        ${options.map(([value, name]) => html`<option value=${value} .selected=${value === chosen}>${name}</option>`)}
      </select>
    </label>
  `;
}
