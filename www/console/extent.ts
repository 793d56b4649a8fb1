/** The form that chooses which entries of the log are loaded. Every section that covers them has it in its head. */

import { html, nothing, type TemplateResult } from "lit";
import { CONDITIONS, type Condition, type Conditions } from "./address.ts";
import type { ConsoleTexts } from "./texts/index.ts";

/** A condition that must be corrected first, with the name of the text about it. */
export interface Complaint {
  readonly field: Condition;
  readonly says: "noNumber";
}

/** Options for the number of newest events to load; the last stands for all. */
const AMOUNTS: readonly string[] = ["100", "1000", "10000", "100000", ""];
const BOUNDS = ["from", "to"] as const;
const NUMBERS: readonly Condition[] = [...BOUNDS, "limit"];

interface ExtentInput {
  readonly extent: Conditions;
  readonly complaint: Complaint | undefined;
  /** True while entries are loaded. */
  readonly isAsking: boolean;
  readonly submit: (event: SubmitEvent) => void;
  readonly cancel: () => void;
}

/** Renders the form, folded. */
export function extentView(
  { extent, complaint, isAsking, submit, cancel }: ExtentInput,
  t: ConsoleTexts,
): TemplateResult {
  const { limit } = extent;
  const amounts = AMOUNTS.includes(limit) ? AMOUNTS : [limit, ...AMOUNTS];
  const words = t.extent;
  return html`
    <form class="extent" @submit=${submit} novalidate>
      <label class="select">
        <span>${words.load}</span>
        <select id="extent-limit" name="limit" @change=${(event: Event) => (event.target as HTMLSelectElement).form?.requestSubmit()}>
          ${amounts.map((amount) => html`<option value=${amount} .selected=${amount === limit}>${words.amount(amount)}</option>`)}
        </select>
      </label>
      <button type="submit">${words.again}</button>
      ${isAsking ? html`<button type="button" @click=${cancel}>${words.cancel}</button>` : nothing}
      <details ?open=${BOUNDS.some((name) => extent[name] !== "")}>
        <summary>${words.some}</summary>
        <div class="fields">
          ${BOUNDS.map((name) => field(name, extent, complaint, t))}
          <button type="submit">${words.apply}</button>
        </div>
      </details>
      <p id="extent-complaint" class="complaint" role="alert">${complaint === undefined ? nothing : words[complaint.says]}</p>
    </form>
  `;
}

function field(
  name: (typeof BOUNDS)[number],
  extent: Conditions,
  complaint: Complaint | undefined,
  { extent: words }: ConsoleTexts,
): TemplateResult {
  const isWrong = complaint?.field === name;
  return html`
    <div class="field">
      <label for=${`extent-${name}`}>${words[name]}</label>
      <input
        id=${`extent-${name}`}
        name=${name}
        type="text"
        inputmode="numeric"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        aria-invalid=${isWrong ? "true" : nothing}
        aria-describedby=${isWrong ? "extent-complaint" : nothing}
        .value=${extent[name]}
      />
    </div>
  `;
}

/** Returns the conditions in the form. */
export function extentOf(form: HTMLFormElement): Conditions {
  const fields = new FormData(form);
  return Object.fromEntries(
    CONDITIONS.map((name) => [name, String(fields.get(name) ?? "").trim()]),
  ) as Conditions;
}

/** Returns what must be corrected before the log is asked. */
export function complaintOf(extent: Conditions): Complaint | undefined {
  const field = NUMBERS.find((name) => extent[name] !== "" && !/^(?:0|[1-9][0-9]{0,15})$/.test(extent[name]));
  return field && { field, says: "noNumber" };
}

/** Marks the field to correct, unfolds it, and focuses it. */
export function focusComplaint(form: HTMLFormElement, { field }: Complaint): void {
  const input = form.querySelector<HTMLInputElement>(`[name="${field}"]`);
  input?.closest("details")?.setAttribute("open", "");
  input?.focus();
}
