import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { rootOrigin } from "@countersign/ui/viewer/session/pin.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import type { Checkpoint } from "../src/input/checkpoint.ts";
import { coverageView } from "../src/result/coverage.ts";
import type { Memory } from "../src/state/memory.ts";
import { cosignatures } from "../src/state/strip.ts";
import type { Health } from "./health.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { partOf, table, type Verified } from "./verified.ts";
import { fact } from "./words.ts";

/** Maximum number of checkpoints listed. */
const MAX_LISTED = 100;

type CheckpointMark = Marks["checkpoints"][number];

/** Renders what the log claims to contain, unverified. */
export function claimsView(
  published: Checkpoint | undefined,
  health: Health | undefined,
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  if (published === undefined && health === undefined) return nothing;
  const { count } = t.viewer.figures;
  return html`
    <section class="claims" aria-labelledby="claims-heading">
      <h3 id="claims-heading">${icon("info")}${t.coverage.seen}</h3>
      <dl class="facts">
        ${health?.size === undefined ? nothing : fact(t.coverage.size, count(health.size))}
        ${published === undefined ? nothing : fact(t.coverage.published, count(published.size))}
        ${health?.published === undefined ? nothing : fact(t.coverage.at, moment(health.published.at))}
      </dl>
    </section>
  `;
}

/** Renders a warning if the log's name has changed. */
export function anotherView(
  published: Checkpoint | undefined,
  memory: Memory,
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  if (published === undefined) return nothing;
  // A server with tenants serves many logs at one address.
  const root = rootOrigin(published.origin);
  const others = memory.list().filter(({ origin }) => rootOrigin(origin) !== root);
  if (others.length === 0) return nothing;
  return html`
    <div class="another tone-doubt" role="note">
      ${icon("warning")}
      <p>
        <strong>${t.coverage.another}.</strong>
        ${t.coverage.anotherWhy(others.map(({ origin }, place) => html`${place > 0 ? ", " : nothing}${value(origin)}`))}
      </p>
    </div>
  `;
}

/** Renders the entries that were verified, and the checkpoints that cover them. */
export function coverageTab(verified: Verified, report: Report, t: ConsoleTexts): TemplateResult {
  const { marks } = verified.session;
  const { count, entries } = t.viewer.figures;
  const { counts, log } = report;
  const why = Object.entries(verified.withheld).filter(([, times]) => times > 0);
  return html`
    <section class="here" aria-labelledby="here-heading">
      <h3 id="here-heading">${t.coverage.here}</h3>
      <dl class="facts">
        ${fact(t.coverage.upTo, log === null ? html`<span class="faint">${t.coverage.upToNone}</span>` : entries(log.size))}
        ${fact(t.coverage.shown, count(counts.events))}
        ${fact(
          t.coverage.withheld,
          html`${count(counts.withheld)}${why.length === 0 ? nothing : html` <span class="faint">(${why.map(([name, times]) => `${count(times)} ${t.coverage.why[name as keyof Verified["withheld"]]}`).join(", ")})</span>`}`,
        )}
        ${fact(t.coverage.skipped, count(counts.skipped))}
        ${fact(t.coverage.notes, count(counts.notes))}
      </dl>
      ${why.length === 0 ? nothing : html`<p class="help">${t.coverage.whyHelp}</p>`}
    </section>
    ${coverageView(partOf(verified), report, t.page)}
    <section aria-labelledby="checkpoints-heading">
      <h3 id="checkpoints-heading">${t.coverage.checkpoints}</h3>
      <p class="help">${t.coverage.checkpointsAbout}</p>
      ${checkpointsView(marks.checkpoints, t)}
    </section>
  `;
}

/** Renders checkpoints, newest first. */
export function checkpointsView(all: readonly CheckpointMark[], t: ConsoleTexts): TemplateResult {
  if (all.length === 0) return html`<p class="empty">${t.coverage.noCheckpoints}</p>`;
  const different = all.filter((mark, place) => !isSame(mark, all[place - 1]));
  const newest = different.slice(-MAX_LISTED).reverse();
  const heads = t.coverage.table;
  return html`
    ${table(
      t.coverage.checkpoints,
      [heads.size, heads.matches, heads.log, heads.witnesses, heads.time, heads.root],
      newest.map((mark) => rowOf(mark, t)),
    )}
    ${different.length > MAX_LISTED ? html`<p class="faint">${t.coverage.more(different.length - MAX_LISTED)}</p>` : nothing}
  `;
}

/** True if both are equal. A live view repeats the checkpoint at the end of the export before it. */
function isSame(one: CheckpointMark, other: CheckpointMark | undefined): boolean {
  const { size, root, matches, seen } = one;
  return (
    size === other?.size &&
    root === other.root &&
    matches === other.matches &&
    seen === other.seen &&
    cosignatures(one) === cosignatures(other)
  );
}

function rowOf(mark: CheckpointMark, t: ConsoleTexts): TemplateResult {
  const own = mark.signatures.filter(({ by }) => by === "log");
  const isSigned = own.some(({ valid }) => valid === true)
    ? true
    : own.some(({ valid }) => valid === false)
      ? false
      : undefined;
  return html`
    <tr>
      <th scope="row" class="number">${t.viewer.figures.count(mark.size)}</th>
      <td>${answer(mark.matches, t)}</td>
      <td>${answer(isSigned, t)}</td>
      <td class="number">${t.viewer.figures.count(cosignatures(mark))}</td>
      <td>${mark.seen === null ? html`<span class="faint">–</span>` : moment(mark.seen)}</td>
      <td><code>${value(mark.root)}</code></td>
    </tr>
  `;
}

/** Renders yes, no, or not checked, with an icon so that color isn't the only sign. */
function answer(is: boolean | undefined, t: ConsoleTexts): TemplateResult {
  if (is === undefined)
    return html`<span class="state tone-faint">${icon("unknown")}${t.coverage.unchecked}</span>`;
  return is
    ? html`<span class="state tone-good">${icon("pass")}${t.coverage.yes}</span>`
    : html`<span class="state tone-bad">${icon("fail")}${t.coverage.no}</span>`;
}
