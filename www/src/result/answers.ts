import { type IconName, icon, type Tone } from "@countersign/ui/viewer/parts/icons.js";
import type { TrustCompared } from "@countersign/ui/viewer/session/trust-compared.js";
import { comparedWords } from "@countersign/ui/viewer/verdict/trust-compared-view.js";
import { leftOutWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import { type AnswerKind, answersOf, type Complete, type Signed, type Unchanged } from "../state/answers.ts";
import type { PageTexts } from "../texts/en.ts";

const LOOKS: Readonly<Record<AnswerKind, { tone: Tone; icon: IconName }>> = {
  yes: { tone: "good", icon: "pass" },
  no: { tone: "bad", icon: "fail" },
  partly: { tone: "fair", icon: "partial" },
  open: { tone: "doubt", icon: "unknown" },
};

/** Maximum number of signers named. */
const MAX_NAMED = 3;

/**
 * Renders the three questions about a file, each with its answer and the reason.
 *
 * `isOwnTrust`: true if the reader chose the keys, not the author of the file.
 */
export function answersView(
  judged: Judged,
  compared: TrustCompared | undefined,
  isOwnTrust: boolean,
  t: PageTexts,
): TemplateResult {
  const { unchanged, signed, complete } = answersOf(judged);
  const { answers } = t;
  const by = isOwnTrust ? answers.signed.words.yes : answers.signed.byWriter;
  // The signatures of changed events don't vouch for what the file says.
  const isSigned = signed.is === "yes" || signed.is === "partly";
  const changed = isSigned && unchanged.is === "no" && unchanged.why === "events" ? unchanged.changed : 0;
  const signedBy = {
    ...answers.signed.words,
    yes: by,
    partly: changed > 0 ? answers.signed.allBut(changed, by) : answers.signed.allButLog(by),
  };
  const completeIn =
    complete.is === "partly" && complete.why === "chains" ? answers.complete.chainsWord : undefined;
  const completeness = { ...answers.words, partly: completeIn ?? answers.words.partly };
  return html`
    <dl class="answers" aria-label=${answers.heading}>
      ${answerView("unchanged", unchanged.is, answers.words, answers.unchanged.question, unchangedWords(unchanged, t))}
      ${answerView("signed", changed > 0 ? "partly" : signed.is, signedBy, answers.signed.question, signedWords(signed, compared, t))}
      ${answerView("complete", complete.is, completeness, answers.complete.question, completeWords(complete, t))}
    </dl>
  `;
}

function answerView<Is extends AnswerKind>(
  name: string,
  is: Is,
  words: Readonly<Record<Is, string>>,
  question: string,
  why: unknown,
): TemplateResult {
  const look = LOOKS[is];
  return html`
    <div class="answer tone-${look.tone}" data-answer=${name} data-is=${is}>
      <dt>${question}</dt>
      <dd>
        <span class="state tone-${look.tone}">${icon(look.icon)}${words[is]}</span>
        <p>${why}</p>
      </dd>
    </div>
  `;
}

function unchangedWords(answer: Unchanged, { answers }: PageTexts): string {
  const { unchanged } = answers;
  if (answer.is === "yes") return unchanged.yes(answer.events);
  return answer.why === "events" ? unchanged.events(answer.changed, answer.of) : unchanged[answer.why];
}

function signedWords(
  answer: Signed,
  compared: TrustCompared | undefined,
  { answers, viewer }: PageTexts,
): unknown {
  const { signed } = answers;
  const mismatch = answer.is === "open" ? comparedWords(compared, viewer, true) : "";
  const names = answer.names.length === MAX_NAMED + 1 ? answer.names : answer.names.slice(0, MAX_NAMED);
  const more = answer.names.length - names.length;
  if (mismatch !== "") return html`${mismatch} ${signed.instead(names, more)}`;
  if (answer.is === "yes") return signed.yes(names, more);
  if (answer.is === "partly") return signed.log(names, more);
  return answer.why === "unknown" ? signed.unknown(names, more) : signed[answer.why];
}

/**
 * Returns for example `All 537 events of the log so far, 2–9 November 2026; nothing is missing in between.`
 */
export function completeWords(answer: Complete, { answers, viewer }: PageTexts): string {
  const { complete, days } = answers;
  const { span, events, shown, of, withheld, skipped, lacksLogKey } = answer;
  const when = span === undefined ? "" : `, ${days(...span)}`;
  const whatWouldShow = lacksLogKey ? ` ${complete.logKeyShows}` : "";
  switch (answer.is) {
    case "yes":
      return `${complete[answer.by](events)}${when}; ${complete.between}.`;
    case "partly":
      return answer.why === "chains"
        ? `${complete.chains(events)}${when}; ${complete.between}. ${complete.otherChains}${whatWouldShow}`
        : `${complete.shown(shown, of, events)}; ${leftOutWords({ withheld, skipped }, viewer.result.part)}.`;
    case "no":
      return complete[answer.why];
    case "open":
      return answer.why === "undetermined"
        ? `${complete.undetermined(shown)}${whatWouldShow}`
        : complete[answer.why];
  }
}

/** Renders links to the reasons for the answers. */
export function leadsView(judged: Judged, t: PageTexts): TemplateResult | typeof nothing {
  const { unchanged, signed } = answersOf(judged);
  const { verdict } = judged.report;
  if (unchanged.is === "no" && unchanged.why === "events")
    return html`<button type="button" class="lead-to" @click=${emits("show-changed")}>${t.answers.showFirst}</button>`;
  const isSuspect = signed.is === "open" && signed.why === "suspect";
  return verdict === "altered" || verdict === "broken" || isSuspect
    ? html`<button type="button" class="lead-to" @click=${emits("open-tab", "problems")}>${t.answers.showPlaces}</button>`
    : nothing;
}
