import { icon } from "@countersign/viewer/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { CONDITIONS, type Condition, type Conditions, counted } from "./place.ts";
import type { Search } from "./searching.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { refusalView } from "./words.ts";

/** A condition that must be corrected first, and the name of the text that says why. */
export interface Complaint {
  readonly field: Condition;
  readonly says: "noNumber";
}

const FIRST: readonly Condition[] = ["query", "limit"];
const MORE: readonly Condition[] = ["from", "to"];
const NUMBERS: readonly Condition[] = ["from", "to", "limit"];

interface Drawn {
  readonly search: Search;
  readonly conditions: Conditions;
  readonly complaint: Complaint | undefined;
  readonly viewer: TemplateResult | typeof nothing;
  readonly submit: (event: SubmitEvent) => void;
  readonly clear: () => void;
  readonly cancel: () => void;
}

/** The form, and what came of it. */
export function searchView(drawn: Drawn, t: ConsoleTexts): TemplateResult {
  const { search, conditions, complaint, viewer, submit, clear, cancel } = drawn;
  const more = MORE.filter((name) => conditions[name] !== "").length;
  return html`
    <p class="help wide-text">${t.search.about}</p>
    <form class="conditions" @submit=${submit} novalidate>
      <div class="fields">${FIRST.map((name) => field(name, conditions, complaint, t))}</div>
      <details ?open=${more > 0}>
        <summary>${t.search.more}${more > 0 ? html` <span class="faint">${t.search.set(more)}</span>` : nothing}</summary>
        <div class="fields">${MORE.map((name) => field(name, conditions, complaint, t))}</div>
      </details>
      <p id="search-complaint" class="complaint" role="alert">${complaint === undefined ? nothing : t.search[complaint.says]}</p>
      <div class="buttons">
        <button type="submit" class="primary">${icon("search")}${t.search.submit}</button>
        ${counted(conditions) > 0 ? html`<button type="button" @click=${clear}>${t.search.clear}</button>` : nothing}
        ${search.isAsking ? html`<button type="button" @click=${cancel}>${t.search.cancel}</button>` : nothing}
        ${counted(conditions) === 0 ? html`<p class="help">${t.search.whole}</p>` : nothing}
      </div>
    </form>
    ${search.isAsking && search.session === undefined ? html`<progress aria-label=${t.search.loading}></progress>` : nothing}
    ${search.refusal === undefined ? nothing : refusalView(search.refusal, t)}
    ${search.isEmpty ? html`<p class="empty">${t.search.emptyLog}</p>` : nothing}
    ${search.boundary === undefined || search.session === undefined ? nothing : html`<p class="help boundary">${icon("pin")}${t.search.boundary(search.boundary)}</p>`}
    ${viewer}
  `;
}

function field(
  name: Condition,
  conditions: Conditions,
  complaint: Complaint | undefined,
  t: ConsoleTexts,
): TemplateResult {
  const [label = "", hint = ""] = t.search.fields[name];
  const isWrong = complaint?.field === name;
  return html`
    <div class="field field-${name}">
      <label for=${`search-${name}`}>${label}</label>
      <input
        id=${`search-${name}`}
        name=${name}
        type="text"
        dir=${name === "query" ? "ltr" : nothing}
        inputmode=${NUMBERS.includes(name) ? "numeric" : nothing}
        placeholder=${hint === "" ? nothing : hint}
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

/** What stands in the form. */
export function conditionsOf(form: HTMLFormElement): Conditions {
  const fields = new FormData(form);
  return Object.fromEntries(
    CONDITIONS.map((name) => [name, String(fields.get(name) ?? "").trim()]),
  ) as Conditions;
}

/** What must be corrected before the log is asked; the query itself is for the log to understand. */
export function complaintOf(conditions: Conditions): Complaint | undefined {
  const field = NUMBERS.find(
    (name) => conditions[name] !== "" && !/^(?:0|[1-9][0-9]{0,15})$/.test(conditions[name]),
  );
  return field && { field, says: "noNumber" };
}
