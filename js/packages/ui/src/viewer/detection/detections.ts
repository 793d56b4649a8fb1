import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Finding, FindingsStatus, Level, Limit, Listed, RuleFound } from "../../analyze/types.js";
import { moment, type Zone } from "../parts/format.js";
import { icon, LEVEL_LOOKS, SEVERITY_LOOKS, STATE_LOOKS, stateView } from "../parts/icons.js";
import { save, stem } from "../parts/save.js";
import { said, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, given, own, TextView, wish } from "../view.js";
import { coverageView } from "./coverage.js";
import type { Detection, FindingsOfSearch } from "./detection.js";
import { OUTCOMES, outcomeView } from "./found-outcome.js";
import { Listing } from "./hearing.js";

/** So many findings are listed at first, and so many more each time. */
const LISTED = 10;
/** So many rules can be chosen at first: of more, the findings would stand far below. */
const RULES = 10;
/** So many of a group's values are shown. */
const VALUES = 3;

/**
 * What rules found among a session's events: how much was looked at, the findings, the most serious ones first, and
 * what was looked for.
 *
 * It wishes for `show-finding` ({ finding }).
 */
export class Detections extends TextView {
  static override properties = {
    ...given("detection", "level", "beside"),
    ...own("rule", "said", "isSaving", "showsAll"),
  };

  declare detection: Detection | undefined;
  /** Of what level its heading is; 3 where nobody says. */
  declare level: 2 | 3 | undefined;
  /** What whoever holds this says of the rules. */
  declare beside: unknown;

