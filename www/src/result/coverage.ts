import type { Coverage } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import { keyParts } from "../input/trust.ts";
import { end } from "../state/agreement.ts";
import type { Part } from "../state/case.ts";
import { each, entryCount, type Range } from "../state/ranges.ts";
import { type Strip, type StripRange, strip } from "../state/strip.ts";
import type { PageTexts } from "../texts/en.ts";

/** Maximum number of findings of one code in a report. */
const MAX_FINDINGS_PER_CODE = 100;

/** Renders which entries are here, which are not, and which checkpoints cover them, as a chart and a list. */
export function coverageView(part: Part, report: Report, t: PageTexts): TemplateResult | typeof nothing {
  const { session, coverage } = part;
  const all = end(report);
  if (!session || !coverage || all === 0) return nothing;
  // Omitted entries have their own color in the chart.
  const found = report.findings.filter(({ severity }) => severity !== "info");
  const drawn = strip(coverage, session.marks, found, all);
  const isShort = found.some(({ code }) => (report.finding_counts[code] ?? 0) > MAX_FINDINGS_PER_CODE);
  const counts = countsOf(coverage);
  const checkpoints = session.marks.checkpoints.length;
  return html`
    <section class="coverage" aria-labelledby="coverage-heading">
      <h2 id="coverage-heading">${t.coverage.heading}</h2>
      <p class="help">${checkpoints > 0 ? t.coverage.about : t.coverage.aboutChains}</p>
      <div class="strip">
        ${laneView(drawn, chartLabel(counts, checkpoints, drawn, t), t)}
        ${spotRow(
          "checkpoints",
          drawn.checkpoints.map((spot) => checkpointSpot(spot, t)),
          t,
        )}
        ${spotRow(
          "cosigned",
          drawn.checkpoints.flatMap(({ at, cosigned }) =>
            cosigned === 0
              ? []
              : svg`<text class="cosigned" x=${percent(at)} y="13"><title>${t.coverage.cosignatures(cosigned)}</title>${cosigned}</text>`,
          ),
          t,
        )}
        ${spotRow(
          "notes",
          drawn.notes.map(({ at, count, kind }) =>
            spot(at, `note ${kind}`, "M0 -5 5 4H-5z", t.coverage.notes(count)),
          ),
          t,
        )}
        ${spotRow(
          "findings",
          drawn.findings.map(({ at, count, kind }) =>
            spot(at, `finding ${kind}`, FINDING_SHAPES[kind], t.coverage.findings(count)),
          ),
          t,
        )}
        <div class="strip-axis faint" aria-hidden="true"><span></span><span>${t.coverage.from(0)}</span><span>${t.coverage.from(all - 1)}</span></div>
      </div>
      ${legend(counts, all, drawn, t)}
      ${isShort ? html`<p class="help">${t.coverage.findingsShort(MAX_FINDINGS_PER_CODE)}</p>` : nothing}
      ${listView(part, t)}
    </section>
  `;
}

/** Pattern of withheld entries, used by every chart of the page. */
export const HATCHES: TemplateResult = html`
  <svg class="hatches" width="0" height="0" aria-hidden="true">
    <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
      <rect class="hatch-ground" width="6" height="6" /><rect class="hatch-line" width="2.5" height="6" />
    </pattern>
  </svg>
`;

/** Renders one lane of entries, for the chart and for comparisons. */
export function laneView(drawn: Strip, label: string, t: PageTexts): TemplateResult {
  return html`
    <div class="strip-row">
      <span class="strip-name" aria-hidden="true">${t.coverage.rows.entries}</span>
      <svg class="lane" role="img" aria-label=${label} width="100%" height="28">
        <rect class="entry-other" x="0" y="1" width="100%" height="26" rx="3" />
        ${drawn.shown.map((range) => rect(range, "entry-shown"))}
        ${drawn.withheld.map((range) => rect(range, "entry-withheld"))}
        ${drawn.skipped.map((range) => svg`${rect(range, "entry-skipped")}<line class="entry-skipped-line" x1=${percent(range.from)} x2=${percent(range.to)} y1="14" y2="14" />`)}
      </svg>
    </div>
  `;
}

