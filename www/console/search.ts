import { icon } from "@countersign/ui/viewer/parts/icons.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { CONDITIONS, type Condition, type Conditions, counted } from "./address.ts";
import type { Search } from "./search-runner.ts";
import { headView } from "./section-head.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { refusalView } from "./words.ts";

/** A condition that must be corrected first, with the name of the text about it. */
export interface Complaint {
  readonly field: Condition;
  readonly says: "noNumber";
}

/** Options for the number of newest events to load; the last stands for all. */
const AMOUNTS: readonly string[] = ["100", "1000", "10000", "100000", ""];
const BOUNDS: readonly Condition[] = ["from", "to"];
const NUMBERS: readonly Condition[] = [...BOUNDS, "limit"];

interface SearchViewInput {
  readonly search: Search;
  readonly conditions: Conditions;
  /** The query in the viewer, applied to what is loaded. */
  readonly viewerQuery: string;
  /** Reason why the viewer's search box isn't settled; undefined if it is. */
  readonly unsettled: string | undefined;
  readonly complaint: Complaint | undefined;
  readonly viewer: TemplateResult | typeof nothing;
  readonly submit: (event: SubmitEvent) => void;
  /** Runs a query in the log. */
  readonly ask: (query: string) => void;
  readonly cancel: () => void;
}

/** Renders what is loaded from the log, and the viewer that searches it. */
export function searchView(input: SearchViewInput, t: ConsoleTexts): TemplateResult {
  const { search, conditions, viewer, viewerQuery, unsettled, ask } = input;
  const { query } = conditions;
  const isOther = viewerQuery !== query || unsettled !== undefined;
  const canAsk = viewerQuery !== "" && isOther && !isWhole(conditions, search.session?.report);
  return html`
    ${search.session === undefined ? html`<p class="help wide-text">${t.search.about}</p>` : nothing}
    <div class="search-head">
      ${loadedView(input, t)}
      ${search.session === undefined || search.isEmpty ? nothing : headView({ session: search.session, scope: search }, false, t)}
    </div>
    ${search.isAsking && search.session === undefined ? html`<progress aria-label=${t.search.loading}></progress>` : nothing}
    ${search.refusal === undefined ? nothing : refusalView(search.refusal, t)}
    ${search.isEmpty ? html`<p class="empty">${t.search.emptyLog}</p>` : nothing}
    ${search.boundary === undefined || search.session === undefined ? nothing : html`<p class="help boundary">${icon("pin")}${t.search.boundary(search.boundary)}</p>`}
    ${
      query === ""
        ? nothing
        : html`<p class="asked">${icon("search")}<span>${search.refusal === undefined ? t.search.found : t.search.asked} <code>${query}</code></span>
          <button type="button" @click=${() => ask("")}>${t.search.back}</button></p>`
    }
    ${
      canAsk
        ? html`<p class="asked"><button type="button" class="primary" aria-disabled=${unsettled !== undefined} aria-describedby="everywhere-help" @click=${() => unsettled === undefined && ask(viewerQuery)}>${t.search.everywhere}</button>
          <span id="everywhere-help" class="help">${unsettled ?? t.search.onlyLoaded}</span></p>`
        : nothing
    }
    ${search.isEmpty ? nothing : viewer}
  `;
}

/** True if the whole log is loaded. */
function isWhole(conditions: Conditions, report: Report | undefined): boolean {
  if (conditions.query !== "") return false;
  if (counted(conditions) === 0) return true;
  const complete = report?.complete;
  return complete?.by === "range" && complete.range[0] === 0 && report?.counts.skipped === 0;
}

function loadedView(
  { search, conditions, complaint, submit, cancel }: SearchViewInput,
  t: ConsoleTexts,
): TemplateResult {
  const { limit } = conditions;
  const amounts = AMOUNTS.includes(limit) ? AMOUNTS : [limit, ...AMOUNTS];
  const isBounded = BOUNDS.some((name) => conditions[name] !== "");
  return html`
    <form class="loaded" @submit=${submit} novalidate>
      <label class="select">
        <span>${t.search.load}</span>
        <select id="search-limit" name="limit" @change=${(event: Event) => (event.target as HTMLSelectElement).form?.requestSubmit()}>
          ${amounts.map((amount) => html`<option value=${amount} .selected=${amount === limit}>${t.search.amount(amount)}</option>`)}
        </select>
      </label>
      <details ?open=${isBounded}>
        <summary>${t.search.between}</summary>
        <div class="fields">
          ${BOUNDS.map((name) => field(name, conditions, complaint, t))}
          <button type="submit">${t.search.apply}</button>
        </div>
      </details>
      <div class="buttons">
        <button type="submit">${t.search.again}</button>
        ${search.isAsking ? html`<button type="button" @click=${cancel}>${t.search.cancel}</button>` : nothing}
      </div>
      <p id="search-complaint" class="complaint" role="alert">${complaint === undefined ? nothing : t.search[complaint.says]}</p>
    </form>
  `;
}

function field(
  name: Condition,
  conditions: Conditions,
  complaint: Complaint | undefined,
  t: ConsoleTexts,
): TemplateResult {
  const isWrong = complaint?.field === name;
  return html`
    <div class="field field-${name}">
      <label for=${`search-${name}`}>${t.search[name === "from" ? "from" : "to"]}</label>
      <input
        id=${`search-${name}`}
        name=${name}
        type="text"
        inputmode="numeric"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        aria-invalid=${isWrong ? "true" : nothing}
        aria-describedby=${isWrong ? "search-complaint" : nothing}
        .value=${conditions[name]}
      />
    </div>
  `;
}

/** Returns the conditions in the form. */
export function conditionsOf(form: HTMLFormElement): Conditions {
  const fields = new FormData(form);
  return Object.fromEntries(
    CONDITIONS.map((name) => [name, String(fields.get(name) ?? "").trim()]),
  ) as Conditions;
}

/** Returns what must be corrected before the log is asked. The log checks the query itself. */
export function complaintOf(conditions: Conditions): Complaint | undefined {
  const field = NUMBERS.find(
    (name) => conditions[name] !== "" && !/^(?:0|[1-9][0-9]{0,15})$/.test(conditions[name]),
  );
  return field && { field, says: "noNumber" };
}
