/** Details of a verdict: what it doesn't mean, the problems found, and each check. */

import type { CheckName, Finding, FindingCode, Judged, Phrases, Report } from "@countersign/shared/report.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment, type Zone } from "../parts/format.js";
import { icon, outcomeOf, SEVERITY_LOOKS, STATE_LOOKS, stateView } from "../parts/icons.js";
import { sentenceView, value } from "../parts/value.js";
import { completeRange } from "../session/facts.js";
import type { Link } from "../session/live-connection.js";
import type { TrustCompared } from "../session/trust-compared.js";
import type { Texts } from "../texts/texts.js";
import { comparedView } from "./trust-compared-view.js";
import { codeTitle, type VerdictWords } from "./verdict.js";

/** Input of the strip. */
export interface Strip {
  readonly texts: Texts;
  readonly zone: Zone;
  /** State of the connection to a live log. */
  readonly link: Link | undefined;
  readonly cancel: () => void;
  readonly again: (() => void) | undefined;
  /** True if an entry is known to have a row. */
  readonly isShown: (index: number) => boolean;
  /** Scrolls to a line of the export. */
  readonly show: (line: number) => void;
}

/** Maximum number of problems listed per code. */
const MAX_LISTED = 20;

/** Renders the details. */
export function detailsView(
  judged: Judged,
  { next, not }: VerdictWords,
  compared: TrustCompared | undefined,
  strip: Strip,
): TemplateResult {
  const { texts } = strip;
  return html`
    <div class="strip-details">
      ${next === "" ? nothing : html`<p><strong>${texts.strip.nextHeading}</strong> ${next}</p>`}
      ${comparedView(compared, texts)}
      <div>
        <h3>${texts.strip.notHeading}</h3>
        <ul class="not">${not.map((text) => html`<li>${text}</li>`)}</ul>
      </div>
      ${findingsView(judged, strip)} ${factsView(judged.report, strip)} ${checksView(judged, texts)}
    </div>
  `;
}

/** Returns the number of problems of each severity. Notes with the same code count as one. */
export function tally({ findings, finding_counts }: Report, { result }: Texts): string {
  const counted = (["error", "warning", "info"] as const).flatMap((severity) => {
    const codes = new Set(findings.filter((finding) => finding.severity === severity).map(({ code }) => code));
    const count =
      severity === "info" ? codes.size : [...codes].reduce((total, code) => total + (finding_counts[code] ?? 0), 0);
    return count > 0 ? [result.severities[severity](count)] : [];
  });
  return counted.join(", ");
}

function factsView(report: Report, { texts, zone }: Strip): TemplateResult {
  const { strip, figures } = texts;
  const { origin, counts, log } = report;
  const all = figures.entries(counts.entries);
  const shown = figures.count(counts.entries - counts.withheld);
  const entries = counts.withheld === 0 ? all : strip.shownOf({ entries: all, shown });
  // Within a range that is proven complete, no event is withheld.
  const withheld = completeRange(report) === undefined ? strip.withheld : strip.outside;
  const leftOut = [
    ...(counts.withheld > 0 ? [withheld(counts.withheld)] : []),
    ...(counts.skipped > 0 ? [strip.skipped(counts.skipped)] : []),
  ];
  return html`
    <dl class="facts">
      <div><dt>${strip.log}</dt><dd>${origin === null ? html`<span class="faint">${strip.none}</span>` : value(origin)}</dd></div>
      <div>
        <dt>${strip.holds}</dt>
        <dd>${[figures.events(counts.events), figures.chains(counts.chains), entries].join(", ")}</dd>
      </div>
      ${leftOut.length > 0 ? html`<div><dt>${strip.leftOut}</dt><dd>${leftOut.join(", ")}</dd></div>` : nothing}
      <div>
        <dt>${strip.lastCheckpoint}</dt>
        <dd>
          ${
            log === null
              ? html`<span class="faint">${strip.none}</span>`
              : html`${figures.entries(log.size)}${log.time === null ? nothing : html`, ${strip.seen(moment(log.time, zone))}`} <code>${value(log.root)}</code>`
          }
        </dd>
      </div>
    </dl>
  `;
}