function spotRow(
  row: "checkpoints" | "cosigned" | "notes" | "findings",
  spots: readonly SVGTemplateResult[],
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (spots.length === 0) return nothing;
  return html`
    <div class="strip-row">
      <span class="strip-name" aria-hidden="true">${t.coverage.rows[row]}</span>
      <svg class="spots" aria-hidden="true" width="100%" height="18">${spots}</svg>
    </div>
  `;
}

const FINDING_SHAPES = { error: "M-4 -4 4 4M4 -4-4 4", warning: "M0 -5 5 4H-5z", info: "M0 -4V4" };

function checkpointSpot(
  { at, count, matches }: Strip["checkpoints"][number],
  t: PageTexts,
): SVGTemplateResult {
  return spot(
    at,
    `checkpoint ${matches ? "matches" : "mismatches"}`,
    matches ? "M0 -6 6 0 0 6-6 0z" : "M-5 -5 5 5M5 -5-5 5",
    t.coverage.checkpoints(count),
  );
}

/** Renders a shape at a position. It isn't clipped at the ends. */
function spot(at: number, name: string, shape: string, title: string): SVGTemplateResult {
  return svg`<svg class="spot" x=${percent(at)} y="9" overflow="visible"><path class=${name} d=${shape}><title>${title}</title></path></svg>`;
}

function rect({ from, to }: StripRange, name: string): SVGTemplateResult {
  return svg`<rect class=${name} x=${percent(from)} y="1" width=${percent(Math.max(0, to - from))} height="26" />`;
}

function percent(share: number): string {
  return `${Math.round(share * 100) / 100}%`;
}

interface Counts {
  readonly shown: number;
  readonly withheld: number;
  readonly skipped: number;
}

/** Returns the number of shown, withheld, and omitted entries. */
export function countsOf({ shown, withheld, skipped }: Coverage): Counts {
  return { shown: entryCount(shown), withheld: entryCount(withheld), skipped: entryCount(skipped) };
}

/** Returns the chart in words. */
export function chartLabel(
  { shown, withheld, skipped }: Counts,
  checkpoints: number,
  drawn: Strip,
  t: PageTexts,
): string {
  const { figures } = t.viewer;
  const parts = [
    `${figures.entries(drawn.entries)}`,
    t.coverage.chartShown(shown),
    ...(withheld > 0 ? [t.verdict.withheld(withheld)] : []),
    ...(skipped > 0 ? [t.verdict.skipped(skipped)] : []),
    t.coverage.checkpoints(checkpoints),
  ];
  return t.coverage.chart(parts.join(", "));
}

/** Renders the legend of the chart, with numbers. */
export function legend(
  { shown, withheld, skipped }: Counts,
  all: number,
  drawn: Strip,
  t: PageTexts,
): TemplateResult {
  const { count } = t.viewer.figures;
  const sample = (name: string, label: string, number: number) =>
    number === 0
      ? nothing
      : html`<li><svg class="swatch" aria-hidden="true" width="18" height="12">${swatch(name)}</svg>${label} <span class="faint">${count(number)}</span></li>`;
  const mismatches = drawn.checkpoints.some(({ matches }) => !matches);
  return html`
    <ul class="legend">
      ${sample("entry-shown", t.coverage.shown, shown)}
      ${sample("entry-withheld", t.coverage.withheld, withheld)}
      ${sample("entry-skipped", t.coverage.skipped, skipped)}
      ${sample("entry-other", t.coverage.other, all - shown - withheld - skipped)}
      ${mismatches ? html`<li><svg class="swatch" aria-hidden="true" width="18" height="12"><svg x="9" y="6" overflow="visible"><path class="checkpoint mismatches" d="M-5 -5 5 5M5 -5-5 5" /></svg></svg>${t.coverage.mismatch}</li>` : nothing}
    </ul>
  `;
}

function swatch(name: string): SVGTemplateResult {
  return svg`<rect class=${name} x="0.5" y="0.5" width="17" height="11" />${name === "entry-skipped" ? svg`<line class="entry-skipped-line" x1="0" x2="18" y1="6" y2="6" />` : nothing}`;
}

/** Maximum number of entries listed. */
const MAX_LISTED = 200;

interface Entry {
  readonly at: number;
  readonly view: TemplateResult;
  readonly line: number | undefined;
}

