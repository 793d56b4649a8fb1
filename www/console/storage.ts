import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { type Health, isOfRootLog, isUnheard, type LogProblem, parseHealth } from "./health.ts";
import { failureOf, type Log, type RequestFailure } from "./log.ts";
import { figure, figuresBy, type Metrics, parseMetrics } from "./metrics.ts";
import { keptView } from "./storage-facts.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";
import { fact, refusalView } from "./words.ts";

/** Maximum number of metrics listed per kind. */
const MAX_LISTED = 20;

/** State of the log's operation. */
export interface Storage {
  readonly health: Health | undefined;
  /** True if the response wasn't understood. */
  readonly isOdd: boolean;
  readonly metrics: Metrics | undefined;
  readonly refusal: RequestFailure | undefined;
  /** Time of the response. */
  readonly at: Date | undefined;
  readonly isAsking: boolean;
}

export const NO_STORAGE: Storage = {
  health: undefined,
  isOdd: false,
  metrics: undefined,
  refusal: undefined,
  at: undefined,
  isAsking: false,
};

/**
 * Requests the log's health and metrics. A proxy may block either of them. A tenant log has neither: they are about all
 * logs of the server. A root log has them for administrators.
 */
export async function askStorage(log: Log): Promise<Storage> {
  if (log.isTenant) return NO_STORAGE;
  const health = await log.text("healthz").catch(failureOf);
  log.hasTenants ||= "text" in health && isOfRootLog(health.text);
  if (log.hasTenants && log.token === "") return NO_STORAGE;
  const metrics = await log.text("metrics").catch(failureOf);
  const read = "text" in health ? parseHealth(health.text) : undefined;
  return {
    health: read,
    isOdd: "text" in health && read === undefined && !log.hasTenants,
    metrics: "text" in metrics ? parseMetrics(metrics.text) : undefined,
    refusal: [health, metrics].find((answer) => "why" in answer),
    at: "text" in health || "text" in metrics ? new Date() : undefined,
    isAsking: false,
  };
}

/** Renders what the log reports about itself. */
export function storageTab(storage: Storage, refresh: () => void, t: ConsoleTexts): TemplateResult {
  const { health, isOdd, metrics, refusal, at, isAsking } = storage;
  const words = t.storage;
  return html`
    <p class="word tone-doubt">${icon("warning")}<span><strong>${words.word}.</strong> ${words.about}</span></p>
    <div class="buttons">
      <button type="button" ?disabled=${isAsking} @click=${refresh}>${words.refresh}</button>
      ${at === undefined ? nothing : html`<p class="help">${words.asked} ${moment(at)}</p>`}
    </div>
    ${refusal === undefined ? nothing : refusalView(refusal, t)}
    ${health === undefined && !isOdd ? nothing : healthView(health, t)}
    ${health === undefined ? nothing : keptView(health, t)}
    ${metrics === undefined ? nothing : metricsView(metrics, t)}
  `;
}

function healthView(health: Health | undefined, t: ConsoleTexts): TemplateResult {
  const words = t.storage;
  const { count } = t.viewer.figures;
  return html`
    <section aria-labelledby="health-heading">
      <h3 id="health-heading">${words.health}</h3>
      ${
        health === undefined
          ? html`<p class="empty">${words.unreadable}</p>`
          : html`
            <p class="state tone-${health.healthy ? "good" : "bad"}" data-healthy=${health.healthy}>${icon(health.healthy ? "pass" : "fail")}${health.healthy ? words.healthy : words.unhealthy}</p>
            ${problemsView(health, t)}
            <dl class="facts">
              ${health.origin === undefined ? nothing : fact(words.origin, value(health.origin))}
              ${fact(words.size, health.size === undefined ? words.unknown : count(health.size))}
              ${fact(words.published, health.published === undefined ? words.unknown : count(health.published.size))}
              ${
                health.size === undefined || health.published === undefined
                  ? nothing
                  : fact(words.waiting, count(Math.max(0, health.size - health.published.size)))
              }
              ${fact(words.publishedAt, health.published === undefined ? words.unknown : moment(health.published.at))}
              ${fact(words.witnessed, isUnheard(health) ? words.noWitness : yesOrNo(health.published?.witnessed, t))}
              ${isUnheard(health) && health.clock.state === "unknown" ? nothing : fact(words.clock, clockWords(health, t))}
              ${fact(words.unfinished, health.erasures.unfinished === undefined ? words.unknown : count(health.erasures.unfinished))}
            </dl>`
      }
    </section>
  `;
}