function checksView(judged: Judged, texts: Texts): TemplateResult {
  const { strip, result } = texts;
  const names = Object.keys(result.checks) as CheckName[];
  return html`
    <div>
      <h3>${strip.checksHeading}</h3>
      <table class="checks">
        <thead class="sr">
          <tr><th scope="col">${strip.check}</th><th scope="col">${strip.result}</th><th scope="col">${strip.covered}</th></tr>
        </thead>
        <tbody>
          ${names.map((name) => {
            const check = judged.report.checks[name];
            const { state, checked, reason } = check;
            const outcome = outcomeOf(name, judged);
            return html`
              <tr data-check=${name} data-state=${state} data-outcome=${outcome}>
                <th scope="row"><strong>${result.checks[name].title}</strong> ${state === "not_checked" ? nothing : html`<span class="faint">${result.checks[name].about}</span>`}</th>
                <td>${stateView(STATE_LOOKS[outcome], result.states[outcome])}</td>
                <td>
                  ${checked > 0 ? covered(check, name, texts) : nothing}
                  ${reason === null ? nothing : html`<span class="faint">${sentenceView(reason, judged.phrases, texts, 400)}</span>`}
                </td>
              </tr>
            `;
          })}
        </tbody>
      </table>
    </div>
  `;
}

/** True if all findings are notes, such as withheld events: nothing is wrong. */
export function hasNotesAlone({ findings }: Report): boolean {
  return findings.length > 0 && findings.every(({ severity }) => severity === "info");
}

function findingsView({ report, phrases }: Judged, strip: Strip): TemplateResult {
  const { texts } = strip;
  const { figures } = texts;
  const { findings, finding_counts } = report;
  const groups = new Map<FindingCode, Finding[]>();
  const weight = { error: 0, warning: 1, info: 2 };
  for (const finding of findings.toSorted((a, b) => weight[a.severity] - weight[b.severity])) {
    groups.set(finding.code, [...(groups.get(finding.code) ?? []), finding]);
  }
  return html`
    <div>
      <h3>${hasNotesAlone(report) ? texts.strip.notesHeading : texts.strip.findingsHeading}</h3>
      ${groups.size === 0 ? html`<p class="faint">${texts.strip.noFindings}</p>` : nothing}
      ${[...groups].map(([code, list]) => {
        const severity = list[0]?.severity ?? "info";
        const look = SEVERITY_LOOKS[severity];
        const total = finding_counts[code] ?? list.length;
        // Many notes of one kind count as one, as in the summary above.
        const counted = texts.result.severities[severity](severity === "info" ? 1 : total);
        const listed = list.slice(0, MAX_LISTED);
        const hints = new Set(listed.map((finding) => finding.hint));
        const [hint] = listed.length > 1 && hints.size === 1 ? hints : [];
        return html`
          <details class="finding-group tone-${look.tone}" data-code=${code}>
            <summary>
              <span class="state">${icon(look.icon)}<span class="plain">${counted}</span></span>
              <strong>${codeTitle(code, texts)}</strong>${severity === "info" && total > 1 ? ` × ${figures.count(total)}` : ""} <code class="faint">${code}</code>
            </summary>
            ${listed.map((finding) => findingView(finding, phrases, strip, hint === undefined))}
            ${hint === undefined ? nothing : html`<p class="finding faint">${sentenceView(hint, phrases, texts)}</p>`}
            ${total > listed.length ? html`<p class="faint">${texts.strip.moreFindings(total - listed.length)}</p>` : nothing}
          </details>
        `;
      })}
    </div>
  `;
}

/** Renders one problem. */
export function findingView(
  { line, message, hint, index }: Finding,
  phrases: Phrases,
  { texts, isShown, show }: Strip,
  hasHint = true,
): TemplateResult {
  return html`
    <div class="finding">
      <div>
        <p><span class="faint">${texts.strip.atLine(texts.figures.count(line))}:</span> ${sentenceView(message, phrases, texts)}</p>
        ${hasHint ? html`<p class="faint">${sentenceView(hint, phrases, texts)}</p>` : nothing}
      </div>
      ${
        index === undefined || !isShown(index)
          ? nothing
          : html`<button type="button" class="quiet" @click=${() => show(line)}>${texts.strip.showEvent}<span class="sr"> ${texts.strip.atLine(texts.figures.count(line))}</span></button>`
      }
    </div>
  `;
}

function covered({ checked, failed }: Report["checks"][CheckName], name: CheckName, { strip, result }: Texts): string {
  const items = result.checks[name].items(checked);
  return failed > 0 ? strip.failedItems({ checked: items, failed }) : items;
}