function listView({ session, coverage }: Part, t: PageTexts): TemplateResult | typeof nothing {
  if (!session || !coverage) return nothing;
  const { marks } = session;
  const gaps = [...each(coverage.skipped)].map((range) => gapEntry(range, marks, t));
  const withheld = [...each(coverage.withheld)].map(
    (range): Entry => ({
      at: range[0],
      view: html`<span class="state tone-doubt">${icon("withheld")}${t.coverage.withheld}</span> ${t.coverage.range(...range)}`,
      line: undefined,
    }),
  );
  const entries = [
    ...gaps,
    ...withheld,
    ...marks.checkpoints.map((mark) => checkpointEntry(mark, t)),
    ...marks.notes.map((mark) => noteEntry(mark, t)),
  ].sort((one, other) => one.at - other.at);
  if (entries.length === 0) return nothing;
  return html`
    <details class="coverage-list">
      <summary>${t.coverage.list} <span class="faint">${t.viewer.figures.count(entries.length)}</span></summary>
      <ol tabindex="0" aria-label=${t.coverage.heading}>
        ${entries.slice(0, MAX_LISTED).map(
          ({ view, line }) => html`
            <li>
              <div>${view}</div>
              ${line === undefined ? nothing : html`<span class="faint">${t.findings.line} ${t.viewer.figures.count(line)}</span>`}
            </li>`,
        )}
      </ol>
      ${entries.length > MAX_LISTED ? html`<p class="faint">${t.coverage.more(entries.length - MAX_LISTED)}</p>` : nothing}
    </details>
  `;
}

function gapEntry(range: Range, { skips }: Marks, t: PageTexts): Entry {
  const line = skips.find(({ index }) => index === range[0])?.line;
  return {
    at: range[0],
    view: html`<span class="state tone-faint">${icon("gap")}${t.coverage.skipped}</span> ${t.coverage.range(...range)}
      ${line === undefined ? nothing : html`<button type="button" class="quiet" @click=${emits("show-line", line)}>${t.coverage.show}<span class="sr"> ${t.coverage.range(...range)}</span></button>`}`,
    line,
  };
}

function checkpointEntry(mark: Marks["checkpoints"][number], t: PageTexts): Entry {
  const { size, matches, signatures, existed, seen, line } = mark;
  const tone = matches ? "good" : "bad";
  return {
    at: size,
    line,
    view: html`
      <span class="state tone-${tone}">${icon(matches ? "pass" : "fail")}${t.coverage.size(size)}</span>
      ${matches ? t.coverage.matches : t.coverage.mismatches}${existed === null ? nothing : html`; ${t.coverage.existed} ${moment(existed)}`}${seen === null ? nothing : html`, ${t.coverage.seen} ${moment(seen)}`}
      <ul class="signatures">
        ${signatures.map(
          ({ name, id, by, valid, time }) => html`
            <li>
              ${validView(valid, t)} ${t.coverage.kinds[by]} ${value(name)} <code>${id}</code>
              ${time === null ? nothing : html`<span class="faint">${moment(time)}</span>`}
            </li>`,
        )}
      </ul>`,
  };
}

function validView(valid: boolean | null, t: PageTexts): TemplateResult {
  if (valid === null)
    return html`<span class="state tone-faint">${icon("unknown")}${t.coverage.unchecked}</span>`;
  return valid
    ? html`<span class="state tone-good">${icon("pass")}${t.coverage.valid}</span>`
    : html`<span class="state tone-bad">${icon("fail")}${t.coverage.invalid}</span>`;
}

function noteEntry({ index, line, acts, statements }: Marks["notes"][number], t: PageTexts): Entry {
  return {
    at: index + 0.5,
    line,
    view: html`
      <span class="state tone-${acts ? "fair" : "doubt"}">${icon("key")}${t.coverage.note}</span>
      ${t.coverage.from(index)}, ${acts ? t.coverage.acts : t.coverage.actsNot}:
      ${statements.map((statement, place) => {
        const parts = keyParts(statement.vkey);
        return html`${place > 0 ? ", " : nothing}${statement.kind === "grant" ? t.coverage.grant : t.coverage.revoke} ${value(parts?.name ?? statement.vkey)} <code>${parts?.id}</code>`;
      })}`,
  };
}
