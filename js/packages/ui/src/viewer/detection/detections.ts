import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { FindingGroups, FindingsStatus, Level, Limit, RuleFindings } from "../../analyze/types.js";
import { icon, LEVEL_LOOKS, SEVERITY_LOOKS, STATE_LOOKS, stateView } from "../parts/icons.js";
import { save, stem } from "../parts/save.js";
import { sentenceView, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, internal, props, TextView } from "../view.js";
import { coverageView } from "./coverage.js";
import type { Detection, FindingsOfSearch } from "./detection.js";
import { FindingAnswers } from "./detection-subscription.js";
import { keyOf } from "./finding-group.js";
import { OUTCOMES, outcomeView } from "./outcome.js";

/** Number of groups listed at first, and added each time. */
const PAGE_SIZE = 20;
/** Number of rules offered at first. With more, the findings would be far below. */
const MAX_RULES = 10;

/**
 * Findings among a session's events, grouped by rule and subject, most serious first, with the events examined and the
 * rules used. Dispatches `show-finding` ({ finding }).
 */
export class Detections extends TextView {
  static override properties = {
    ...props("detection", "level", "beside"),
    ...internal("rule", "message", "isSaving", "showsAll"),
  };

  declare detection: Detection | undefined;
  /** Level of the heading. Default: 3. */
  declare level: 2 | 3 | undefined;
  /** Content about the rules, from the owner. */
  declare beside: unknown;

