import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { actionsView } from "./actions-view.ts";
import { alternativesView } from "./alternatives-view.ts";
import { isPartial } from "./answer.ts";
import { coveredView, timesView, unknownView } from "./answer-notes.ts";
import { answerRows } from "./answer-rows.ts";
import { changeWords, foundChange, keptWords, sentence, unknownPart } from "./answer-sentence.ts";
import { basisView } from "./answer-view.ts";
import type { Answer } from "./asked.ts";
import { claimsView } from "./claims-view.ts";
import { onBehalfView } from "./on-behalf.ts";
import type { Question } from "./question.ts";

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
export function askedView(
  answer: Answer,
  { ask, widen, opensAltered }: FurtherQuestions,
  texts: PageTexts,
): TemplateResult {
  const t = texts.evidence.ask;
  const { figures } = texts.viewer;
  const { question, query, events, basis, facts, changes } = answer;
  const rows = facts.first;
  const change = foundChange(answer);
  const missing = unknownPart(answer.names, answer.unknown) ?? [];
  return html`
    <h3 id="ask-answer" tabindex="-1">${change === undefined ? nothing : html`${changeWords(change, texts)}. `}${sentence(answer, texts)}</h3>
    ${claimsView(answer.claims, opensAltered, texts)}
    ${actionsView(facts, texts, { ask: (actions) => ask({ actions }), kept: keptWords(answer, t) })}
    ${unknownView({ names: answer.unknown, said: missing, isPartial: isPartial(basis) }, texts)}
    ${alternativesView(answer, ask, texts)}
    ${onBehalfView(answer, ask, texts)}
    ${coveredView(answer, (part, name) => ask({ [part]: name }), widen, texts)}
    ${events > 0 && answer.outcomes === undefined ? html`<p class="help">${t.uncounted}</p>` : nothing}
    ${basisView(basis, texts, { use: missing.length > 0 ? "searched" : "answer", claims: answer.claims })}
    ${timesView(answer, ask, texts)}
    ${question.from === "" && question.until === "" ? nothing : html`<p class="help">${t.times[question.basis]}</p>`}
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
