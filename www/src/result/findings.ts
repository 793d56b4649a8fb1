import { icon, SEVERITY_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { codeTitle, isInTitle } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Finding, FindingCode, Judged, Phrases, Report, Severity } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { coreSentence, staysEnglish } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";

/** Findings of one code. */
export interface Group {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly findings: Finding[];
  /** Total number; the report lists only the first ones. */
  readonly total: number;
}

/** Returns the kind of row that the list of events has for a finding's entry. */
export type RowOf = (finding: Finding) => "event" | "withheld" | undefined;

const ORDER: readonly Severity[] = ["error", "warning", "info"];
/** Maximum number of groups expanded at first. */
const MAX_EXPANDED = 5;

/** Renders the findings, worst first, grouped by code and ordered by line. */
export function findingsView({ report, phrases }: Judged, rowOf: RowOf, t: PageTexts): TemplateResult {
  const groups = grouped(report);
  return html`
    <section aria-labelledby="findings-heading">
      <h2 id="findings-heading">${t.findings.heading}</h2>
      ${
        groups.length === 0
          ? html`<p class="empty">${t.findings.none}</p>`
          : html`
            <p class="tally">
              ${ORDER.map((severity) => tally(severity, groups, t))}
            </p>
            ${
              staysEnglish(
                report.findings.flatMap(({ message, hint }) => [message, hint]),
                phrases,
                t,
              )
                ? html`<p class="help">${t.english}</p>`
                : nothing
            }
            ${repeat(
              groups,
              ({ code }) => code,
              (group) => groupView(group, phrases, rowOf, t),
            )}`
      }
    </section>
  `;
}

export function grouped(report: Report): Group[] {
  const groups = new Map<FindingCode, Group>();
  for (const finding of report.findings) {
    const { code, severity } = finding;
    const total = report.finding_counts[code] ?? 0;
    const group = groups.get(code) ?? { code, severity, findings: [], total };
    group.findings.push(finding);
    groups.set(code, group);
  }
  return [...groups.values()].sort(
    (one, other) => ORDER.indexOf(one.severity) - ORDER.indexOf(other.severity),
  );
}

function tally(severity: Severity, groups: readonly Group[], t: PageTexts): TemplateResult | typeof nothing {
  const total = groups.reduce((sum, group) => sum + (group.severity === severity ? group.total : 0), 0);
  const look = SEVERITY_LOOKS[severity];
  if (total === 0) return nothing;
  return html`<span class="state tone-${look.tone}">${icon(look.icon)}${t.viewer.result.severities[severity](total)}</span>`;
}

function groupView(
  { code, severity, findings, total }: Group,
  phrases: Phrases,
  rowOf: RowOf,
  t: PageTexts,
): TemplateResult {
  const look = SEVERITY_LOOKS[severity];
  const hints = new Set(findings.map(({ hint }) => hint));
  const [common] = hints.size === 1 ? hints : [];
  return html`
    <details class="findings tone-${look.tone}" ?open=${severity !== "info" && findings.length <= MAX_EXPANDED} data-code=${code}>
      <summary>
        <span class="state tone-${look.tone}">${icon(look.icon)}<span class="sr">${t.findings.severity[severity]}:</span></span>
        <span class="finding-title">${codeTitle(code, t.viewer)}</span>
        <code class="code">${code}</code>
        <span class="times">${total > 1 ? t.findings.times(total) : nothing}</span>
      </summary>
      ${common ? html`<p class="hint">${coreSentence(common, phrases, t)}</p>` : nothing}
      <ol class="finding-list" tabindex="0" aria-label=${codeTitle(code, t.viewer)}>
        ${findings.map((finding) => findingView(finding, phrases, common === undefined, rowOf(finding), t))}
      </ol>
      ${total > findings.length ? html`<p class="faint">${t.findings.first(findings.length, total)}</p>` : nothing}
    </details>
  `;
}

function findingView(
  finding: Finding,
  phrases: Phrases,
  withHint: boolean,
  row: ReturnType<RowOf>,
  t: PageTexts,
): TemplateResult {
  return html`
    <li>
      ${placeView(finding, t)}
      ${isInTitle(finding) ? nothing : html`<p>${coreSentence(finding.message, phrases, t)}</p>`}
      ${withHint ? html`<p class="hint">${coreSentence(finding.hint, phrases, t)}</p>` : nothing}
      ${row ? html`<button type="button" class="quiet" @click=${emits("show-line", finding.line)}>${t.findings.show[row]}</button>` : nothing}
    </li>
  `;
}

/** Renders the position of a finding. */
export function placeView({ line, index, chain, seq }: Finding, t: PageTexts): TemplateResult {
  const { count } = t.viewer.figures;
  return html`
    <div class="finding-place">
      <span>${t.findings.line} ${count(line)}</span>
      ${index === undefined ? nothing : html`<span>${t.findings.entry} ${count(index)}</span>`}
      ${chain === undefined ? nothing : html`<span>${t.findings.chain} <code title=${chain}>${chain.slice(0, 8)}…</code></span>`}
      ${seq === undefined ? nothing : html`<span>${t.findings.seq} ${count(seq)}</span>`}
    </div>
  `;
}
