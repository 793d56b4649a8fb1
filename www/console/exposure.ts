/** Simulated annual losses by the reader's scenarios, seeded by the log's root. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type {
  Exposure,
  Figures,
  Overview,
  RiskReport,
  ScenarioProblem,
} from "@countersign/ui/overview/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import type { Report } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { complaintView, picker } from "../src/input/choose.ts";
import { path } from "../src/shell.ts";
import type { LoadedFile } from "./overview.ts";
import { proposalsView } from "./proposals.ts";
import { emptyScenario, exampleScenario } from "./scenarios/draft.ts";
import { type EditedScenario, unusedName } from "./scenarios/editor.ts";
import { problemView } from "./scenarios/problems.ts";
import { gather, type Observations, type Span, spanOf } from "./signals.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { failureView, table } from "./verified.ts";
import { amount } from "./words.ts";

/** Maximum number of scenario errors shown. */
const MAX_PROBLEMS = 50;
/** Verdicts for which no figures are shown. */
const UNUSABLE: readonly string[] = ["altered", "broken", "not_checked"];

/**
 * The tab "Exposure". Dispatches `choose-scenarios` (files), `remove-scenario` (a name), `edit-scenario` (an
 * `EditedScenario`), `save-scenario`, `close-scenario`, and `show-entry` (an entry index).
 */
export class ExposureTab extends View {
  static override properties = props(
    "session",
    "report",
    "overview",
    "rules",
    "description",
    "scenarios",
    "edited",
    "isKept",
    "complaint",
    "texts",
  );

  /** Session whose findings and endpoints are compared with the scenarios. */
  declare session: Session | undefined;
  declare report: Report | undefined;
  declare overview: (() => Promise<Overview>) | undefined;
  /** Rule pack for the findings. */
  declare rules: () => Promise<string>;
  /** Description of the API. */
  declare description: LoadedFile | undefined;
  declare scenarios: readonly LoadedFile[];
  /** The scenario being edited. */
  declare edited: EditedScenario | undefined;
  /** False if the browser doesn't store the scenarios. */
  declare isKept: boolean;
  /** Reason why a chosen file was rejected. */
  declare complaint: string;
  declare texts: ConsoleTexts | undefined;

  /** Result of the scenarios as written. */
  #written: Exposure | undefined;
  /** Result with the proposals that the reader tries. */
  #tried: Exposure | undefined;
  #trying: ReadonlySet<string> = new Set();
  /** Observations in the log at that root. */
  #observations: Observations | undefined;
  /** Reason why there are no observations. */
  #observationFailure: PlainError | undefined;
  /** Period of the events, if the reader stated one. */
  #stated: Span | undefined;
  #refused: readonly ScenarioProblem[] = [];
  #failure: PlainError | undefined;
  /** Root that seeded the simulation. A live log keeps growing in the meantime. */
  #root: string | undefined;
  #request = 0;

