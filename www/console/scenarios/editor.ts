/** The form for a scenario, which the core checks before it is used. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Exposure, Overview, ScenarioProblem } from "@countersign/ui/overview/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import type { LoadedFile } from "../overview.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { failureView } from "../verified.ts";
import { draftOf, fieldPaths, type ScenarioDraft } from "./draft.ts";
import { formView } from "./form.ts";
import { problemView } from "./problems.ts";
import { scenarioText } from "./yaml.ts";

/** A scenario being edited. Its owner keeps it while the reader looks at other sections. */
export interface EditedScenario {
  /** Name of the file that it replaces; undefined for a new one. */
  readonly name: string | undefined;
  /** Content of the form, or else the text of the file. Changed in place. */
  content: ScenarioDraft | string;
}

/** A scenario that the core accepted. */
export interface SavedScenario {
  readonly replaces: string | undefined;
  readonly file: LoadedFile;
}

/** Dispatches `save-scenario` (a `SavedScenario`) and `close-scenario`. */
export class ScenarioEditor extends View {
  static override properties = props("scenario", "files", "overview", "texts");

  declare scenario: EditedScenario | undefined;
  /** All scenarios of the reader. */
  declare files: readonly LoadedFile[];
  declare overview: (() => Promise<Overview>) | undefined;
  declare texts: ConsoleTexts | undefined;

  #problems: readonly ScenarioProblem[] = [];
  #failure: PlainError | undefined;
  #isChecking = false;

