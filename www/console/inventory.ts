/** The endpoints that were called according to verified events, by inferred templates, riskiest first. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Caller, Endpoint, Inventory, Overview, ResponseCount } from "@countersign/ui/overview/types.js";
import { levelView } from "@countersign/ui/viewer/detection/finding-parts.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { logSummaryOf } from "@countersign/ui/viewer/session/facts.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { complaintView, picker } from "../src/input/choose.ts";
import { actorQuery, type EventLink, endpointQuery } from "./event-links.ts";
import { factsOf, lookUp, nameOf, parserOf } from "./event-lookup.ts";
import { addNewEvents, type LoadedFile } from "./overview.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { failureView, table } from "./verified.ts";

/** Maximum number of endpoints listed, of callers named, and of entries linked. */
const MAX_LISTED = 200;
const MAX_NAMED = 5;
const MAX_ENTRIES = 3;
/** Maximum number of callers whose names are looked up. */
const MAX_LOOKED_UP = 200;

/**
 * The tab "Inventory". Dispatches `choose-description` (files), `remove-description`, `show-entry` (an entry index), and
 * `show-events` (an `EventLink`).
 */
export class InventoryTab extends View {
  static override properties = props("session", "overview", "description", "complaint", "texts");

  declare session: Session | undefined;
  declare overview: (() => Promise<Overview>) | undefined;
  /** Description of the API. */
  declare description: LoadedFile | undefined;
  /** Reason why a chosen file was rejected. */
  declare complaint: string;
  declare texts: ConsoleTexts | undefined;

