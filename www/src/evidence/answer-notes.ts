import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { DAY_MS, type DelayFacts } from "./answer-facts.ts";
import { isAskable } from "./askable.ts";
import type { CoveredNames } from "./covered-names.ts";
import type { NamePart, SearchedName } from "./question.ts";

/** Maximum number of names listed. */
const MAX_NAMES = 12;

/** The names that no event has, and where that is said. */
interface UnknownNames {
  readonly names: readonly SearchedName[];
  /** The names of which the answer's sentence already says it. */
  readonly said: readonly SearchedName[];
  /** True if only events that verify were searched. */
  readonly isPartial: boolean;
}

/** Renders the names that no event has, and which fields of events were searched. */
export function unknownView(
  { names, said, isPartial }: UnknownNames,
  { evidence: { ask: t } }: PageTexts,
): readonly TemplateResult[] {
  const searched = new Set(said.map(({ part }) => part));
  const unsaid = names.filter((name) => !said.includes(name));
  return [
    ...[...searched].map(
      (part) =>
        html`<p class="basis tone-doubt" data-unknown=${part}>${icon("warning")}<span>${t.searchedNames[part]}</span></p>`,
    ),
    ...unsaid.map(
      ({ part, name }) =>
        html`<p class="basis tone-doubt" data-unknown=${part}>${icon("warning")}<span>${t.unknown[part]([inSentence(name, 300)], isPartial)}. ${t.searchedNames[part]}</span></p>`,
    ),
  ];
}

/** Renders the names that typed parts of names find. With `further`, each is a button that asks about it alone. */
export function coveredView(
  { covered, wider }: { readonly covered: readonly CoveredNames[]; readonly wider: number | undefined },
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
  further?: {
    readonly narrow: (part: NamePart, name: string) => void;
    readonly widen: () => void;
  },
): readonly unknown[] {
  const lists = covered.map(({ part, typed, names, ofFirst }) => {
    const more = names.length - MAX_NAMES;
    return html`
      <div class="ask-names" data-covered=${part}>
        <p>${t.covered[part](typed.map(({ name }) => name))}</p>
        <ul>
          ${names.slice(0, MAX_NAMES).map(({ id, label }) => html`<li>${further !== undefined && isAskable(part, id) ? html`<button type="button" class="quiet" @click=${() => further.narrow(part, id)}>${value(label, 100)}</button>` : value(label, 100)}</li>`)}
          ${more > 0 ? html`<li class="faint">${t.moreNames(figures.count(more))}</li>` : nothing}
        </ul>
        ${ofFirst === undefined ? nothing : html`<p class="faint">${t.namesOfFirst(figures.events(ofFirst))}</p>`}
      </div>`;
  });
  return wider === 0
    ? lists
    : [
        ...lists,
        html`<p class="ask-more" data-wider=${wider ?? "unknown"}><span>${wider === undefined ? t.widerUnknown : t.wider(wider)}</span>${further === undefined ? nothing : html` <button type="button" class="quiet" @click=${further.widen}>${t.widen}</button>`}</p>`,
      ];
}

/**
 * Renders how many events of an evidence file were recorded late, or state a time after their recording, beside the same
 * about the events of its answer.
 */
export function searchedDelaysView(
  { late, longest, future, read, isAll }: DelayFacts,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
): TemplateResult {
  const of = t.inFile(figures.events(read), isAll);
  const note = (name: string, words: string) =>
    html`<p class="basis tone-doubt" data-times-of-all=${name}>${icon("warning")}<span>${words}</span></p>`;
  return html`
    ${late === 0 ? nothing : note("late", t.lateOf(late, Math.floor(longest / DAY_MS), of))}
    ${future === 0 ? nothing : note("future", t.futureOf(future, of))}
  `;
}

/** Renders how many of the events that were read were recorded late, or state a time after their recording. */
export function delaysView(
  { late, longest, future, read, isAll }: DelayFacts,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
): TemplateResult {
  const note = (name: string, words: unknown) =>
    html`<p class="basis tone-doubt" data-times=${name}>${icon("warning")}<span>${words}</span></p>`;
  const among = isAll ? undefined : figures.events(read);
  return html`
    ${late === 0 ? nothing : note("late", t.late(late, Math.floor(longest / DAY_MS), among))}
    ${future === 0 ? nothing : note("future", t.future(future, among))}
    ${late + future === 0 && !isAll ? note("unread", t.timesOfFirst(figures.events(read))) : nothing}
  `;
}
