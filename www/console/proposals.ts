/**
 * Frequencies proposed from what was found in the log: the reader can try them on the figures, and save them.
 */

import type { Exposure, Figures, Proposed } from "@countersign/ui/overview/types.js";
import { unparsedShare } from "@countersign/ui/viewer/detection/coverage.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { LoadedFile } from "./overview.ts";
import type { Span } from "./signals.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";
import { amount } from "./words.ts";

/** Maximum number of kinds of observations listed. */
const MAX_KINDS = 20;

interface ProposalsInput {
  /** Figures of the scenarios as written. */
  readonly written: Exposure;
  /** True if the known period is too short to propose anything for a year. */
  readonly isShort: boolean;
  /** Figures with the tried proposals; undefined while there are none or a simulation runs. */
  readonly tried: Exposure | undefined;
  /** Scenarios whose proposals are tried. */
  readonly trying: ReadonlySet<string>;
  readonly scenarios: readonly LoadedFile[];
  /** Period of the events, if the reader stated one. */
  readonly stated: Span | undefined;
  readonly turn: (scenario: string) => void;
  readonly state: (span: Span | undefined) => void;
  readonly show: (entry: number) => void;
}

/** Renders the proposals, the findings and endpoints they are based on, and their effect on the figures. */
export function proposalsView(input: ProposalsInput, t: ConsoleTexts): TemplateResult {
  const { written, isShort, tried, trying } = input;
  const words = t.exposure.proposals;
  const { proposed } = written.report;
  return html`
    <section class="proposals" data-exposure="proposals">
      <h3>${words.heading}</h3>
      <p class="help wide-text">${words.about}</p>
      ${
        isShort
          ? html`<p class="tone-doubt with-icon">${icon("warning")}<span>${words.short}</span></p>`
          : proposed.length === 0
            ? html`<p class="empty">${words.none}</p>`
            : proposed.map((one, nth) => proposalView(one, written.applied[nth] ?? null, input, t))
      }
      ${spanView(input, t)}
      ${
        trying.size === 0
          ? nothing
          : html`
            <div data-exposure="effect" aria-busy=${tried === undefined}>
              <h4>${words.effect}</h4>
              ${tried === undefined ? html`<p class="empty">${t.exposure.waiting}</p>` : effectView(written, tried, t)}
            </div>`
      }
    </section>
  `;
}

function proposalView(
  proposed: Proposed,
  applied: string | null,
  { written, scenarios, trying, turn, show }: ProposalsInput,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.exposure.proposals;
  const { count } = t.viewer.figures;
  const { scenario, observed, what, from, to, years, complete, now, frequency, line } = proposed;
  const share = unparsedShare(proposed, t.viewer);
  const place = written.report.scenarios.findIndex(({ id }) => id === scenario);
  const name = scenarios[place]?.name ?? `${scenario}.yml`;
  const isTried = trying.has(scenario);
  return html`
    <article>
      <h4>${value(written.report.scenarios[place]?.title ?? scenario, 300)}</h4>
      <p>
        ${words.observed({ observed, from: from.slice(0, 10), to: to.slice(0, 10), years: amount(years, t) })}
        ${complete ? nothing : html`<span class="tone-doubt with-icon">${icon("warning")}<span>${words.others}</span></span>`}
        ${share === undefined ? nothing : html`<span class="tone-doubt with-icon">${icon("warning")}<span>${share}</span></span>`}
      </p>
      <ul class="endpoints">
        ${what.slice(0, MAX_KINDS).map(
          ({ title, times, entries }) => html`
            <li>${count(times)} × ${value(title, 300)}
              ${entries.map((entry) => html`<button type="button" class="quiet" @click=${() => show(entry)}>${t.inventory.entry} ${count(entry)}</button> `)}</li>`,
        )}
        ${what.length > MAX_KINDS ? html`<li class="faint">${words.kinds(what.length - MAX_KINDS)}</li>` : nothing}
      </ul>
      ${table(
        t.exposure.names.frequency,
        [t.exposure.names.frequency, t.exposure.low, t.exposure.mode, t.exposure.high],
        [[words.now, now] as const, [words.proposed, frequency] as const].map(
          ([of, { low, mode, high }]) => html`
            <tr><th scope="row">${of}</th><td>${amount(low, t)}</td><td>${amount(mode, t)}</td><td>${amount(high, t)}</td></tr>`,
        ),
      )}
      <p class="help wide-text">${words.method}</p>
      <p>${words.line}</p>
      <pre class="command"><code>${value(line, 1000)}</code></pre>
      ${
        applied === null
          ? html`<p class="help">${words.byHand}</p>`
          : html`
            <div class="buttons">
              <button type="button" class=${isTried ? nothing : "primary"} aria-pressed=${isTried} @click=${() => turn(scenario)}>${words.use}</button>
              <button type="button" @click=${() => save(name, applied, "application/yaml")}>${words.save}</button>
            </div>`
      }
    </article>
  `;
}

/** Renders the form for the period of the events, if it differs from that of recording. */
function spanView({ isShort, stated, state }: ProposalsInput, t: ConsoleTexts): TemplateResult {
  const words = t.exposure.proposals;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget as HTMLFormElement);
    const [from = "", to = ""] = ["from", "to"].map((name) => String(data.get(name)));
    const begins = (day: string) => `${day}T00:00:00.000Z`;
    state(
      from === "" || to === "" || from >= to
        ? undefined
        : { from: begins(from), to: begins(to), stated: true },
    );
  };
  return html`
    <details ?open=${isShort || stated !== undefined}>
      <summary>${words.span}</summary>
      <form class="dates" @submit=${submit}>
        <label>${words.from} <input type="date" name="from" .defaultValue=${stated?.from.slice(0, 10) ?? ""} /></label>
        <label>${words.to} <input type="date" name="to" .defaultValue=${stated?.to.slice(0, 10) ?? ""} /></label>
        <button type="submit">${words.propose}</button>
      </form>
      <p class="help">${words.spanAbout}</p>
    </details>
  `;
}

/** Renders both figures of all scenarios together. */
function effectView(written: Exposure, tried: Exposure, t: ConsoleTexts): TemplateResult {
  const words = t.exposure.proposals;
  const all = ({ report }: Exposure): Figures | undefined =>
    (report.together ?? report.scenarios[0])?.figures;
  const { mean = 0, quantiles = [] } = all(written) ?? {};
  const parts = quantiles.map(({ part }) => part);
  const row = (of: string, figures: Figures | undefined) => html`
    <tr>
      <th scope="row">${of}</th>
      <td>${amount(figures?.mean ?? mean, t)}</td>
      ${parts.map((part) => html`<td>${amount(figures?.quantiles.find((quantile) => quantile.part === part)?.loss ?? 0, t)}</td>`)}
    </tr>`;
  return table(
    words.effect,
    [written.report.currency, t.exposure.average, ...parts.map((part) => `P${Math.round(part * 100)}`)],
    [row(words.written, all(written)), row(words.tried, all(tried))],
  );
}