  declare private rule: string | undefined;
  private message = "";
  private isSaving = false;
  /** True if all findings are shown although a search selects events. */
  private showsAll = false;
  #max = PAGE_SIZE;
  readonly #groups = new FindingAnswers<FindingGroups>(this, { total: 0, groups: [] }, ({ groups }) =>
    groups(this.#max, this.rule, this.#ofSearch !== undefined),
  );

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection")) {
      this.rule = undefined;
      this.#max = PAGE_SIZE;
      this.message = "";
      this.showsAll = false;
      this.#groups.begin();
    }
  }

  /** Findings about the events of the search, if only those are shown. */
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
        <p class="sr" role="status">${this.message}</p>
      </section>
    `;
  }

  #content(detection: Detection, texts: Texts): TemplateResult {
    const { found } = texts;
    const { status, failure } = detection;
    if (failure !== undefined) {
      return html`
        <p>${stateView(STATE_LOOKS.fail, found.failed)}</p>
        <p>${sentenceView(failure.message, failure.phrases, texts, 1_000)}</p>
        ${failure.hint === undefined ? nothing : html`<p class="faint">${sentenceView(failure.hint, failure.phrases, texts, 1_000)}</p>`}
      `;
    }
    if (status === undefined) {
      return html`<p class="found-outcome" data-looks="waiting">${stateView(OUTCOMES.waiting, found.looking)}</p>`;
    }
    const { rules, findings } = this.#ofSearch ?? status;
    const { groups, total } = this.#groups.last;
    return html`
      ${outcomeView(detection, status, texts)}
      ${progressView(detection, status, texts)}
      ${this.#scope(detection, status, texts)}
      ${rules.length > 1 ? this.#rules(rules, findings, texts) : nothing}
      ${
        groups.length === 0
          ? nothing
          : html`<ol class="found-list">${repeat(groups, keyOf, (group) => html`<li><cs-found-group .detection=${detection} .group=${group} .isSelected=${this.#ofSearch !== undefined} .zone=${this.zone} .texts=${texts}></cs-found-group></li>`)}</ol>`
      }
      ${
        groups.length < total && groups.length > 0
          ? html`<p class="actions"><button type="button" class="quiet" @click=${() => this.#show(this.#max + PAGE_SIZE, this.rule)}>${found.more(texts.figures.count(total - groups.length))}</button></p>`
          : nothing
      }
      ${
        // Until all events are examined, a rule may still get events that it can examine.
        detection.isFinal || detection.session.phase === "live"
          ? coverageView(status.coverage, detection.isFinal, texts, unverifiedOf(detection))
          : nothing
      }
      ${this.#about(detection, status, texts)}
    `;
  }

  /** Renders how many findings are about the events of the search, and a button for the others. */
  #scope(
    { ofSearch, isFinal }: Detection,
    { findings }: FindingsStatus,
    { found, figures }: Texts,
  ): TemplateResult | typeof nothing {
    if (ofSearch === undefined) {
      return nothing;
    }
    const some = figures.count(ofSearch.findings);
    const isNone = isFinal && ofSearch.findings === 0 && findings > 0;
    const words = isNone
      ? found.noneOfSearch(findings)
      : (isFinal ? found.ofSearch : found.ofSearchSoFar)({ some, findings: figures.findings(findings) });
    const others = isNone ? found.showOthers(findings) : found.showAll;
    return html`
      <div class="found-scope" data-scope=${this.showsAll ? "all" : "search"}>
        <p role="status" aria-busy=${!isFinal}>${icon("filter")}<span>${words} <code dir="ltr">${value(ofSearch.query, 200)}</code></span></p>
        <button type="button" class="quiet" @click=${() => this.#toggleScope()}>${this.showsAll ? found.showOfSearch : others}</button>
      </div>
    `;
  }

  #toggleScope(): void {
    this.showsAll = !this.showsAll;
    this.#show(PAGE_SIZE, undefined);
  }

  #rules(rules: readonly RuleFindings[], all: number, { found, figures }: Texts): TemplateResult {
    const choice = (rule: string | undefined, name: unknown, count: number, level?: Level) => html`
      <button type="button" class="chip" aria-pressed=${this.rule === rule} @click=${() => this.#show(PAGE_SIZE, rule)}>
        ${level === undefined ? nothing : levelIcon(level)}<bdi>${name}</bdi> <span class="faint">${figures.count(count)}</span>
      </button>
    `;
    const choices = (some: readonly RuleFindings[]) =>
      some.map(({ rule, title, level, findings }) => choice(rule, value(title, 80), findings, level));
    const others = rules.slice(MAX_RULES);
    return html`
      <div class="found-rules" role="group" aria-label=${found.byRule}>
        ${choice(undefined, found.allRules, all)}
        ${choices(rules.slice(0, MAX_RULES))}
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

  #about(detection: Detection, { pack, events, limits, future }: FindingsStatus, texts: Texts): TemplateResult {
    const { found, figures } = texts;
    return html`
      ${future === null ? nothing : html`<p class="found-limit">${stateView(SEVERITY_LOOKS.warning, found.future({ events: figures.events(future.number), entry: figures.count(future.first_entry) }))}</p>`}
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

  /** Lists at most `max` groups of findings, of one rule or all. */
  #show(max: number, rule: string | undefined): void {
    this.#max = max;
    this.rule = rule;
    void this.#groups.ask();
  }

  async #save({ answers, session }: Detection, { found }: Texts): Promise<void> {
    if (answers === undefined || this.isSaving) {
      return;
    }
    this.isSaving = true;
    try {
      const name = `${stem(session.name ?? "")}.findings.json`;
      save(name, await answers.document());
      this.message = found.saved(name);
    } catch {
      this.message = found.unsaved;
    }
    this.isSaving = false;
  }
}

/** Renders how many of the events the rules have examined, until they have examined all. */
function progressView(
  { session, isFinal }: Detection,
  { events }: FindingsStatus,
  { found }: Texts,
): TemplateResult | typeof nothing {
  const all = session.verification?.report.counts.events ?? 0;
  return isFinal || session.phase === "live" || all === 0
    ? nothing
    : html`<progress max=${all} .value=${Math.min(events, all)} aria-label=${found.looking}></progress>`;
}

function heading(level: 2 | 3, text: string): TemplateResult {
  return level === 2
    ? html`<h2 id="cs-found-heading" tabindex="-1">${text}</h2>`
    : html`<h3 id="cs-found-heading" tabindex="-1">${text}</h3>`;
}

function limited({ title, groups, hits, findings }: Limit, { found, figures }: Texts): unknown {
  const parts = [
    groups && found.groupsLeft({ count: figures.count(groups.number), entry: figures.count(groups.first_entry) }),
    hits && found.hitsLeft({ count: figures.count(hits.number), entry: figures.count(hits.first_entry) }),
    findings > 0 ? found.findingsLeft(figures.count(findings)) : null,
  ];
  return html`<span>${value(title, 200)}: ${parts.filter((part) => part !== null).join(" ")}</span>`;
}

function levelIcon(level: Level): TemplateResult {
  const { tone, icon: drawing } = LEVEL_LOOKS[level];
  return html`<span class="tone-${tone}">${icon(drawing)}</span>`;
}

define("cs-detections", Detections);

/** Returns the number of events that rules don't examine because they don't verify. */
function unverifiedOf({ isFinal, session, status }: Detection): number {
  const counts = session.verification?.report.counts;
  return isFinal && counts !== undefined && status !== undefined ? Math.max(0, counts.events - status.events) : 0;
}
