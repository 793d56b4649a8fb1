import { icon, outcomeOf, SEVERITY_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { comparedView } from "@countersign/ui/viewer/verdict/trust-compared-view.js";
import { codeTitle, isInTitle, verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { CheckName, Finding, Judged, Phrases, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { ABOUT } from "../about.ts";
import { coreSentence, localMoment, moment } from "../core-sentence.ts";
import type { DelayFacts } from "../evidence/answer-facts.ts";
import { delaysView } from "../evidence/answer-notes.ts";
import type { Filed } from "../evidence/filed.ts";
import { printedFile } from "../evidence/filed-view.ts";
import { finishedCheck } from "../evidence/own-check.ts";
import type { PrintedEvidence } from "../evidence/print-preparation.ts";
import { printedEvents, printedWords } from "../evidence/printed.ts";
import { readCheckpoint } from "../input/checkpoint.ts";
import { keyParts, type TextFile, type TrustChoice, trustLines, trustText } from "../input/trust.ts";
import { path } from "../shell.ts";
import { end } from "../state/agreement.ts";
import { type Part, rememberedInVerdict } from "../state/case.ts";
import { comparison } from "../state/comparison.ts";
import { strip } from "../state/strip.ts";
import type { PageTexts } from "../texts/en.ts";
import { answersView } from "./answers.ts";
import { covered, outcomeView } from "./checks.ts";
import { type Pair, printedComparison } from "./compare.ts";
import { chartLabel, countsOf, laneView, legend } from "./coverage.ts";
import { grouped, placeView } from "./findings.ts";
import { comparisonView } from "./parts.ts";
import {
  holdsWords,
  otherEntriesWords,
  shownWords,
  trustSourceView,
  type VerdictContext,
} from "./verdict.ts";

/** Input of the printed report. */
export interface PrintedReport {
  readonly parts: readonly Part[];
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  /** Index of the part shown, and its evidence to print. */
  readonly shown: number;
  readonly evidence: PrintedEvidence | undefined;
  readonly contextOf: (part: Part) => VerdictContext;
  /** Returns how late all events of a part were recorded, if that is known. */
  readonly delaysOf: (part: Part, report: Report) => DelayFacts | undefined;
  /** The evidence file that is open. */
  readonly filed: Filed | undefined;
  /** The two parts that are compared, if any. */
  readonly pair: Pair | undefined;
}

/** Returns the name of the printed report on a part, whose pages may have a footer of their own. */
export function paperName(place: number): string {
  return `part-${place}`;
}

/** Maximum number of findings per code on paper. The JSON report has all of them. */
const MAX_FINDINGS = 20;

/** Maximum number of signers on paper. */
const MAX_SIGNERS = 100;

/** Renders the printed report: what was verified, with what, against which keys, and the result. */
export function printedView(printed: PrintedReport, t: PageTexts): TemplateResult {
  const { parts, shown, evidence, pair } = printed;
  return html`
    <div class="printed">
      ${pair && parts.length > 1 ? printedComparison(parts, pair, t) : nothing}
      ${parts.map((part, place) => (part.session?.verification ? reportView(part, part.session.verification, { ...printed, evidence: place === shown ? evidence : undefined, name: paperName(place) }, t) : nothing))}
    </div>
  `;
}

function reportView(
  part: Part,
  judged: Judged,
  {
    parts,
    trust,
    pins,
    evidence,
    contextOf,
    delaysOf,
    filed: open,
    name,
  }: PrintedReport & { readonly name: string },
  t: PageTexts,
): TemplateResult {
  const { report } = judged;
  const filed = part.from === "evidence" ? open : undefined;
  const compared = part.session?.compared;
  const context = contextOf(part);
  const delays = delaysOf(part, report);
  const words = shownWords(part, judged, context, t);
  const { not } = verdictWords(judged, t.viewer, { compared });
  const { figures } = t.viewer;
  const others = otherEntriesWords(report.counts, t);
  return html`
    <article class="paper" data-paper=${name}>
      <header>
        <p class="brand">countersign</p>
        <h2>${t.printed.heading}</h2>
      </header>
      ${printedWords(evidence, filed, finishedCheck(part, judged), t)}
      <div class="paper-verdict tone-${words.tone}">
        ${icon(words.icon)}
        <div>
          <p class="paper-word">${words.word}</p>
          <p>${words.says}${words.says.endsWith(".") ? "" : "."}</p>
        </div>
      </div>
      ${answersView(judged, compared, !context.isByAuthor, t)}
      ${delays === undefined ? nothing : delaysView(delays, t)}
      ${comparedView(compared, t.viewer)}
      ${agreementsOf(part, parts, t)}
      <h3>${t.verdict.not}</h3>
      <ul class="not">${not.map((text) => html`<li>${text}</li>`)}${context.isByAuthor ? nothing : trustSourceView(part, judged, trust, t)}${part.from === "sample" ? html`<li>${t.verdict.sample}</li>` : nothing}${part.from === "evidence" ? html`<li>${t.evidence.filed.keys}</li>` : nothing}</ul>
      <dl class="paper-facts">
        <dt>${filed === undefined ? t.verdict.file : t.evidence.paper.contained}</dt>
        <dd>${value(part.file.name)}, ${t.printed.bytes(part.file.size)}${part.of.length > 0 ? html`, ${t.export.joined(part.of.length)}: ${part.of.map((name, place) => html`${place > 0 ? ", " : nothing}${value(name)}`)}` : nothing}</dd>
        <dt>${t.verdict.sha256}</dt>
        <dd>${part.sha256 === undefined ? t.printed.sumLater(path(part.file.name)) : html`<code>${part.sha256}</code>`}</dd>
        <dt>${t.verdict.log}</dt>
        <dd>${report.origin === null ? t.verdict.noHeader : value(report.origin)}</dd>
        <dt>${t.verdict.holds}</dt>
        <dd>
          ${holdsWords(report.counts, t)}${others === "" ? nothing : html`. ${others}`}${report.counts.withheld > 0 ? html`; ${t.verdict.withheld(report.counts.withheld)}` : nothing}${report.counts.skipped > 0 ? html`; ${t.verdict.skipped(report.counts.skipped)}` : nothing}
        </dd>
        <dt>${t.verdict.checkpoint}</dt>
        <dd>
          ${report.log === null ? t.verdict.none : html`${figures.entries(report.log.size)}${report.log.time === null ? nothing : html`${t.verdict.seenBy} ${moment(report.log.time)}`}<br /><code>${report.log.root}</code>`}
        </dd>
        <dt>${t.printed.verified}</dt>
        <dd>${part.when === undefined ? nothing : html`${moment(part.when)}, ${localMoment(part.when, t.viewer.lang)}`}</dd>
        <dt>${t.printed.tool}</dt>
        <dd>${t.printed.page(ABOUT.version)}<br />${t.printed.script} <code>${ABOUT.script()}</code></dd>
        <dt>${t.printed.trusted}</dt>
        <dd>${trustView(trust, t)}</dd>
        <dt>${t.printed.pins}</dt>
        <dd>${pinsView(part, pins, t)}</dd>
      </dl>
      ${laneOf(part, report, t)}
      <h3>${t.checks.heading}</h3>
      <table class="paper-checks">
        <thead><tr><th scope="col">${t.checks.check}</th><th scope="col">${t.checks.result}</th><th scope="col">${t.checks.covered}</th></tr></thead>
        <tbody>${(Object.keys(t.viewer.result.checks) as CheckName[]).map((name) => checkRow(name, judged, t))}</tbody>
      </table>
      <h3>${t.findings.heading}</h3>
      ${findingsOf(judged, t)}
      <h3>${t.signers.heading}</h3>
      <ul class="paper-signers">${report.signers.slice(0, MAX_SIGNERS).map((signer) => html`<li>${value(keyParts(signer.vkey)?.name ?? signer.vkey)}: ${t.viewer.result.signers[signer.trust].word}. ${t.signers.chainsLinks(figures.chains(signer.chains), signer.links)}, ${moment(signer.first)} ${t.signers.to} ${moment(signer.last)}<br /><code>${value(signer.vkey, 2000)}</code></li>`)}</ul>
      ${report.signers.length > MAX_SIGNERS ? html`<p class="faint">${t.printed.more(report.signers.length - MAX_SIGNERS)}</p>` : nothing}
      ${printedEvents(evidence, filed, t)}
      ${filed === undefined ? nothing : printedFile(filed.frame, t)}
      <footer>${t.truth}</footer>
    </article>
  `;
}

/** Renders how the part relates to the exports verified with it. */
function agreementsOf(part: Part, parts: readonly Part[], t: PageTexts): TemplateResult | typeof nothing {
  const lines = parts.flatMap((larger) => {
    const { agreement } = larger;
    const smaller = agreement && parts[agreement.with];
    if (!agreement || !smaller || (part !== larger && part !== smaller)) return [];
    const other = part === larger ? smaller : larger;
    return html`<li class="part-agreement">${t.parts.against} ${value(other.file.name)}: ${comparisonView(comparison(smaller, larger, agreement.is), t)}</li>`;
  });
  return lines.length === 0 ? nothing : html`<ul class="paper-agreements">${lines}</ul>`;
}

/** Matches the lines that define the witness quorum, and the growth witnesses. */
const QUORUM = /^(?:group|quorum|growth)[ \t].*$/gm;

function trustView(trust: TrustChoice, t: PageTexts): TemplateResult | string {
  const text = trustText(trust);
  if (text === undefined) return t.printed.nothing;
  return html`
    ${trust.file ? html`<p>${value(trust.file.name)}</p>` : nothing}
    <ul>
      ${trustLines(text).map(({ kind, vkey, since }) => html`<li>${t.trust.account[kind]} <code>${value(vkey, 2000)}</code>${kind === "revoke" && since !== undefined ? html` ${t.signers.since} ${value(since)}` : nothing}</li>`)}
      ${text.match(QUORUM)?.map((line) => html`<li><code>${value(line)}</code></li>`)}
    </ul>
  `;
}

/** Renders the pins that the verdict depends on. Pins of other logs say nothing about this one. */
function pinsView(part: Part, pins: readonly TextFile[], t: PageTexts): TemplateResult | string {
  const origin = part.session?.report?.origin;
  const own = pins
    .map(({ name, text }) => ({ name, checkpoint: readCheckpoint(text) }))
    .filter(({ checkpoint }) => checkpoint === undefined || checkpoint.origin === origin);
  const seen = rememberedInVerdict(part);
  const all =
    seen === undefined ? own : [...own, { name: t.memory.summary, checkpoint: readCheckpoint(seen.pin) }];
  if (all.length === 0) return t.printed.noPins;
  return html`<ul>${all.map(({ name, checkpoint }) => html`<li>${value(name)}: ${value(checkpoint?.origin ?? "")} ${checkpoint ? t.trust.pinOf(t.viewer.figures.count(checkpoint.size)) : nothing} <code>${checkpoint?.root}</code></li>`)}</ul>`;
}

function laneOf({ session, coverage }: Part, report: Report, t: PageTexts): TemplateResult | typeof nothing {
  const all = end(report);
  if (!session || !coverage || all === 0) return nothing;
  const drawn = strip(coverage, session.marks, [], all);
  const counts = countsOf(coverage);
  const label = chartLabel(counts, session.marks.checkpoints.length, drawn, t);
  return html`<h3>${t.coverage.heading}</h3>${laneView(drawn, label, t)}
    <p class="paper-axis faint"><span>${t.coverage.from(0)}</span><span>${t.coverage.from(all - 1)}</span></p>
    ${legend(counts, all, drawn, t)}
    <p class="faint">${label}</p>`;
}

function checkRow(name: CheckName, judged: Judged, t: PageTexts): TemplateResult {
  const { reason } = judged.report.checks[name];
  const words = t.viewer.result.checks[name];
  return html`
    <tr>
      <th scope="row">${words.title} <span class="faint">${words.about}</span></th>
      <td>${outcomeView(outcomeOf(name, judged), t)}</td>
      <td>${covered(name, judged, t)} ${reason === null ? nothing : html`<span class="reason">${coreSentence(reason, judged.phrases, t, 400)}</span>`}</td>
    </tr>
  `;
}

function findingsOf({ report, phrases }: Judged, t: PageTexts): TemplateResult | string {
  const groups = grouped(report);
  if (groups.length === 0) return html`<p>${t.findings.none}</p>`;
  return html`${groups.map(({ code, severity, findings, total }) => {
    const look = SEVERITY_LOOKS[severity];
    return html`
      <div class="paper-group">
        <p><span class="state tone-${look.tone}">${icon(look.icon)}${codeTitle(code, t.viewer)}</span> <code>${code}</code>${total > 1 ? `, ${t.findings.times(total)}` : nothing}</p>
        ${isAlike(findings) ? alikeView(findings, phrases, total, t) : html`<ul>${findings.slice(0, MAX_FINDINGS).map((finding) => html`<li>${placeView(finding, t)}${isInTitle(finding) ? nothing : coreSentence(finding.message, phrases, t)}</li>`)}</ul>`}
        ${total > MAX_FINDINGS && !isAlike(findings) ? html`<p class="faint">${t.printed.more(total - Math.min(MAX_FINDINGS, findings.length))}</p>` : nothing}
      </div>`;
  })}`;
}

/** True if the findings say the same about several entries. */
function isAlike(findings: readonly Finding[]): boolean {
  const [first, ...others] = findings;
  return (
    first?.index !== undefined &&
    others.length > 0 &&
    others.every(({ message, index }) => message === first.message && index !== undefined)
  );
}

/** Renders such findings once, with their entries. */
function alikeView(
  findings: readonly Finding[],
  phrases: Phrases,
  total: number,
  t: PageTexts,
): TemplateResult {
  const entries = runs(findings.flatMap(({ index }) => index ?? []));
  const { count } = t.viewer.figures;
  const listed = entries.map(([first, last]) =>
    first === last ? count(first) : t.printed.run({ first: count(first), last: count(last) }),
  );
  return html`
    <ul><li>${coreSentence(findings[0]?.message ?? "", phrases, t)} <span class="faint">${t.printed.entries(listed.join(", "))}</span></li></ul>
    ${total > findings.length ? html`<p class="faint">${t.printed.more(total - findings.length)}</p>` : nothing}
  `;
}

/** Returns runs of consecutive numbers, as first and last number. */
export function runs(numbers: readonly number[]): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === number) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}