  constructor() {
    super();
    this.files = [];
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("scenario")) this.#open();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, scenario } = this;
    if (t === undefined || scenario === undefined) return nothing;
    const words = t.exposure.editor;
    const { name, content } = scenario;
    const isText = typeof content === "string";
    return html`
      <section class="scenario-editor" aria-labelledby="scenario-heading" aria-busy=${this.#isChecking}>
        <h3 id="scenario-heading" tabindex="-1">${name === undefined ? words.new : html`${words.edit} ${value(name, 200)}`}</h3>
        ${this.#failure === undefined ? nothing : failureView(this.#failure, t)}
        ${this.#problemsView(content, t)}
        ${isText ? this.#textView(scenario, content, t) : this.#formView(content, t)}
        <div class="buttons">
          <button type="button" class="primary" name="save" aria-disabled=${this.#isChecking} @click=${() => void this.#save()}>${words.save}</button>
          <button type="button" name="cancel" @click=${() => emit(this, "close-scenario", undefined)}>${words.cancel}</button>
          <button type="button" class="quiet" name="turn" aria-disabled=${this.#isChecking} @click=${() => void this.#turn()}>${isText ? words.toForm : words.toText}</button>
        </div>
      </section>
    `;
  }

  #formView(draft: ScenarioDraft, t: ConsoleTexts): TemplateResult {
    return formView(
      {
        draft,
        problems: this.#problems,
        changed: () => this.requestUpdate(),
        removed: () => this.#show([]),
      },
      t,
    );
  }

  #textView(scenario: EditedScenario, text: string, t: ConsoleTexts): TemplateResult {
    const words = t.exposure.editor;
    return html`
      <label class="scenario-text">
        <span>${words.text}</span>
        <textarea
          name="text"
          rows="24"
          spellcheck="false"
          autocomplete="off"
          autocapitalize="off"
          dir="ltr"
          aria-invalid=${this.#problems.length > 0 ? "true" : nothing}
          aria-describedby=${this.#problems.length > 0 ? "scenario-problems" : nothing}
          .value=${live(text)}
          @input=${({ target }: Event) => (scenario.content = (target as HTMLTextAreaElement).value)}
        ></textarea>
      </label>
    `;
  }

  /** Renders the problems, except those that the form shows beside their fields. */
  #problemsView(content: EditedScenario["content"], t: ConsoleTexts): TemplateResult {
    const words = t.exposure.editor;
    const isText = typeof content === "string";
    const shown = isText ? new Set<string>() : fieldPaths(content);
    const here = this.#problems.filter(({ member }) => !shown.has(member));
    const count = this.#problems.length;
    return html`
      <div id="scenario-problems" role="alert">
        ${
          count === 0
            ? nothing
            : html`
              <div class="refused tone-bad">
                <p class="refused-title">${icon("fail")}${words.problems(count)}</p>
                ${here.length === 0 ? nothing : html`<ul>${here.map((problem) => html`<li>${problemView(problem, isText, t)}</li>`)}</ul>`}
              </div>`
        }
      </div>
    `;
  }

  #open(): void {
    this.#problems = [];
    this.#failure = undefined;
    // The form shows a file as the core reads it.
    if (typeof this.scenario?.content === "string") void this.#turn();
    void this.updateComplete.then(() => {
      const heading = this.querySelector<HTMLElement>("#scenario-heading");
      heading?.focus({ preventScroll: true });
      heading?.scrollIntoView({ block: "start" });
    });
  }

  /** Switches between the form and the text. */
  async #turn(): Promise<void> {
    const { scenario } = this;
    if (this.#isChecking || scenario === undefined) return;
    if (typeof scenario.content === "string") {
      const parsed = await this.#check(scenario.content);
      if (parsed !== undefined) scenario.content = parsed;
    } else {
      scenario.content = scenarioText(scenario.content);
      this.#problems = [];
    }
    this.requestUpdate();
  }

  async #save(): Promise<void> {
    const { scenario } = this;
    if (this.#isChecking || scenario === undefined) return;
    const { name: replaces, content } = scenario;
    const text = typeof content === "string" ? content : scenarioText(content);
    const parsed = await this.#check(text);
    if (parsed === undefined || !(await this.#checkWithOthers(text))) {
      await this.updateComplete;
      this.querySelector<HTMLElement>(
        "input[aria-invalid], select[aria-invalid], textarea[aria-invalid]",
      )?.focus();
      return;
    }
    const name = replaces ?? unusedName(parsed.id, this.files);
    emit<SavedScenario>(this, "save-scenario", { replaces, file: { name, text } });
  }

  /** Has the core check a scenario. Returns what it read; undefined if it found problems, which are shown. */
  async #check(text: string): Promise<ScenarioDraft | undefined> {
    const outcome = await this.#ask([{ name: this.scenario?.name ?? "", text }]);
    if (outcome === undefined) return undefined;
    this.#show("report" in outcome ? [] : outcome);
    const parsed = "report" in outcome ? outcome.report.scenarios[0] : undefined;
    return parsed && draftOf(parsed);
  }

  /** Checks that a valid scenario can be evaluated with the others: with the same currency, and an id of its own. */
  async #checkWithOthers(text: string): Promise<boolean> {
    const others = this.files.filter(({ name }) => name !== this.scenario?.name);
    if (others.length === 0) return true;
    const outcome = await this.#ask([...others, { name: "", text }]);
    if (outcome === undefined) return false;
    // Problems of other files are shown with the figures.
    this.#show("report" in outcome ? [] : outcome.filter(({ file }) => file === ""));
    return this.#problems.length === 0;
  }

  #show(problems: readonly ScenarioProblem[]): void {
    this.#problems = problems;
    this.requestUpdate();
  }

  async #ask(files: readonly LoadedFile[]): ReturnType<typeof expose> {
    const { scenario, overview } = this;
    if (overview === undefined) return undefined;
    this.#isChecking = true;
    this.#failure = undefined;
    this.requestUpdate();
    try {
      const outcome = await expose(overview, files);
      return scenario === this.scenario ? outcome : undefined;
    } catch (error) {
      this.#failure = plainError(error);
      return undefined;
    } finally {
      this.#isChecking = false;
      this.requestUpdate();
    }
  }
}

/** Evaluates scenarios apart from any log. */
async function expose(
  overview: () => Promise<Overview>,
  files: readonly LoadedFile[],
): Promise<Exposure | readonly ScenarioProblem[] | undefined> {
  return await (await overview()).expose(files, { origin: null, log: null });
}

/** Returns a file name for an id that no other file has. */
export function unusedName(id: string, files: readonly Pick<LoadedFile, "name">[]): string {
  const used = new Set(files.map(({ name }) => name));
  for (let nth = 1; ; nth += 1) {
    const name = nth === 1 ? `${id}.yml` : `${id}-${nth}.yml`;
    if (!used.has(name)) return name;
  }
}

define("cs-scenario", ScenarioEditor);
