import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { actionsView } from "./actions-view.ts";
import { alternativesView } from "./alternatives-view.ts";
import { isPartial } from "./answer.ts";
import { coveredView, delaysView, unknownView } from "./answer-notes.ts";
import { answerRows } from "./answer-rows.ts";
import { changeWords, foundChange, keptWords, sentence, unknownPart } from "./answer-sentence.ts";
import { basisView } from "./answer-view.ts";
import type { Answer } from "./asked.ts";
import { claimsView } from "./claims-view.ts";
import { onBehalfView } from "./on-behalf.ts";
import { outsideDaysView } from "./outside-days.ts";
import type { NamePart, Question, TimeBasis } from "./question.ts";

/** Further questions that an answer offers. */
export interface FurtherQuestions {
  /** Asks again with other contents of some fields. */
  readonly ask: (fields: Readonly<Partial<Record<keyof Question, string>>>) => void;
  /** Asks again with names that only need to contain what was typed. */
  readonly widen: () => void;
  /** True if altered events can be opened. */
  readonly opensAltered: boolean;
}

/** Renders an answer: the sentence, what it rests on, what else there is, and the first events. */
export function askedView(answer: Answer, further: FurtherQuestions, texts: PageTexts): TemplateResult {
  const t = texts.evidence.ask;
  const { figures } = texts.viewer;
  const { query, events, facts, changes } = answer;
  const rows = facts.first;
  return html`
    <h3 id="ask-answer" tabindex="-1">${answerWords(answer, texts)}</h3>
    ${notesView(answer, further, texts)}
    <p class="help">${t.query} <code dir="ltr">${value(query, 1000)}</code></p>
    ${
      rows.length === 0
        ? nothing
        : html`
          <p class="help">${t.press}${events > rows.length ? ` ${t.first({ shown: figures.count(rows.length), of: figures.events(events) })}` : nothing}</p>
          <div class="filed-table" tabindex="0">${answerRows({ rows, changes, opens: true }, texts)}</div>`
    }
  `;
}

/** Renders an answer for printing. The query and the events are printed beside it. */
export function printedAnswer(answer: Answer, texts: PageTexts): TemplateResult {
  return html`<p><strong>${answerWords(answer, texts)}</strong></p>${notesView(answer, undefined, texts)}`;
}

/** Renders the sentence of an answer, and before it what its only event changed. */
function answerWords(answer: Answer, texts: PageTexts): TemplateResult {
  const change = foundChange(answer);
  return html`${change === undefined ? nothing : `${changeWords(change, texts)}. `}${sentence(answer, texts)}`;
}

/** Renders what an answer rests on, and what else there is. Buttons ask about it if `further` is given. */
function notesView(answer: Answer, further: FurtherQuestions | undefined, texts: PageTexts): TemplateResult {
  const t = texts.evidence.ask;
  const { question, events, basis, facts } = answer;
  const missing = unknownPart(answer.names, answer.unknown) ?? [];
  const ask = further?.ask;
  const narrow = ask && { ask: (actions: string) => ask({ actions }), kept: keptWords(answer, t) };
  const covering = further && {
    narrow: (part: NamePart, name: string) => further.ask({ [part]: name }),
    widen: further.widen,
  };
  const days = ask && {
    byTime: (basis: TimeBasis) => ask({ basis }),
    withoutDays: () => ask({ from: "", until: "" }),
  };
  return html`
    ${claimsView(answer.claims, further?.opensAltered === true, texts)}
    ${actionsView(facts, texts, narrow)}
    ${unknownView({ names: answer.unknown, said: missing, isPartial: isPartial(basis) }, texts)}
    ${alternativesView(answer, texts, ask)}
    ${onBehalfView(answer, texts, ask)}
    ${coveredView(answer, texts, covering)}
    ${events > 0 && answer.outcomes === undefined ? html`<p class="help">${t.uncounted}</p>` : nothing}
    ${basisView(basis, texts, { use: missing.length > 0 ? "searched" : "answer", claims: answer.claims, opensUnrecognized: further !== undefined })}
    ${delaysView(facts, texts)}
    ${outsideDaysView(answer.outside, texts, days)}
    ${question.from === "" && question.until === "" ? nothing : html`<p class="help">${t.times[question.basis]}</p>`}
  `;
}
