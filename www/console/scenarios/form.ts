import { LEVELS } from "@countersign/ui/analyze/types.js";
import type { ScenarioProblem } from "@countersign/ui/overview/types.js";
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { ConsoleTexts } from "../texts/index.ts";
import {
  type ControlDraft,
  emptyControl,
  emptyRange,
  INPUTS,
  type InputPath,
  RANGE_FIELDS,
  type RangeDraft,
  type ScenarioDraft,
  SECONDARY_INPUTS,
  SIGNAL_KINDS,
  type SignalDraft,
  type SignalKind,
} from "./draft.ts";
import { sentenceView } from "./problems.ts";

/** Flags of endpoints in an inventory (docs/inventory.md). */
const FLAGS = [
  "shadow",
  "zombie",
  "undocumented-method",
  "unauthenticated",
  "new-caller",
  "new",
  "sensitive",
] as const;

/** Maximum length of a value, in characters. The core has limits of its own. */
const MAX_LENGTH = 1000;

interface FormInput {
  /** Changed in place as the reader types. */
  readonly draft: ScenarioDraft;
  readonly problems: readonly ScenarioProblem[];
  /** Called when fields appear or disappear. */
  readonly changed: () => void;
  /** Called when an item of a list is removed, after which problems name other items. */
  readonly removed: () => void;
}

/** Renders the fields of a scenario. */
export function formView(input: FormInput, t: ConsoleTexts): TemplateResult {
  const { draft, changed } = input;
  const words = t.exposure.editor;
  const turnSecondary = (event: Event) => {
    const { checked } = event.target as HTMLInputElement;
    draft.secondary = checked ? { probability: emptyRange(), loss: emptyRange() } : undefined;
    if (!checked)
      for (const { changes } of draft.controls) for (const path of SECONDARY_INPUTS) delete changes[path];
    changed();
  };
  return html`
    <div class="scenario-fields">
      <div class="scenario-row">
        ${textField(input, "title", words.title, draft.title, (text) => (draft.title = text), { isWide: true, hint: words.titleHint })}
        ${textField(input, "id", words.id, draft.id, (text) => (draft.id = text), { hint: words.idHint })}
        ${textField(input, "currency", words.currency, draft.currency, (text) => (draft.currency = text.toUpperCase()), { hint: words.currencyHint })}
      </div>
      ${noteField(draft, words)}
      ${INPUTS.map((name) => rangeView(input, name, draft[name], t.exposure.names[name], words.about[name], t))}
      <label class="choice"><input type="checkbox" name="secondary" .checked=${live(draft.secondary !== undefined)} @change=${turnSecondary} /><span>${words.secondary}</span></label>
      ${
        draft.secondary === undefined
          ? nothing
          : html`
            ${rangeView(input, "secondary.probability", draft.secondary.probability, t.exposure.names["secondary.probability"], words.about["secondary.probability"], t)}
            ${rangeView(input, "secondary.loss", draft.secondary.loss, t.exposure.names["secondary.loss"], words.about["secondary.loss"], t)}`
      }
      ${observedView(input, t)}
      ${controlsView(input, t)}
    </div>
  `;
}

function noteField(draft: ScenarioDraft, words: ConsoleTexts["exposure"]["editor"]): TemplateResult {
  return html`
    <label class="field">
      <span>${words.note}</span>
      <textarea name="note" rows="2" .value=${live(draft.note)} @input=${({ target }: Event) => (draft.note = (target as HTMLTextAreaElement).value)}></textarea>
    </label>
  `;
}

function rangeView(
  input: FormInput,
  path: string,
  range: RangeDraft,
  name: string,
  about: string | undefined,
  t: ConsoleTexts,
): TemplateResult {
  const labels = {
    low: t.exposure.low,
    mode: t.exposure.mode,
    high: t.exposure.high,
    source: t.exposure.source,
    date: t.exposure.date,
  };
  return html`
    <fieldset class="scenario-range" data-path=${path} aria-invalid=${problemsAt(input, path).length > 0 ? "true" : nothing}>
      <legend>${name}</legend>
      ${about === undefined ? nothing : html`<p class="help">${about}</p>`}
      ${problemsView(input, path)}
      <div class="scenario-row">
        ${RANGE_FIELDS.map((field) =>
          textField(input, `${path}.${field}`, labels[field], range[field], (text) => (range[field] = text), {
            isWide: field === "source",
            type: field === "date" ? "date" : "text",
            isNumber: field !== "source" && field !== "date",
            isBelow: true,
          }),
        )}
      </div>
      ${RANGE_FIELDS.map((field) => problemsView(input, `${path}.${field}`, labels[field]))}
    </fieldset>
  `;
}

