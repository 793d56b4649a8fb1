import { icon } from "@countersign/viewer/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { CONDITIONS, type Condition, type Conditions, counted } from "./place.ts";
import type { Search } from "./searching.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { refusalView } from "./words.ts";

/** A condition that must be corrected first, and the name of the text that says why. */
export interface Complaint {
  readonly field: Condition;
  readonly says: "noTime" | "noNumber";
}

const FIRST: readonly Condition[] = ["q", "actor", "action", "since", "until", "limit"];
const MORE: readonly Condition[] = ["target", "outcome", "tenant", "chain", "from", "to"];
const NUMBERS: readonly Condition[] = ["from", "to", "limit"];
const OUTCOMES = ["success", "failure", "unknown"];

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
        <datalist id="outcomes">${OUTCOMES.map((outcome) => html`<option value=${outcome}></option>`)}</datalist>
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
  const isTime = name === "since" || name === "until";
  const isWrong = complaint?.field === name;
  return html`
    <div class="field field-${name}">
      <label for=${`search-${name}`}>${label}</label>
      <input
        id=${`search-${name}`}
        name=${name}
        type=${isTime ? "datetime-local" : "text"}
        inputmode=${NUMBERS.includes(name) ? "numeric" : nothing}
        step=${isTime ? 1 : nothing}
        placeholder=${hint === "" ? nothing : hint}
        list=${name === "outcome" ? "outcomes" : nothing}
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

/** What must be corrected before the log is asked. */
export function complaintOf(form: HTMLFormElement, conditions: Conditions): Complaint | undefined {
  for (const field of ["since", "until"] as const) {
    const input = form.querySelector<HTMLInputElement>(`[name="${field}"]`);
    if (input?.validity.badInput) return { field, says: "noTime" };
  }
  const field = NUMBERS.find(
    (name) => conditions[name] !== "" && !/^(?:0|[1-9][0-9]{0,15})$/.test(conditions[name]),
  );
  return field && { field, says: "noNumber" };
}
