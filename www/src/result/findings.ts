import type { Finding, FindingCode, Report, Severity } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { EventStore } from "../events/store.ts";
import { count, counted } from "../format.ts";
import { icon } from "../icons.ts";
import { value, wish } from "../view.ts";
import { codeTitle, SEVERITIES } from "../words.ts";

interface Group {
  readonly code: FindingCode;
  readonly severity: Severity;
  readonly findings: Finding[];
  /** How many there are; the report lists the first. */
  readonly total: number;
}

const ORDER: readonly Severity[] = ["error", "warning", "info"];
/** More are shown on demand. */
const OPEN_AT_MOST = 5;

/** The findings, the worst first, by code and then in the order of the lines. */
export function findingsView(report: Report, events: EventStore): TemplateResult {
  const groups = grouped(report);
  return html`
    <section aria-labelledby="findings-heading">
      <h2 id="findings-heading">Findings</h2>
      ${
        groups.length === 0
          ? html`<p class="empty">Nothing was found that you would have to know.</p>`
          : html`
            <p class="tally">
              ${ORDER.map((severity) => tally(severity, groups))}
            </p>
            ${repeat(
              groups,
              ({ code }) => code,
              (group) => groupView(group, events),
            )}`
      }
    </section>
  `;
}

function grouped(report: Report): Group[] {
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

function tally(severity: Severity, groups: readonly Group[]): TemplateResult | typeof nothing {
  const total = groups.reduce((sum, group) => sum + (group.severity === severity ? group.total : 0), 0);
  const words = SEVERITIES[severity];
  if (total === 0) return nothing;
  return html`<span class="state tone-${words.tone}">${icon(words.icon)}${counted(total, words.one, words.many)}</span>`;
}

function groupView({ code, severity, findings, total }: Group, events: EventStore): TemplateResult {
  const words = SEVERITIES[severity];
  const hints = new Set(findings.map(({ hint }) => hint));
  const [common] = hints.size === 1 ? hints : [];
  return html`
    <details class="findings tone-${words.tone}" ?open=${severity !== "info" && findings.length <= OPEN_AT_MOST} data-code=${code}>
      <summary>
        <span class="state tone-${words.tone}">${icon(words.icon)}<span class="sr">${words.one}:</span></span>
        <span class="finding-title">${codeTitle(code)}</span>
        <code class="code">${code}</code>
        <span class="times">${count(total)}${total === 1 ? " time" : " times"}</span>
      </summary>
      ${common ? html`<p class="hint">${value(common, 600)}</p>` : nothing}
      <ol class="finding-list" tabindex="0" aria-label=${codeTitle(code)}>
        ${findings.map((finding) => findingView(finding, common === undefined, events))}
      </ol>
      ${total > findings.length ? html`<p class="faint">The report lists the first ${count(findings.length)} of ${count(total)}.</p>` : nothing}
    </details>
  `;
}

function findingView(
  { line, index, chain, seq, message, hint }: Finding,
  withHint: boolean,
  events: EventStore,
): TemplateResult {
  const row = events.rowOfLine(line);
  return html`
    <li>
      <div class="finding-place">
        <span>line ${count(line)}</span>
        ${index === undefined ? nothing : html`<span>leaf ${count(index)}</span>`}
        ${chain === undefined ? nothing : html`<span>chain <code title=${chain}>${chain.slice(0, 8)}…</code></span>`}
        ${seq === undefined ? nothing : html`<span>seq ${count(seq)}</span>`}
      </div>
      <p>${value(message, 600)}</p>
      ${withHint ? html`<p class="hint">${value(hint, 600)}</p>` : nothing}
      ${row === undefined ? nothing : html`<button type="button" class="quiet" @click=${(event: Event) => event.target?.dispatchEvent(wish("show-event", row))}>Show event</button>`}
    </li>
  `;
}