  constructor() {
    super();
    this.scenarios = [];
    this.isKept = true;
    this.complaint = "";
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = changed.has("scenarios") || changed.has("session") || changed.has("description");
    if (isOther || (changed.has("report") && this.#root === undefined)) this.#begin();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, report } = this;
    if (t === undefined || report === undefined) return nothing;
    if (UNUSABLE.includes(report.verdict)) return html`<p class="empty">${t.exposure.unfit}</p>`;
    return html`
      ${this.#scenariosView(t)}
      ${
        this.edited === undefined
          ? nothing
          : html`<cs-scenario .scenario=${this.edited} .files=${this.scenarios} .overview=${this.overview} .texts=${t}></cs-scenario>`
      }
      ${this.#outcome(report, t)}
    `;
  }

  /** Renders the reader's scenarios, and how to add one. */
  #scenariosView(t: ConsoleTexts): TemplateResult {
    const words = t.exposure;
    const isFirst = this.scenarios.length === 0;
    const edit = (edited: EditedScenario) => emit(this, "edit-scenario", edited);
    const example = () => {
      const content = exampleScenario(words.example, new Date().toISOString().slice(0, 10));
      // Another scenario may have been made from the example.
      content.id = unusedName(content.id, this.scenarios).replace(/\.yml$/, "");
      edit({ name: undefined, content });
    };
    return html`
      <section class="brought" aria-labelledby="scenarios-heading">
        <h3 id="scenarios-heading">${words.scenarios}</h3>
        <p class="help">${words.scenariosAbout}</p>
        ${this.isKept ? nothing : html`<p class="tone-doubt with-icon">${icon("warning")}<span>${words.notKept}</span></p>`}
        ${
          isFirst
            ? nothing
            : html`
              <ul class="chosen-list scenario-files">
                ${this.scenarios.map(
                  ({ name, text }) => html`
                    <li>${icon("file")}<span>${value(name)}</span>
                      <button type="button" class="quiet" @click=${() => edit({ name, content: text })}>${words.edit}<span class="sr"> ${name}</span></button>
                      <button type="button" class="quiet" @click=${() => save(name, text, "application/yaml")}>${words.export}<span class="sr"> ${name}</span></button>
                      <button type="button" class="quiet" @click=${() => emit(this, "remove-scenario", name)}>${words.remove}<span class="sr"> ${name}</span></button></li>`,
                )}
              </ul>`
        }
        <div class="buttons">
          <button type="button" class=${isFirst ? "primary" : nothing} name="new-scenario" @click=${() => edit({ name: undefined, content: emptyScenario() })}>${words.create}</button>
          <button type="button" name="example-scenario" @click=${example}>${words.exampleScenario}</button>
          ${picker(words.choose, "choose-scenarios", { multiple: true })}
        </div>
        ${complaintView(this.complaint)}
      </section>
    `;
  }

  #outcome(report: Report, t: ConsoleTexts): TemplateResult | typeof nothing {
    if (this.scenarios.length === 0) return nothing;
    if (this.#failure !== undefined) return failureView(this.#failure, t);
    if (this.#refused.length > 0) return refusedView(this.#refused, t);
    if (this.#written === undefined) return html`<p class="empty" aria-busy="true">${t.exposure.waiting}</p>`;
    const isNewer = report.log !== null && report.log.root !== this.#root;
    const { proposals } = t.exposure;
    return html`
      ${
        this.#tried === undefined
          ? nothing
          : html`
            <div class="behind"><span>${proposals.trying}</span>
              <button type="button" @click=${() => this.#try(new Set())}>${proposals.back}</button></div>`
      }
      ${
        isNewer
          ? html`
            <div class="behind"><span>${t.exposure.newer}</span>
              <button type="button" @click=${() => this.#begin()}>${t.exposure.again}</button></div>`
          : nothing
      }
      ${exposureView(this.#tried ?? this.#written, this.scenarios, this.#proposals(this.#written, t), t)}
    `;
  }

  #proposals(written: Exposure, t: ConsoleTexts): TemplateResult | typeof nothing {
    if (this.#observationFailure !== undefined) return failureView(this.#observationFailure, t);
    if (this.#observations === undefined) return nothing;
    return proposalsView(
      {
        written,
        isShort: written.short || (this.#stated ?? (this.report && spanOf(this.report))) === undefined,
        tried: this.#tried,
        trying: this.#trying,
        scenarios: this.scenarios,
        stated: this.#stated,
        turn: (scenario) => {
          const trying = new Set(this.#trying);
          if (!trying.delete(scenario)) trying.add(scenario);
          this.#try(trying);
        },
        state: (span) => {
          this.#stated = span;
          void this.#propose();
        },
        show: (entry) => emit(this, "show-entry", entry),
      },
      t,
    );
  }

  /** Simulates, then collects observations in the log and compares them with the scenarios. */
  #begin(): void {
    this.#request += 1;
    this.#written = undefined;
    this.#tried = undefined;
    this.#trying = new Set();
    this.#observations = undefined;
    this.#observationFailure = undefined;
    this.#refused = [];
    this.#failure = undefined;
    this.requestUpdate();
    const { report, scenarios } = this;
    if (report === undefined || scenarios.length === 0 || UNUSABLE.includes(report.verdict)) return;
    this.#root = report.log?.root;
    void this.#ask(scenarios, async (written) => {
      this.#written = written;
      this.requestUpdate();
      await this.#gather(report);
    });
  }

  /** Collects observations in the log, and compares them with the scenarios. */
  async #gather(report: Report): Promise<void> {
    const request = this.#request;
    const { session, overview, rules, description } = this;
    if (session === undefined || overview === undefined) return;
    try {
      const making = await overview();
      const gathered = await gather({
        session,
        report,
        overview: making,
        description: description?.text,
        rules,
      });
      if (request !== this.#request || gathered === undefined) return;
      this.#observations = gathered;
      await this.#propose();
    } catch (error) {
      if (request === this.#request) this.#observationFailure = plainError(error);
    }
  }

  #propose(): Promise<void> {
    this.#trying = new Set();
    this.#tried = undefined;
    return this.#ask(this.scenarios, (written) => {
      this.#written = written;
    });
  }

  #try(trying: ReadonlySet<string>): void {
    const written = this.#written?.report;
    this.#trying = trying;
    this.#tried = undefined;
    const applied = new Map(
      written?.proposed.map(({ scenario }, nth) => [scenario, this.#written?.applied[nth] ?? undefined]),
    );
    const scenarios = this.scenarios.map(({ name, text }, place) => {
      const id = written?.scenarios[place]?.id ?? "";
      return { name, text: (trying.has(id) ? applied.get(id) : undefined) ?? text };
    });
    if (trying.size === 0) {
      this.#request += 1;
      this.requestUpdate();
      return;
    }
    void this.#ask(scenarios, (tried) => {
      this.#tried = tried;
    });
  }

  /** Simulates scenarios together with the observations. Results of earlier calls are dropped. */
  async #ask(
    scenarios: readonly LoadedFile[],
    accept: (exposure: Exposure) => Promise<void> | void,
  ): Promise<void> {
    this.#request += 1;
    const request = this.#request;
    this.requestUpdate();
    const { report, overview } = this;
    if (report === undefined || overview === undefined) return;
    const { origin, log } = report;
    const span = this.#stated ?? spanOf(report);
    const signals = this.#observations && span && { ...this.#observations, ...span };
    try {
      const of = { origin, log: log && { size: log.size, root: log.root } };
      const outcome = await (await overview()).expose(scenarios, of, signals);
      if (request !== this.#request) return;
      if ("report" in outcome) await accept(outcome);
      else this.#refused = outcome;
    } catch (error) {
      if (request === this.#request) this.#failure = plainError(error);
    }
    this.requestUpdate();
  }
}

function refusedView(refused: readonly ScenarioProblem[], t: ConsoleTexts): TemplateResult {
  return html`
    <div class="refused tone-bad" role="alert">
      <p>${t.exposure.refused}</p>
      <ul>
        ${refused.slice(0, MAX_PROBLEMS).map((problem) => html`<li>${problemView(problem, true, t)}</li>`)}
      </ul>
    </div>
  `;
}

function exposureView(
  { report, svg, markdown }: Exposure,
  scenarios: readonly LoadedFile[],
  proposals: TemplateResult | typeof nothing,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.exposure;
  const { together, controls } = report;
  const of = figuresOf(report, t);
  const command = [
    "countersign risk",
    ...scenarios.map(({ name }) => path(name)),
    ...(report.log === null ? [] : ["--root", report.log.root]),
  ].join(" ");
  return html`
    <div class="exposure" data-exposure="shown">
      ${together === null ? nothing : html`<section><h3>${words.together(report.scenarios.length)}</h3>${of(together.figures, together.closed_form)}<p class="help">${words.independent}</p></section>`}
      <figure>
        <img alt=${words.chart} src=${`data:image/svg+xml,${encodeURIComponent(svg)}`} />
      </figure>
      ${report.scenarios.map(
        ({ title, figures, closed_form, inputs }) => html`
          <section>
            <h3>${value(title, 300)}</h3>
            ${of(figures, closed_form)}
            <details>
              <summary>${words.inputs}</summary>
              ${table(
                words.inputs,
                [words.input, words.low, words.mode, words.high, words.source, words.date],
                inputs.map(
                  (input) => html`
                    <tr>
                      <th scope="row">${words.names[input.of as "frequency"] ?? value(input.of)}</th>
                      <td>${amount(input.low, t)}</td><td>${amount(input.mode, t)}</td><td>${amount(input.high, t)}</td>
                      <td class="wraps">${value(input.source, 500)}</td><td>${value(input.date, 20)}</td>
                    </tr>`,
                ),
              )}
            </details>
          </section>`,
      )}
      ${proposals}
      ${controls.length === 0 ? nothing : controlsView(report, t)}
      <section>
        <h3>${words.recompute}</h3>
        <p>${report.log === null ? words.byNoLog : words.byLog} ${words.years(report.years)}</p>
        <pre class="command"><code>${value(command, 4000)}</code></pre>
        <ul class="endpoints">
          ${report.scenarios.map(({ id, digest }) => html`<li><span class="faint">${value(id, 100)}:</span> <code class="hash">${digest}</code></li>`)}
        </ul>
        <div class="buttons">
          <button type="button" @click=${() => save("exposure.md", markdown, "text/markdown")}>${words.saveText}</button>
          <button type="button" @click=${() => save("exposure.svg", svg, "image/svg+xml")}>${words.saveChart}</button>
        </div>
        <p class="help">${words.file}</p>
      </section>
    </div>
  `;
}

/** Renders the mean, quantiles, and exceedance of simulated losses. */
function figuresOf({ currency }: RiskReport, t: ConsoleTexts) {
  const words = t.exposure;
  return (figures: Figures, closedForm: number): TemplateResult => html`
    <p class="mean">
      <strong>${words.mean({ mean: amount(figures.mean, t), currency })}</strong>
      <span class="faint">± ${amount(figures.standard_error, t)}; ${words.formula(amount(closedForm, t))}</span>
    </p>
    <p>${words.without({ share: percent(figures.without_loss, t), most: amount(figures.most, t) })}</p>
    <div class="two-tables">
      ${table(
        words.quantiles,
        [words.quantiles, currency],
        figures.quantiles.map(
          ({ part, loss }) =>
            html`<tr><th scope="row">P${Math.round(part * 100)}</th><td>${amount(loss, t)}</td></tr>`,
        ),
      )}
      ${table(
        words.exceeded,
        [words.exceeded, currency],
        figures.exceedance.map(
          ({ probability, loss }) =>
            html`<tr><th scope="row">${percent(probability, t)}</th><td>${amount(loss, t)}</td></tr>`,
        ),
      )}
    </div>
  `;
}

function controlsView({ controls, currency }: RiskReport, t: ConsoleTexts): TemplateResult {
  const words = t.exposure;
  const at = (figures: Figures, part: number) =>
    amount(figures.quantiles.find((quantile) => quantile.part === part)?.loss ?? 0, t);
  return html`
    <section>
      <h3>${words.controls}</h3>
      <p class="help">${words.controlsAbout(currency)}</p>
      ${table(
        words.controls,
        [words.control, words.less, "±", words.meanWith, "P90", "P95", words.cost, words.net],
        controls.map(
          ({ id, title, figures, less, standard_error, cost }) => html`
            <tr>
              <th scope="row" class="wraps">${id === null ? words.all : value(title, 200)}</th>
              <td>${amount(less, t)}</td>
              <td>${amount(standard_error, t)}</td>
              <td>${amount(figures.mean, t)}</td>
              <td>${at(figures, 0.9)}</td>
              <td>${at(figures, 0.95)}</td>
              <td>${cost === null ? words.notSaid : amount(cost, t)}</td>
              <td>${cost === null ? words.notSaid : amount(less - cost, t)}</td>
            </tr>`,
        ),
      )}
    </section>
  `;
}

function percent(part: number, t: ConsoleTexts): string {
  return new Intl.NumberFormat(t.page.lang, { style: "percent", maximumFractionDigits: 1 }).format(part);
}

define("cs-exposure", ExposureTab);