function observedView(input: FormInput, t: ConsoleTexts): TemplateResult {
  const { draft, changed } = input;
  const words = t.exposure.editor;
  const add = () => {
    draft.observed.push({ kind: "endpoint", value: "shadow" });
    changed();
  };
  return html`
    <fieldset class="scenario-list">
      <legend>${words.observed}</legend>
      <p class="help">${words.observedAbout}</p>
      ${draft.observed.map((signal, nth) => signalView(input, signal, nth, t))}
      <button type="button" class="quiet" name="add-observed" @click=${add}>${words.addObserved}</button>
    </fieldset>
  `;
}

function signalView(input: FormInput, signal: SignalDraft, nth: number, t: ConsoleTexts): TemplateResult {
  const { draft, changed, removed } = input;
  const words = t.exposure.editor;
  const path = `observed[${nth}].${signal.kind}`;
  const turn = (event: Event) => {
    signal.kind = (event.target as HTMLSelectElement).value as SignalKind;
    signal.value = "";
    changed();
  };
  const remove = () => {
    draft.observed.splice(nth, 1);
    removed();
  };
  const known = signal.kind === "endpoint" ? FLAGS : signal.kind === "level" ? LEVELS : undefined;
  return html`
    <div class="scenario-row">
      <label class="field"><span>${words.kind}</span>
        <select name=${`observed[${nth}].of`} @change=${turn}>
          ${SIGNAL_KINDS.map((kind) => html`<option value=${kind} .selected=${live(kind === signal.kind)}>${words.kinds[kind]}</option>`)}
        </select>
      </label>
      ${
        known === undefined
          ? textField(input, path, words.value, signal.value, (text) => (signal.value = text), {
              isWide: true,
            })
          : chooseField(input, path, words.value, known, signal, t)
      }
      <button type="button" class="quiet" @click=${remove}>${t.exposure.remove}<span class="sr"> ${words.kinds[signal.kind]} ${signal.value}</span></button>
    </div>
    ${problemsView(input, `observed[${nth}]`)}
  `;
}

function chooseField(
  input: FormInput,
  path: string,
  label: string,
  known: readonly string[],
  signal: SignalDraft,
  t: ConsoleTexts,
): TemplateResult {
  const isWrong = problemsAt(input, path).length > 0;
  const all = signal.value === "" || known.includes(signal.value) ? known : [signal.value, ...known];
  return html`
    <label class="field"><span>${label}</span>
      <select name=${path} aria-invalid=${isWrong ? "true" : nothing} aria-describedby=${isWrong ? problemId(path) : nothing} @change=${(event: Event) => (signal.value = (event.target as HTMLSelectElement).value)}>
        ${signal.value === "" ? html`<option value="" .selected=${true}>${t.exposure.editor.choose}</option>` : nothing}
        ${all.map((one) => html`<option value=${one} .selected=${live(one === signal.value)}>${one}</option>`)}
      </select>
      ${problemsView(input, path)}
    </label>
  `;
}

function controlsView(input: FormInput, t: ConsoleTexts): TemplateResult {
  const { draft, changed } = input;
  const words = t.exposure.editor;
  const add = () => {
    draft.controls.push(emptyControl());
    changed();
  };
  return html`
    <fieldset class="scenario-list">
      <legend>${words.controls}</legend>
      <p class="help">${words.controlsAbout}</p>
      ${draft.controls.map((control, nth) => controlView(input, control, nth, t))}
      <button type="button" class="quiet" name="add-control" @click=${add}>${words.addControl}</button>
    </fieldset>
  `;
}

