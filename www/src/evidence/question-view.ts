import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { Frame } from "./frame.ts";
import { packName, subjectOf, subjectView } from "./frame-subject.ts";
import { wordsOf } from "./name-words.ts";
import type { Match } from "./question.ts";
import { parseQuestion, type Term } from "./question-terms.ts";

/** Maximum number of names of one kind in a question, and the maximum length of each. */
const MAX_NAMES = 5;
const MAX_NAME_LENGTH = 120;

type FrameQuestion = Pick<Frame, "query" | "scope" | "detections"> & Partial<Pick<Frame, "slice">>;

/** True if a file is about statements of its author on all events, of which it contains only some. */
export function isStatement({ query, scope, detections, slice }: FrameQuestion): boolean {
  const isPart = (slice?.events ?? scope.events) < scope.events;
  return isPart && query === null && detections === null && scope.sample === null;
}

/**
 * Returns the question of an evidence file in a sentence. It is derived from the query or the rules that this page ran
 * again, never from words of the author.
 */
export function questionWords(frame: FrameQuestion, t: PageTexts): string {
  const { query, scope, detections } = frame;
  const { questions, rules } = t.evidence.filed;
  const { count } = t.viewer.figures;
  const within =
    scope.range === null
      ? ""
      : questions.within({ first: count(scope.range[0]), last: count(scope.range[1] - 1) });
  if (detections !== null)
    return rules.question({
      rules: detections.pack.rules,
      pack: inSentence(packName(detections), MAX_NAME_LENGTH),
      within,
    });
  if (isStatement(frame)) return questions.stated;
  if (query === null) return scope.sample === null ? questions.all(within) : questions.sample(within);
  const asked = parseQuestion(query);
  if (asked === undefined) return questions.search(within);
  const { action, to, by, behalf } = t.evidence.ask;
  const between = t.evidence.ask.between({ from: asked.from, until: asked.until });
  const isRecorded = asked.basis === "recorded";
  const hasNames = [asked.who, asked.behalf, asked.actions, asked.targets].some(({ length }) => length > 0);
  if (isRecorded && !hasNames) return questions.recorded({ between, within });
  const who = describeNames(asked.who, by, t);
  const behalfOf = describeNames(asked.behalf, behalf, t);
  const targets = describeNames(asked.targets, to, t);
  if (who === undefined || behalfOf === undefined || targets === undefined) return questions.search(within);
  const of = (...matches: readonly Match[]) => asked.actions.filter(({ match }) => matches.includes(match));
  const containing = [
    ...listNames(of("part"), t).map((name) => [name]),
    ...listNames(of("words"), t).map(wordsOf),
  ];
  const rest = [
    behalfOf,
    asked.actions.length === 0 ? "" : action(listNames(of("whole", "pattern"), t), containing),
    targets,
    isRecorded ? questions.asRecorded(between) : between,
    within,
  ].join("");
  return asked.who.every(({ match }) => match === "whole")
    ? questions.asked({ who: listNames(asked.who, t).join(questions.or), rest })
    : questions.asked({ who: "", rest: `${who}${rest}` });
}

/** Returns names as a part of the sentence; undefined if several are searched in ways that one part can't say. */
function describeNames(
  terms: readonly Term[],
  words: Readonly<Record<Match, (name: string) => string>>,
  t: PageTexts,
): string | undefined {
  const [first, ...others] = terms;
  if (first === undefined) return "";
  if (others.length > 0 && terms.some(({ match }) => match !== "whole")) return undefined;
  return words[first.match](listNames(terms, t).join(t.evidence.filed.questions.or));
}

/** Returns names for a sentence. Names beyond the maximum are counted. */
function listNames(terms: readonly Term[], t: PageTexts): readonly string[] {
  const left = terms.length - MAX_NAMES;
  const names = terms
    .slice(0, left > 0 ? MAX_NAMES : terms.length)
    .map(({ name }) => inSentence(name, MAX_NAME_LENGTH));
  return left > 0 ? [...names, t.evidence.filed.questions.others(left)] : names;
}

/** Renders the query or the rules behind the question, as a detail below it. */
export function queryView(frame: FrameQuestion, t: PageTexts): TemplateResult | typeof nothing {
  const subject = subjectOf(frame, t.evidence);
  const { label, pack, query } = subject;
  if (pack === undefined && query === "") return nothing;
  const { ask } = t.evidence;
  const basis = pack === undefined ? parseQuestion(query)?.basis : undefined;
  return html`
    <p class="help case-query"><span>${pack === undefined ? ask.query : `${label}:`} ${subjectView(subject, t)}</span></p>
    ${basis === undefined ? nothing : html`<p class="help">${ask.times[basis]}</p>`}
  `;
}