/** Renders each problem. */
function problemsView(health: Health, t: ConsoleTexts): TemplateResult | typeof nothing {
  const problemView = ({ part, code, message, hint, isCritical }: LogProblem) => html`
    <li class="tone-${isCritical ? "bad" : "doubt"}" data-problem=${code}>${icon(isCritical ? "fail" : "warning")}<span>
      ${t.storage.parts[part]}
      <span class="help">${t.refusals.says} <span lang="en">${value(message, 1000)}${hint === undefined ? nothing : html` (${value(hint, 1000)})`}</span>
      <code>${value(code, 100)}</code></span>
    </span></li>`;
  return health.problems.length === 0
    ? nothing
    : html`<ul class="chosen-list">${health.problems.map(problemView)}</ul>`;
}

function clockWords({ clock: { state, skew } }: Health, t: ConsoleTexts): string {
  const seconds = skew === undefined || skew === 0 ? "" : ` (${skew > 0 ? "+" : ""}${numeral(skew, t)} s)`;
  return `${t.storage.clocks[state]}${seconds}`;
}

function metricsView(metrics: Metrics, t: ConsoleTexts): TemplateResult {
  const words = t.storage;
  const shown = (name: string, label: string) => {
    const number = figure(metrics, name);
    return number === undefined ? nothing : fact(label, numeral(number, t));
  };
  const [sum, commits] = [
    figure(metrics, "countersign_commit_seconds_sum"),
    figure(metrics, "countersign_commit_seconds_count"),
  ];
  return html`
    <section aria-labelledby="metrics-heading">
      <h3 id="metrics-heading">${words.since}</h3>
      <dl class="facts">
        ${shown("countersign_entries_total", words.taken)}
        ${shown("countersign_commits_total", words.commits)}
        ${shown("countersign_commits_failed_total", words.failed)}
        ${sum === undefined || !commits ? nothing : fact(words.commit, `${numeral((sum / commits) * 1000, t)} ms`)}
        ${shown("countersign_events_erased_total", words.erased)}
        ${by(words.submissions, figuresBy(metrics, "countersign_submissions_total", "outcome"), t)}
        ${by(words.witnessFailures, figuresBy(metrics, "countersign_witness_failures_total", "witness"), t)}
      </dl>
      ${metrics.ignored > 0 ? html`<p class="help">${words.ignored(metrics.ignored)}</p>` : nothing}
      ${metrics.metrics.length === 0 ? html`<p class="empty">${words.noMetrics}</p>` : nothing}
      <details class="all-figures">
        <summary>${words.all}</summary>
        ${table(
          words.all,
          [words.name, words.labels, words.value],
          metrics.metrics.flatMap(({ samples, help }) =>
            samples.map(
              ({ name, labels, value: number }) => html`
                <tr>
                  <th scope="row" title=${help}>${value(name)}</th>
                  <td>${labels.map(([label, is], place) => html`${place > 0 ? ", " : nothing}${value(label)} = ${value(is)}`)}</td>
                  <td class="number">${exactly(number, t)}</td>
                </tr>`,
            ),
          ),
        )}
      </details>
    </section>
  `;
}

function by(
  label: string,
  figures: readonly (readonly [string, number])[],
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  const counted = figures.filter(([, number]) => number !== 0);
  if (counted.length === 0) return nothing;
  const more = counted.length - MAX_LISTED;
  return fact(
    label,
    html`${counted
      .slice(0, MAX_LISTED)
      .map(
        ([name, number], place) => html`${place > 0 ? ", " : nothing}${value(name)} ${numeral(number, t)}`,
      )}${more > 0 ? html` <span class="faint">(${t.keys.more(more)})</span>` : nothing}`,
  );
}

function numeral(number: number, t: ConsoleTexts): string {
  if (!Number.isFinite(number)) return String(number);
  return Number.isSafeInteger(number)
    ? t.viewer.figures.count(number)
    : new Intl.NumberFormat(t.page.lang, { maximumSignificantDigits: 3 }).format(number);
}

/** Formats the log's own number exactly, with the language's separators. */
function exactly(number: number, t: ConsoleTexts): string {
  if (!Number.isFinite(number)) return String(number);
  return new Intl.NumberFormat(t.page.lang, { maximumFractionDigits: 9 }).format(number);
}

function yesOrNo(is: boolean | undefined, t: ConsoleTexts): string {
  if (is === undefined) return t.storage.unknown;
  return is ? t.storage.yes : t.storage.no;
}