function controlView(input: FormInput, control: ControlDraft, nth: number, t: ConsoleTexts): TemplateResult {
  const { draft, changed, removed } = input;
  const words = t.exposure.editor;
  const path = `controls[${nth}]`;
  const inputs: readonly InputPath[] = [
    ...INPUTS,
    ...(draft.secondary === undefined ? [] : SECONDARY_INPUTS),
  ];
  const turn = (name: InputPath, event: Event) => {
    if ((event.target as HTMLInputElement).checked) control.changes[name] = emptyRange();
    else delete control.changes[name];
    changed();
  };
  const turnCost = (event: Event) => {
    control.cost = (event.target as HTMLInputElement).checked ? emptyRange() : undefined;
    changed();
  };
  const remove = () => {
    draft.controls.splice(nth, 1);
    removed();
  };
  return html`
    <fieldset class="scenario-control">
      <legend>${words.control(nth + 1)}</legend>
      ${problemsView(input, path)}
      <div class="scenario-row">
        ${textField(input, `${path}.title`, words.controlTitle, control.title, (text) => (control.title = text), { isWide: true })}
        ${textField(input, `${path}.id`, words.id, control.id, (text) => (control.id = text), { hint: words.idHint })}
      </div>
      <fieldset class="scenario-changes">
        <legend>${words.changes}</legend>
        ${inputs.map(
          (name) =>
            html`<label class="choice"><input type="checkbox" name=${`${path}.has.${name}`} .checked=${live(control.changes[name] !== undefined)} @change=${(event: Event) => turn(name, event)} /><span>${t.exposure.names[name]}</span></label>`,
        )}
        <label class="choice"><input type="checkbox" name=${`${path}.has.cost`} .checked=${live(control.cost !== undefined)} @change=${turnCost} /><span>${words.hasCost}</span></label>
      </fieldset>
      ${problemsView(input, `${path}.changes`)}
      ${inputs.map((name) => {
        const range = control.changes[name];
        return range === undefined
          ? nothing
          : rangeView(
              input,
              `${path}.changes.${name}`,
              range,
              words.withControl(t.exposure.names[name]),
              undefined,
              t,
            );
      })}
      ${control.cost === undefined ? nothing : rangeView(input, `${path}.cost`, control.cost, words.cost, undefined, t)}
      <button type="button" class="quiet" @click=${remove}>${t.exposure.remove}<span class="sr"> ${words.control(nth + 1)}</span></button>
    </fieldset>
  `;
}

interface TextFieldOptions {
  readonly isWide?: boolean;
  readonly hint?: string;
  readonly type?: "text" | "date";
  readonly isNumber?: boolean;
  /** True if the problems are rendered elsewhere. */
  readonly isBelow?: boolean;
}

function textField(
  input: FormInput,
  path: string,
  label: string,
  text: string,
  write: (text: string) => void,
  { isWide = false, hint, type = "text", isNumber = false, isBelow = false }: TextFieldOptions,
): TemplateResult {
  const isWrong = problemsAt(input, path).length > 0;
  return html`
    <label class=${`field ${isWide ? "field-wide" : isNumber ? "field-number" : ""}`}>
      <span>${label}${hint === undefined ? nothing : html` <span class="faint">${hint}</span>`}</span>
      <input
        name=${path}
        type=${type}
        inputmode=${isNumber ? "decimal" : nothing}
        maxlength=${MAX_LENGTH}
        autocomplete="off"
        aria-invalid=${isWrong ? "true" : nothing}
        aria-describedby=${isWrong ? problemId(path) : nothing}
        .value=${live(text)}
        @input=${({ target }: Event) => write((target as HTMLInputElement).value)}
      />
      ${isBelow ? nothing : problemsView(input, path)}
    </label>
  `;
}

function problemsAt({ problems }: FormInput, path: string): readonly ScenarioProblem[] {
  return problems.filter(({ member }) => member === path);
}

function problemsView(input: FormInput, path: string, label?: string): TemplateResult | typeof nothing {
  const found = problemsAt(input, path);
  const before = label === undefined ? nothing : html`<strong>${label}:</strong> `;
  return found.length === 0
    ? nothing
    : html`<span class="scenario-problem" id=${problemId(path)}>${found.map((problem) => html`<span>${before}${sentenceView(problem)}</span>`)}</span>`;
}

function problemId(path: string): string {
  return `problem-${path.replace(/[^a-z0-9]+/g, "-")}`;
}
