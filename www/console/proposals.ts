/** How often something happens, by what was found in the log: proposed, tried on the figures here, and saved by whoever agrees. */

import type { Exposure, Figures, Proposed } from "@countersign/ui/overview/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { Brought } from "./overview.ts";
import type { Span } from "./signals.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";
import { amount } from "./words.ts";

/** So many kinds of what was observed are listed. */
const KINDS = 20;

interface Drawn {
  /** The figures by the scenarios as they were written. */
  readonly written: Exposure;
  /** Whether too little time is known to propose anything for a year. */
  readonly isShort: boolean;
  /** The same with what is tried; undefined while nothing is, or while years are simulated. */
  readonly tried: Exposure | undefined;
  /** The scenarios whose proposal is tried. */
  readonly trying: ReadonlySet<string>;
  readonly scenarios: readonly Brought[];
  /** When the events happened, where the reader says so. */
  readonly stated: Span | undefined;
  readonly turn: (scenario: string) => void;
  readonly state: (span: Span | undefined) => void;
  readonly show: (entry: number) => void;
}

/** What is proposed, from which findings and endpoints, and what the figures would be. */
export function proposalsView(drawn: Drawn, t: ConsoleTexts): TemplateResult {
  const { written, isShort, tried, trying } = drawn;
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
            : proposed.map((one, nth) => proposalView(one, written.applied[nth] ?? null, drawn, t))
      }
      ${spanView(drawn, t)}
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
  { written, scenarios, trying, turn, show }: Drawn,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.exposure.proposals;
  const { count } = t.viewer.figures;
  const { scenario, observed, what, from, to, years, complete, now, frequency, line } = proposed;
  const place = written.report.scenarios.findIndex(({ id }) => id === scenario);
  const name = scenarios[place]?.name ?? `${scenario}.yml`;
  const isTried = trying.has(scenario);
  return html`
    <article>
      <h4>${value(written.report.scenarios[place]?.title ?? scenario, 300)}</h4>
      <p>
        ${words.observed(observed, from.slice(0, 10), to.slice(0, 10), amount(years, t))}
        ${complete ? nothing : html`<span class="tone-doubt with-icon">${icon("warning")}<span>${words.others}</span></span>`}
      </p>
      <ul class="endpoints">
        ${what.slice(0, KINDS).map(
          ({ title, times, entries }) => html`
            <li>${count(times)} × ${value(title, 300)}
              ${entries.map((entry) => html`<button type="button" class="quiet" @click=${() => show(entry)}>${t.inventory.entry} ${count(entry)}</button> `)}</li>`,
        )}
        ${what.length > KINDS ? html`<li class="faint">${words.kinds(what.length - KINDS)}</li>` : nothing}
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

/** When the events happened, where that is not when they were recorded. */
function spanView({ isShort, stated, state }: Drawn, t: ConsoleTexts): TemplateResult {
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

/** The same figures by both, of all scenarios together. */
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
