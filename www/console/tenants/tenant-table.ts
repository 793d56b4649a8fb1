/** The table of tenants. Only rows in view are in the document, so that it can show 100,000. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { ConsoleTexts } from "../texts/index.ts";
import { addressOf, knownState, type Tenant } from "./tenant.ts";

/** Maximum number of rows: elements have a maximum height in browsers. */
const MAX_ROWS = 250_000;
/** Rows rendered above and below those in view. */
const MARGIN = 8;

const LOOKS = {
  live: ["good", "pass"],
  new: ["faint", "waiting"],
  ended: ["faint", "close"],
  moved: ["faint", "close"],
  stopped: ["bad", "fail"],
} as const;

/**
 * The table of tenants. It keeps the focus and names the current row (`aria-activedescendant`), so that rows can come and
 * go while scrolling. Dispatches `open-tenant` (a tenant) before it follows a link in this tab.
 */
export class TenantTable extends View {
  static override properties = props("tenants", "texts");

  declare tenants: readonly Tenant[] | undefined;
  declare texts: ConsoleTexts | undefined;

  #current = 0;
  /** First row in view, and their number. */
  #first = 0;
  #inView = 20;
  /** Height of a row in pixels. */
  #height = 44;

  constructor() {
    super();
    const observer = new ResizeObserver(() => this.#measure());
    this.addController({
      hostConnected: () => observer.observe(this),
      hostDisconnected: () => observer.disconnect(),
    });
  }

  get #size(): number {
    return Math.min(this.tenants?.length ?? 0, MAX_ROWS);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get("tenants") as readonly Tenant[] | undefined;
    const id = before?.[this.#current]?.id;
    if (changed.has("tenants") && this.tenants?.[this.#current]?.id !== id) {
      this.#current = Math.max(
        0,
        (this.tenants ?? []).findIndex((tenant) => tenant.id === id),
      );
    }
    this.#current = Math.min(this.#current, Math.max(0, this.#size - 1));
  }

  protected override render(): TemplateResult | typeof nothing {
    const { tenants, texts: t } = this;
    if (tenants === undefined || t === undefined) return nothing;
    const words = t.tenants;
    const first = Math.max(0, this.#first - MARGIN);
    const rows = tenants.slice(first, Math.min(this.#size, this.#first + this.#inView + MARGIN));
    const heads = [words.name, words.state, words.size, words.since, words.id];
    const isDrawn = this.#current >= first && this.#current < first + rows.length;
    return html`
      <div
        class="tenant-rows"
        role="grid"
        tabindex="0"
        aria-label=${words.heading}
        aria-rowcount=${tenants.length + 1}
        aria-colcount=${heads.length}
        aria-activedescendant=${isDrawn ? rowId(tenants[this.#current]) : nothing}
        @scroll=${this.#scrolled}
        @keydown=${this.#pressed}
      >
        <div class="tenant-head tenant-row" role="row" aria-rowindex="1">
          ${heads.map((head) => html`<span role="columnheader">${head}</span>`)}
        </div>
        <div class="tenant-body" role="rowgroup">
          <div class="tenant-window" role="presentation">
            ${repeat(
              rows,
              ({ id }) => id,
              (tenant, place) => this.#row(tenant, first + place, t),
            )}
          </div>
        </div>
      </div>
      ${tenants.length > MAX_ROWS ? html`<p class="help">${words.more(tenants.length - MAX_ROWS)}</p>` : nothing}
    `;
  }

  #row(tenant: Tenant, at: number, { tenants: words, viewer }: ConsoleTexts): TemplateResult {
    const { name, id, state, size, since, stopped } = tenant;
    const known = knownState(tenant);
    const [tone, sign] = known === undefined ? (["faint", "unknown"] as const) : LOOKS[known];
    const { count } = viewer.figures;
    return html`
      <div
        class="tenant-row"
        role="row"
        id=${rowId(tenant)}
        aria-rowindex=${at + 2}
        aria-selected=${at === this.#current}
        data-tenant=${id}
        @click=${() => this.#goTo(at)}
      >
        <span role="gridcell" class="tenant-name">
          <a href=${addressOf(tenant)} tabindex="-1" @click=${() => emit(this, "open-tenant", tenant)}>${value(name, 200)}</a>
        </span>
        <span role="gridcell"><span class="state tone-${tone}">${icon(sign)}${known === undefined ? value(state, 40) : words.states[known]}</span>${stopped === undefined ? nothing : html` <code>${value(stopped, 60)}</code>`}</span>
        <span role="gridcell" class="number"><span class="narrow-label">${words.size}</span> ${count(size)}</span>
        <span role="gridcell" class="number"><span class="narrow-label">${words.since}</span> ${since === undefined ? "–" : count(since)}</span>
        <span role="gridcell" class="tenant-id"><code>${id}</code></span>
      </div>
    `;
  }

  protected override updated(): void {
    this.#measure();
    // The page's policy forbids style attributes.
    const body = this.querySelector<HTMLElement>(".tenant-body");
    const view = this.querySelector<HTMLElement>(".tenant-window");
    if (body === null || view === null) return;
    body.style.height = `${this.#size * this.#height}px`;
    view.style.transform = `translateY(${Math.max(0, this.#first - MARGIN) * this.#height}px)`;
  }

  readonly #scrolled = (): void => {
    const { scroller } = this;
    if (scroller === undefined) return;
    const first = Math.max(0, Math.floor(scroller.scrollTop / this.#height));
    if (first === this.#first) return;
    this.#first = first;
    this.requestUpdate();
  };

  readonly #pressed = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, this.#inView - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.#current + 1,
      ArrowUp: this.#current - 1,
      PageDown: this.#current + page,
      PageUp: this.#current - page,
      Home: 0,
      End: this.#size - 1,
    };
    const to = moves[event.key];
    if (to !== undefined) this.#goTo(to);
    else if (event.key === "Enter") this.#open();
    else return;
    event.preventDefault();
  };

  /** Makes a row the current one, and scrolls it into view. */
  #goTo(row: number): void {
    const { scroller } = this;
    if (scroller === undefined || this.#size === 0) return;
    this.#current = Math.max(0, Math.min(this.#size - 1, row));
    const top = this.#current * this.#height;
    const room = scroller.clientHeight - this.#headHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + this.#height > scroller.scrollTop + room) scroller.scrollTop = top + this.#height - room;
    this.#scrolled();
    this.requestUpdate();
  }

  #open(): void {
    const row = this.tenants?.[this.#current];
    if (row !== undefined) this.querySelector<HTMLElement>(`#${rowId(row)} a`)?.click();
  }

  /** Updates the height of rows and their number in view. */
  #measure(): void {
    const { scroller } = this;
    const row = this.querySelector<HTMLElement>(".tenant-window > .tenant-row");
    if (scroller === undefined || row === null) return;
    const height = row.getBoundingClientRect().height || this.#height;
    const inView = Math.max(1, Math.ceil(scroller.clientHeight / height));
    if (Math.abs(height - this.#height) < 0.01 && inView === this.#inView) return;
    this.#height = height;
    this.#inView = inView;
    this.requestUpdate();
  }

  get scroller(): HTMLElement | undefined {
    return this.querySelector<HTMLElement>(".tenant-rows") ?? undefined;
  }

  get #headHeight(): number {
    return this.querySelector<HTMLElement>(".tenant-head")?.offsetHeight ?? 0;
  }
}

function rowId(tenant: Tenant | undefined): string {
  return `tenant-${tenant?.id}`;
}

define("cs-tenant-table", TenantTable);
