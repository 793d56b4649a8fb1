import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { elsewhereView } from "./alternatives-view.ts";
import { unknownPart, unknownWords } from "./answer-sentence.ts";
import type { MissingNames } from "./missing-names.ts";

/** Renders the names that no event in an evidence file has, similar ones, and which other fields have them. */
export function missingNamesView(
  { names, unknown, alternatives }: MissingNames,
  isPartial: boolean,
  { evidence, viewer: { figures } }: PageTexts,
): readonly TemplateResult[] {
  const whole = unknownPart(names, unknown);
  const groups = whole === undefined ? unknown.map((name) => [name]) : [whole];
  const { ask } = evidence;
  const lines = groups.map((group) => {
    const similar = alternatives.names
      .filter(({ part }) => part === group[0]?.part)
      .flatMap((list) => list.similar)
      .map(({ label, events }) => `${inSentence(label)} (${figures.count(events)})`);
    return html`<p class="basis tone-doubt" data-unknown=${group[0]?.part}>${icon("warning")}<span>${unknownWords(group, isPartial, evidence)}.${similar.length === 0 ? "" : ` ${evidence.filed.similar(similar.join(", "))}`}</span></p>`;
  });
  const misplaced = alternatives.misplaced.map(
    ({ name, to, events }) =>
      html`<p class="ask-more" data-misplaced=${to}><span>${ask.misplaced[to](inSentence(name), events)}</span></p>`,
  );
  return [...lines, ...misplaced, ...alternatives.elsewhere.map((one) => elsewhereView(one, false, ask))];
}
