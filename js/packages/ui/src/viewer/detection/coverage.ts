import { html, nothing, type TemplateResult } from "lit";
import type { BlindRule, Coverage, SourceCoverage, UnreadEvents } from "../../analyze/types.js";
import { SEVERITY_LOOKS, STATE_LOOKS, stateView } from "../parts/icons.js";
import { filled, value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";

/** Maximum number of rules and sources listed expanded, and in total. */
const MAX_UNFOLDED = 6;
const MAX_LISTED = 300;

/**
 * Renders how far the rules cover the events: each reason why "nothing was found" doesn't mean that there is nothing
 * to find, and the numbers. `isFinal`: all events were examined. `unverified`: the number of events that rules don't examine
 * because they don't verify.
 */
export function coverageView(
  coverage: Coverage,
  isFinal: boolean,
  texts: Texts,
  unverified = 0,
): TemplateResult | typeof nothing {
  if (coverage.events === 0) {
    return nothing;
  }
  const { found, figures } = texts;
  const { complete, events, unparsed, sources, rules, applicable } = coverage;
  const words = found.coverage;
  const parsed = figures.count(events - unparsed);
  const numbers = words.numbers({
    parsed,
    events: figures.events(events),
    applicable: figures.count(applicable),
    rules: figures.count(rules),
  });
  const bySource = sources.map((source) => sourceView(source, texts));
  return html`
    <div class="found-coverage" role="group" aria-labelledby="cs-coverage-heading" data-complete=${complete && unverified === 0}>
      <p id="cs-coverage-heading"><strong>${words.heading}${isFinal ? nothing : html` <span class="faint">${words.soFar}</span>`}</strong></p>
      ${unverified === 0 ? nothing : gap(words.unverified(unverified))}
      ${complete && unverified > 0 ? nothing : complete ? html`<p class="found-limit">${stateView(isFinal ? STATE_LOOKS.pass : SEVERITY_LOOKS.info, words.complete)}</p>` : gaps(coverage, texts)}
      <p class="faint">${numbers}</p>
      ${sources.length === 0 ? nothing : html`<details><summary>${words.sources}</summary>${listed(bySource, texts)}</details>`}
    </div>
  `;
}

/** States the share of events without a parser; undefined if every event has one. */
export function unparsedShare(
  { unparsed, events }: Pick<Coverage, "unparsed" | "events">,
  { found }: Texts,
): string | undefined {
  return unparsed === 0 ? undefined : found.unparsed({ unparsed, events });
}

/** Renders the reasons why rules couldn't examine all events. */
function gaps(coverage: Coverage, texts: Texts): TemplateResult {
  const { found, figures } = texts;
  const { unclear_times: unclearTimes, unread, sources, blind } = coverage;
  const words = found.coverage;
  const share = unparsedShare(coverage, texts);
  const uncovered = sources.filter(({ covered, events }) => covered < events);
  const withoutRules = uncovered.filter(({ rules }) => rules === 0);
  const withRules = uncovered.filter(({ rules }) => rules > 0);
  const withoutFields = ({ parser, events, covered, rules }: SourceCoverage) =>
    filled(
      words.withoutFields({
        events: figures.events(events),
        rules: figures.rules(rules),
        count: figures.count(events - covered),
      }),
      { parser: value(parser, 80) },
    );
  const named = ({ title, fields }: BlindRule) => html`
    ${value(title, 200)}${fields.map((field, nth) => html`${nth === 0 ? ": " : ", "}<code>${value(field, 120)}</code>`)}`;
  return html`
    ${share === undefined ? nothing : gap(share)}
    ${unread.map((events) => gap(html`<span>${unreadView(events, texts)}</span>`))}
    ${unclearTimes === null ? nothing : gap(found.unclearTimes({ number: unclearTimes.number, entry: unclearTimes.first_entry }))}
    ${
      withoutRules.length === 0
        ? nothing
        : html`${gap(words.withoutRules)}${listed(
            withoutRules.map((source) => sourceView(source, texts)),
            texts,
          )}`
    }
    ${withRules.map((source) => gap(html`<span>${withoutFields(source)}</span>`))}
    ${blind.length === 0 ? nothing : html`${gap(words.blind(blind.length))}${listed(blind.map(named), texts)}`}
  `;
}

/** Renders what a parser doesn't find, although it promises it. */
function unreadView(
  { parser, facts, events, first_entry: first }: UnreadEvents,
  { found, figures }: Texts,
): TemplateResult {
  const words = found.coverage;
  const numbers = { events: figures.events(events), entry: figures.count(first) };
  const sentence = facts.includes("kind")
    ? words.unreadKind(numbers)
    : words.unreadFacts({ ...numbers, facts: facts.map((fact) => words.facts[fact]).join(", ") });
  return html`${filled(sentence, { parser: value(parser, 80) })}`;
}

function sourceView({ parser, events }: SourceCoverage, { figures }: Texts): TemplateResult {
  return html`${value(parser, 80)}: ${figures.events(events)}`;
}

function gap(reason: unknown): TemplateResult {
  return html`<p class="found-limit">${stateView(SEVERITY_LOOKS.warning, reason)}</p>`;
}

/** Renders a list whose end is folded. */
function listed(items: readonly unknown[], { found, figures }: Texts): TemplateResult | typeof nothing {
  const list = (some: readonly unknown[]) => html`<ul>${some.map((item) => html`<li>${item}</li>`)}</ul>`;
  if (items.length === 0) {
    return nothing;
  }
  const folded = items.slice(MAX_UNFOLDED, MAX_LISTED);
  const left = items.length - MAX_UNFOLDED - folded.length;
  return html`
    ${list(items.slice(0, MAX_UNFOLDED))}
    ${
      folded.length === 0
        ? nothing
        : html`
          <details>
            <summary>${found.moreEntries(figures.count(folded.length))}</summary>
            ${list(folded)}
            ${left > 0 ? html`<p class="faint">${found.unlistedEntries(figures.count(left))}</p>` : nothing}
          </details>`
    }
  `;
}
