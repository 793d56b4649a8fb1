/** The tab that lists the tenants. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../../src/core-sentence.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { refusalView } from "../words.ts";
import { knownState, TENANT_STATES, type Tenant, type TenantState } from "./tenant.ts";
import type { TenantList } from "./tenant-list.ts";
import "./tenant-table.ts";

/** Which tenants are shown, and in which order. */
export interface TenantFilter {
  /** Part of the name, in any case, or the beginning of the ID. */
  readonly text: string;
  readonly state: TenantState | "";
  readonly order: TenantOrder;
}

const ORDERS = ["created", "name", "size"] as const;

type TenantOrder = (typeof ORDERS)[number];

export const NO_FILTER: TenantFilter = { text: "", state: "", order: "created" };

/** Filters tenants, and remembers the result for as long as neither they nor the filter change. */
export class FilteredTenants {
  #all: readonly Tenant[] | undefined;
  #filter: TenantFilter | undefined;
  #result: readonly Tenant[] = [];

  get(all: readonly Tenant[], filter: TenantFilter): readonly Tenant[] {
    if (all === this.#all && filter === this.#filter) return this.#result;
    [this.#all, this.#filter] = [all, filter];
    this.#result = filtered(all, filter);
    return this.#result;
  }
}

function filtered(all: readonly Tenant[], { text, state, order }: TenantFilter): readonly Tenant[] {
  const part = text.trim().toLowerCase();
  // A whole origin is found by the ID that it ends with.
  const id = part.slice(part.lastIndexOf("/") + 1);
  const isShown = (tenant: Tenant) =>
    (state === "" || knownState(tenant) === state) &&
    (part === "" || tenant.name.toLowerCase().includes(part) || (id !== "" && tenant.id.startsWith(id)));
  const some = part === "" && state === "" ? all : all.filter(isShown);
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  switch (order) {
    case "created":
      return some;
    case "name":
      return [...some].sort((one, other) => compare(one.name, other.name));
    case "size":
      return [...some].sort((one, other) => other.size - one.size);
  }
}

interface TenantsViewInput {
  readonly list: TenantList;
  readonly shown: readonly Tenant[];
  readonly filter: TenantFilter;
  readonly setFilter: (filter: TenantFilter) => void;
  readonly load: () => void;
}

export function tenantsView(
  { list, shown, filter, setFilter, load }: TenantsViewInput,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.tenants;
  const { tenants, isLoading, isComplete, refusal, unread, at } = list;
  const { count } = t.viewer.figures;
  const isFiltered = filter.text.trim() !== "" || filter.state !== "";
  return html`
    <p class="help wide-text">${words.about}</p>
    <form class="tenant-filter" role="search" @submit=${(event: Event) => event.preventDefault()}>
      <label class="select tenant-find">
        <span>${words.filter}</span>
        <input id="tenant-filter" type="search" autocomplete="off" autocapitalize="off" spellcheck="false" .value=${filter.text}
          @input=${(event: Event) => setFilter({ ...filter, text: (event.target as HTMLInputElement).value })} />
      </label>
      <label class="select">
        <span>${words.state}</span>
        <select id="tenant-state" @change=${(event: Event) => setFilter({ ...filter, state: (event.target as HTMLSelectElement).value as TenantState | "" })}>
          <option value="" .selected=${filter.state === ""}>${words.anyState}</option>
          ${TENANT_STATES.map((state) => html`<option value=${state} .selected=${state === filter.state}>${words.states[state]}</option>`)}
        </select>
      </label>
      <label class="select">
        <span>${words.order}</span>
        <select id="tenant-order" @change=${(event: Event) => setFilter({ ...filter, order: (event.target as HTMLSelectElement).value as TenantOrder })}>
          ${ORDERS.map((order) => html`<option value=${order} .selected=${order === filter.order}>${words.orders[order]}</option>`)}
        </select>
      </label>
      <div class="buttons"><button type="button" ?disabled=${isLoading} @click=${load}>${words.refresh}</button></div>
    </form>
    ${refusal === undefined ? nothing : refusalView(refusal, t)}
    ${unread > 0 ? html`<p class="word tone-bad">${icon("warning")}<span>${words.unread(unread)}</span></p>` : nothing}
    ${isLoading && tenants.length === 0 ? html`<progress aria-label=${words.loading}></progress>` : nothing}
    <p class="help" role="status" data-tenants=${shown.length}>
      ${
        isLoading
          ? html`${words.loading}${tenants.length === 0 ? nothing : html` (${count(tenants.length)})`}`
          : at === undefined
            ? nothing
            : html`${isFiltered ? words.shown(shown.length, tenants.length) : words.all(tenants.length)} ${isComplete ? nothing : html`<strong>${words.incomplete}</strong>`} ${words.asked} ${moment(at)}`
      }
    </p>
    ${tenants.length === 0 && isComplete ? html`<p class="empty">${words.none}</p>` : nothing}
    ${tenants.length > 0 && shown.length === 0 ? html`<p class="empty">${words.noMatch}</p>` : nothing}
    ${shown.length === 0 ? nothing : html`<cs-tenant-table .tenants=${shown} .texts=${t}></cs-tenant-table>`}
  `;
}