  declare private rule: string | undefined;
  private said = "";
  private isSaving = false;
  /** True if all findings are shown although a search selects events. */
  private showsAll = false;
  #most = LISTED;
  readonly #listing = new Listing(this, (answers) =>
    answers.list(0, this.#most, this.rule, this.#ofSearch !== undefined),
  );

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection")) {
      this.rule = undefined;
      this.#most = LISTED;
      this.said = "";
      this.showsAll = false;
      this.#listing.begin();
    }
  }

  /** The findings that concern the events of the search, if only those are shown. */
  get #ofSearch(): FindingsOfSearch | undefined {
    return this.showsAll ? undefined : this.detection?.ofSearch;
  }

  protected override render(): TemplateResult | typeof nothing {
    const { detection, texts } = this;
    if (detection === undefined) {
      return nothing;
    }
    const { found } = texts;
    return html`
      <section class="found" part="found" aria-labelledby="cs-found-heading">
        ${heading(this.level ?? 3, found.heading)}
        ${this.#content(detection, texts)}
        ${this.beside ?? nothing}
        <p class="sr" role="status">${this.said}</p>
      </section>
    `;
  }

  #content(detection: Detection, texts: Texts): TemplateResult {
    const { found } = texts;
    const { told, failure } = detection;
    if (failure !== undefined) {
      return html`
        <p>${stateView(STATE_LOOKS.fail, found.failed)}</p>
        <p>${said(failure.message, failure.phrases, texts, 1_000)}</p>
        ${failure.hint === undefined ? nothing : html`<p class="faint">${said(failure.hint, failure.phrases, texts, 1_000)}</p>`}
      `;
    }
    if (told === undefined) {
      return html`<p class="found-outcome" data-looks="waiting">${stateView(OUTCOMES.waiting, found.looking)}</p>`;
    }
    const { rules, findings } = this.#ofSearch ?? told;
    const { listed } = this.#listing;
    const shown = this.rule === undefined ? findings : (rules.find(({ rule }) => rule === this.rule)?.findings ?? 0);
    return html`
      ${outcomeView(detection, told, texts)}
      ${this.#scope(detection, told, texts)}
      ${rules.length > 1 ? this.#rules(rules, findings, texts) : nothing}
      ${
        listed.length === 0
          ? nothing
          : html`<ol class="found-list">${listed.map((one) => this.#finding(one, texts))}</ol>`
      }
      ${
        listed.length < shown && listed.length > 0
          ? html`<p class="actions"><button type="button" class="quiet" @click=${() => this.#show(this.#most + LISTED, this.rule)}>${found.more(texts.figures.count(shown - listed.length))}</button></p>`
          : nothing
      }
      ${
        // While events are still being looked at, a rule that can't look at any of them may yet get some that it can.
        detection.isFinal || detection.session.phase === "live"
          ? coverageView(told.coverage, detection.isFinal, texts)
          : nothing
      }
      ${this.#about(detection, told, texts)}
    `;
  }

  /** Which of the findings concern the events of the search, and a way to the others. */
  #scope(
    { ofSearch, isFinal }: Detection,
    { findings }: FindingsStatus,
    { found, figures }: Texts,
  ): TemplateResult | typeof nothing {
    if (ofSearch === undefined) {
      return nothing;
    }
    const some = figures.count(ofSearch.findings);
    const words = (isFinal ? found.ofSearch : found.ofSearchSoFar)(some, figures.findings(findings));
    return html`
      <div class="found-scope" data-scope=${this.showsAll ? "all" : "search"}>
        <p role="status" aria-busy=${!isFinal}>${icon("filter")}<span>${words} <code dir="ltr">${value(ofSearch.query, 200)}</code></span></p>
        <button type="button" class="quiet" @click=${() => this.#turnScope()}>${this.showsAll ? found.showOfSearch : found.showAll}</button>
      </div>
    `;
  }

  #turnScope(): void {
    this.showsAll = !this.showsAll;
    this.#show(LISTED, undefined);
  }

  #rules(rules: readonly RuleFound[], all: number, { found, figures }: Texts): TemplateResult {
    const choice = (rule: string | undefined, name: unknown, count: number, level?: Level) => html`
      <button type="button" class="chip" aria-pressed=${this.rule === rule} @click=${() => this.#show(LISTED, rule)}>
        ${level === undefined ? nothing : levelIcon(level)}<bdi>${name}</bdi> <span class="faint">${figures.count(count)}</span>
      </button>
    `;
    const choices = (some: readonly RuleFound[]) =>
      some.map(({ rule, title, level, findings }) => choice(rule, value(title, 80), findings, level));
    const others = rules.slice(RULES);
    return html`
      <div class="found-rules" role="group" aria-label=${found.byRule}>
        ${choice(undefined, found.allRules, all)}
        ${choices(rules.slice(0, RULES))}
        ${
          others.length === 0
            ? nothing
            : html`
              <details>
                <summary>${found.moreRules(figures.count(others.length))}</summary>
                <div class="found-rules">${choices(others)}</div>
              </details>`
        }
      </div>
    `;
  }

  #finding({ finding, entries }: Listed, texts: Texts): TemplateResult {
    const { found } = texts;
    const { level, title } = finding;
    return html`
      <li>
        <button type="button" class="found-one" data-level=${level} @click=${() => this.dispatchEvent(wish("show-finding", { finding }))}>
          <span class="found-level">${levelView(level, texts)}</span>
          <span class="found-title">${value(title, 200)}</span>
          <span class="found-who">${who(finding)}</span>
          <span class="found-when faint">${span(finding, this.zone)}</span>
          <span class="found-entries faint">${found.entries(entries)}</span>
        </button>
      </li>
    `;
  }

  #about(detection: Detection, { pack, events, limits, future }: FindingsStatus, texts: Texts): TemplateResult {
    const { found, figures } = texts;
    return html`
      ${future === null ? nothing : html`<p class="found-limit">${stateView(SEVERITY_LOOKS.warning, found.future(figures.events(future.number), figures.count(future.first_entry)))}</p>`}
      ${limits.map((limit) => html`<p class="found-limit">${stateView(SEVERITY_LOOKS.warning, limited(limit, texts))}</p>`)}
      <details class="found-about">
        <summary>${found.about}</summary>
        <p class="faint">${found.meaning}</p>
        <dl class="facts">
          <div><dt>${found.pack}</dt><dd>${value(pack.version === "" ? pack.name : `${pack.name} ${pack.version}`, 200)}</dd></div>
          <div><dt>${found.rules}</dt><dd>${figures.count(pack.rules)}</dd></div>
          <div><dt>${found.events}</dt><dd>${figures.count(events)}</dd></div>
          <div class="wide"><dt>${found.hash}</dt><dd><code>${pack.hash}</code></dd></div>
        </dl>
        ${
          detection.isFinal
            ? html`
              <p class="actions">
                <button type="button" aria-disabled=${this.isSaving} @click=${() => void this.#save(detection, texts)}>${icon("save")} ${found.save}</button>
                <small class="faint">${found.saveAbout}</small>
              </p>`
            : nothing
        }
      </details>
    `;
  }

  /** Lists so many findings, of one rule or of all. */
  #show(most: number, rule: string | undefined): void {
    this.#most = most;
    this.rule = rule;
    void this.#listing.ask();
  }

  async #save({ answers, session }: Detection, { found }: Texts): Promise<void> {
    if (answers === undefined || this.isSaving) {
      return;
    }
    this.isSaving = true;
    try {
      const name = `${stem(session.name ?? "")}.findings.json`;
      save(name, await answers.document());
      this.said = found.saved(name);
    } catch {
      this.said = found.unsaved;
    }
    this.isSaving = false;
  }
}

function heading(level: 2 | 3, text: string): TemplateResult {
  return level === 2
    ? html`<h2 id="cs-found-heading" tabindex="-1">${text}</h2>`
    : html`<h3 id="cs-found-heading" tabindex="-1">${text}</h3>`;
}

function limited({ title, groups, hits, findings }: Limit, { found, figures }: Texts): unknown {
  const parts = [
    groups && found.groupsLeft(figures.count(groups.number), figures.count(groups.first_entry)),
    hits && found.hitsLeft(figures.count(hits.number), figures.count(hits.first_entry)),
    findings > 0 ? found.findingsLeft(figures.count(findings)) : null,
  ];
  return html`<span>${value(title, 200)}: ${parts.filter((part) => part !== null).join(" ")}</span>`;
}

/** How serious a finding is, in a word. */
export function levelView(level: Level, { found }: Texts): TemplateResult {
  return stateView(LEVEL_LOOKS[level], found.levels[level]);
}

function levelIcon(level: Level): TemplateResult {
  const { tone, icon: drawing } = LEVEL_LOOKS[level];
  return html`<span class="tone-${tone}">${icon(drawing)}</span>`;
}

/** Whom it is about: the group's values. */
export function who({ group, reasons }: Finding): unknown {
  const values = Object.values(group);
  const matched = reasons.filter(({ field }) => field !== "parsed.as").map(({ value }) => value);
  const told = values.length > 0 ? values : matched;
  return told.slice(0, VALUES).map((one, place) => html`${place > 0 ? ", " : nothing}${value(one, 80)}`);
}

/** When it was. */
export function span({ first, last }: Pick<Finding, "first" | "last">, zone: Zone): TemplateResult {
  const time = (at: string) => html`<time datetime=${at}>${moment(at, zone)}</time>`;
  return first === last ? time(first) : html`${time(first)} – ${time(last)}`;
}

define("cs-detections", Detections);