  #inventory: Inventory | undefined;
  #text = "";
  #failure: PlainError | undefined;
  #running = new AbortController();
  /** Events of callers, by the entry that names the caller. */
  #events: Awaited<ReturnType<typeof lookUp>> = new Map();

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("session") || changed.has("description")) this.#begin();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#running.abort();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t } = this;
    if (t === undefined) return nothing;
    return html`
      ${this.#descriptionView(t)}
      ${
        this.#failure !== undefined
          ? failureView(this.#failure, t)
          : this.#inventory === undefined
            ? html`<p class="empty" aria-busy="true">${t.inventory.waiting}</p>`
            : this.#inventoryView(this.#inventory, t)
      }
    `;
  }

  #descriptionView(t: ConsoleTexts): TemplateResult {
    const words = t.inventory;
    const { description } = this;
    return html`
      <section class="brought" aria-labelledby="description-heading">
        <h3 id="description-heading">${words.description}</h3>
        <p class="help">${words.descriptionAbout}</p>
        ${
          description === undefined
            ? nothing
            : html`
              <ul class="chosen-list">
                <li>${icon("file")}<span>${value(description.name)}</span>
                  <button type="button" class="quiet" @click=${() => emit(this, "remove-description", undefined)}>${words.remove}</button></li>
              </ul>`
        }
        <div class="buttons">${picker(description === undefined ? words.choose : words.another, "choose-description", {})}</div>
        ${complaintView(this.complaint)}
      </section>
    `;
  }

  #inventoryView(inventory: Inventory, t: ConsoleTexts): TemplateResult {
    const words = t.inventory;
    const { count } = t.viewer.figures;
    const { endpoints, unused, probed, description, complete, unparsed, left_out } = inventory;
    if (inventory.calls === 0)
      return html`<p class="empty">${words.none(inventory.events)} ${unparsed === 0 ? nothing : words.unparsed(inventory)} ${complete === null ? words.partial : nothing}</p>`;
    return html`
      <section aria-labelledby="endpoints-heading" data-inventory="endpoints">
        <h3 id="endpoints-heading">${words.endpoints(endpoints.length)}</h3>
        <p>
          ${words.summary(inventory.calls, inventory.callers, inventory.events)}
          ${complete === null ? words.partial : words.complete(complete)}
          ${description === null ? nothing : words.compared(value([description.title, description.version].filter(Boolean).join(" "), 200), description.operations)}
        </p>
        <p class="help">${words.riskAbout}</p>
        ${description?.elsewhere ? doubt(words.elsewhere(description.elsewhere)) : nothing}
        ${description?.alike ? doubt(words.alike(description.alike)) : nothing}
        ${unparsed === 0 ? nothing : doubt(words.unparsed(inventory))}
        ${left_out.calls === null ? nothing : doubt(words.leftOut(left_out.calls.number))}
        ${
          endpoints.length === 0
            ? html`<p class="empty">${words.noneAnswered}</p>`
            : table(
                words.heading,
                [
                  words.endpoint,
                  words.risk,
                  words.calls,
                  words.callers,
                  words.answers,
                  words.time,
                  words.last,
                ],
                endpoints.slice(0, MAX_LISTED).map((endpoint) => this.#row(endpoint, t)),
              )
        }
        ${more(endpoints, t)}
      </section>
      ${
        unused.length === 0
          ? nothing
          : html`
            <section aria-labelledby="unused-heading" data-inventory="unused">
              <h3 id="unused-heading">${words.unused(unused.length)}</h3>
              <ul class="endpoints">
                ${unused.slice(0, MAX_LISTED).map(({ method, path, deprecated }) => html`<li><code>${method} ${value(path, 300)}</code>${deprecated ? html` <span class="faint">${words.deprecated}</span>` : nothing}</li>`)}
              </ul>
              ${more(unused, t)}
            </section>`
      }
      ${
        probed.length === 0
          ? nothing
          : html`
            <details data-inventory="probed">
              <summary>${words.probed(probed.length)}</summary>
              ${table(
                words.probedName,
                [words.endpoint, words.calls, words.callers, words.answers, words.last],
                probed.slice(0, MAX_LISTED).map(
                  (endpoint) => html`
                  <tr>
                    <th scope="row">${this.#name(endpoint, t)}</th>
                    <td>${count(endpoint.calls)}</td>
                    <td class="callers">${this.#callersView(endpoint, t)}</td>
                    <td>${answersView(endpoint, t)}</td>
                    <td>${this.#entry(endpoint.last_entry, moment(endpoint.last))}</td>
                  </tr>`,
                ),
              )}
              ${more(probed, t)}
            </details>`
      }
      <div class="buttons">
        <button type="button" @click=${() => save("inventory.json", `${this.#text}\n`, "application/json")}>${words.save}</button>
      </div>
      <p class="faint">${words.digest} <code class="hash">${inventory.digest}</code></p>
    `;
  }

  #row(endpoint: Endpoint, t: ConsoleTexts): TemplateResult {
    const words = t.inventory;
    const { count } = t.viewer.figures;
    const { risk, level, reasons, latency_ms: latency } = endpoint;
    return html`
      <tr>
        <th scope="row">
          ${this.#name(endpoint, t)}
          ${
            reasons.length === 0
              ? nothing
              : html`
                <ul class="reasons">
                  ${reasons.map(
                    ({ points, reason, entries }) => html`
                      <li><span class="faint">+${points}</span> ${value(reason, 300)}
                        ${entries.slice(0, MAX_ENTRIES).map((entry) => this.#entry(entry, html`${words.entry} ${count(entry)}`))}</li>`,
                  )}
                </ul>`
          }
        </th>
        <td data-band=${level}><strong class="number">${count(risk)}</strong> ${levelView(level, t.viewer)}</td>
        <td>${count(endpoint.calls)}</td>
        <td class="callers">${this.#callersView(endpoint, t)}</td>
        <td>${answersView(endpoint, t)}</td>
        <td>${latency === null ? html`<span class="faint">${words.notStated}</span>` : words.latency(latency.p50, latency.p95)}</td>
        <td>${this.#entry(endpoint.last_entry, moment(endpoint.last))}</td>
      </tr>
    `;
  }

  /** Renders the name of an endpoint, as a link to its calls. */
  #name(endpoint: Endpoint, t: ConsoleTexts): TemplateResult {
    return html`<button type="button" class="quiet subject" @click=${() => void this.#showCalls(endpoint)}>${nameView(endpoint)}<span class="sr"> – ${t.inventory.events}</span></button>`;
  }

  /** Shows the calls of an endpoint. The source of its last call determines the fields of the query. */
  async #showCalls(endpoint: Endpoint): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const entry = endpoint.last_entry;
    const found = await lookUp(session.index, [entry], this.#running.signal).catch(() => undefined);
    const event = found?.get(entry);
    const link: EventLink = { query: endpointQuery(endpoint, event && parserOf(event)), entry };
    emit(this, "show-events", link);
  }

  #callersView(endpoint: Endpoint, t: ConsoleTexts): TemplateResult {
    const { all_callers } = endpoint;
    const { count } = t.viewer.figures;
    if (all_callers === 0) return html`<span class="faint">${t.inventory.nobody}</span>`;
    const callers = named(endpoint);
    return html`
      ${callers.map((caller) => html`<div class="caller">${this.#caller(caller, t)} <span class="faint">${count(caller.calls)}</span></div>`)}
      ${all_callers > callers.length ? html`<span class="faint">${t.inventory.others(count(all_callers - callers.length))}</span>` : nothing}
    `;
  }

  /** Renders the name of a caller, as a link to what it did. */
  #caller({ id, entry }: Caller, t: ConsoleTexts): TemplateResult {
    const event = this.#events.get(entry);
    const name = nameOf(event, id);
    // The inventory calls a caller without a type a user, which a query doesn't.
    const isTyped = event === undefined || factsOf(event)?.actor?.type !== undefined;
    const link: EventLink = { query: actorQuery(isTyped ? id : id.replace(/^user:/, "")), entry };
    return html`<button type="button" class="quiet subject" @click=${() => emit(this, "show-events", link)}>${name === undefined ? nothing : html`${value(name, 80)} `}<span class=${name === undefined ? nothing : "faint"}>${value(id, 80)}</span><span class="sr"> – ${t.inventory.callerEvents}</span></button>`;
  }

  /** Looks up the events that name the listed callers. */
  async #lookUp({ endpoints, probed }: Inventory, signal: AbortSignal): Promise<void> {
    const { session } = this;
    if (session === undefined) return;
    const callers = [...endpoints.slice(0, MAX_LISTED), ...probed.slice(0, MAX_LISTED)].flatMap((endpoint) =>
      named(endpoint),
    );
    const entries = [...new Set(callers.map(({ entry }) => entry))].slice(0, MAX_LOOKED_UP);
    const missing = entries.filter((entry) => !this.#events.has(entry));
    // Without names, the identifiers are shown.
    const found = await lookUp(session.index, missing, signal).catch(() => undefined);
    if (found === undefined || signal.aborted) return;
    this.#events = new Map([...this.#events, ...found]);
    this.requestUpdate();
  }

  /** Renders a link to an entry of the log. */
  #entry(entry: number, words: TemplateResult): TemplateResult {
    return html`<button type="button" class="quiet" @click=${() => emit(this, "show-entry", entry)}>${words}</button>`;
  }

  /** Builds the inventory, and updates it as events arrive. */
  #begin(): void {
    this.#running.abort();
    const running = new AbortController();
    this.#running = running;
    this.#inventory = undefined;
    this.#events = new Map();
    this.#failure = undefined;
    void this.#follow(running.signal).catch((error: unknown) => {
      if (running.signal.aborted) return;
      this.#failure = plainError(error);
      this.requestUpdate();
    });
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { session, overview, description } = this;
    if (session === undefined || overview === undefined) return;
    const making = await overview();
    if (signal.aborted) return;
    const endpoints = await making.endpoints(description?.text);
    signal.addEventListener("abort", () => endpoints.close());
    if (signal.aborted) endpoints.close();
    for (let known = 0; !signal.aborted; ) {
      const { report, isRunning } = session;
      known = await addNewEvents(session, endpoints, known);
      if (report !== undefined) {
        const text = await endpoints.inventory(logSummaryOf(report));
        if (signal.aborted) return;
        this.#text = text;
        this.#inventory = JSON.parse(text) as Inventory;
        this.requestUpdate();
        await this.#lookUp(this.#inventory, signal);
      }
      if (!isRunning) return;
      await changed(session, report, signal);
    }
  }
}

/** Resolves when there is another report, the session ended, or the signal aborts. */
function changed(session: Session, report: Session["report"], signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const onEvent = () => {
      if (session.report === report && session.isRunning && !signal.aborted) return;
      session.removeEventListener("change", onEvent);
      signal.removeEventListener("abort", onEvent);
      resolve();
    };
    session.addEventListener("change", onEvent);
    signal.addEventListener("abort", onEvent);
    onEvent();
  });
}

/** Returns the callers to name: those with the most calls. */
function named({ callers }: Endpoint): readonly Caller[] {
  return [...callers].sort((one, other) => other.calls - one.calls).slice(0, MAX_NAMED);
}

function nameView({ method, path, service, operation }: Endpoint): TemplateResult {
  return html`<code>${value(method ?? service ?? "", 200)} ${value(path ?? operation ?? "", 300)}</code>`;
}

function answersView({ statuses }: Endpoint, t: ConsoleTexts): TemplateResult {
  const { count } = t.viewer.figures;
  const words = ({ status, outcome }: ResponseCount) =>
    status ?? t.inventory.outcomes[outcome as "success"] ?? outcome;
  return html`${statuses.map((answered, nth) => html`${nth > 0 ? html`<br />` : nothing}${words(answered)} <span class="faint">${count(answered.calls)}</span>`)}`;
}

function doubt(words: string): TemplateResult {
  return html`<p class="tone-doubt">${icon("warning")}<span>${words}</span></p>`;
}

function more(all: readonly unknown[], t: ConsoleTexts): TemplateResult | typeof nothing {
  const left = all.length - MAX_LISTED;
  return left > 0 ? html`<p class="faint">${t.inventory.more(t.viewer.figures.count(left))}</p>` : nothing;
}

define("cs-inventory", InventoryTab);
