import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import type { Checkpoint } from "../src/input/checkpoint.ts";
import { coverageView } from "../src/result/coverage.ts";
import { moment } from "../src/said.ts";
import type { Memory } from "../src/state/memory.ts";
import { cosignatures } from "../src/state/strip.ts";
import type { Health } from "./health.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { partOf, table, type Verified } from "./verified.ts";
import { fact } from "./words.ts";

/** So many checkpoints are listed. */
const LISTED = 100;

type CheckpointMark = Marks["checkpoints"][number];

/** What the log says that it holds: not verified. */
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

/** A log that calls itself otherwise than before. */
export function anotherView(
  published: Checkpoint | undefined,
  memory: Memory,
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  const others = memory.list().filter(({ origin }) => origin !== published?.origin);
  if (published === undefined || others.length === 0) return nothing;
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

/** Which leaves were verified, and the checkpoints that vouch for them. */
export function coverageTab(verified: Verified, report: Report, t: ConsoleTexts): TemplateResult {
  const { marks } = verified.session;
  const { count, entries } = t.viewer.figures;
  const { counts, log } = report;
  const why = Object.entries(verified.withheld).filter(([, times]) => times > 0);
  return html`
    <section class="here" aria-labelledby="here-heading">
      <h3 id="here-heading">${t.coverage.here}</h3>
      <dl class="facts">
        ${fact(t.coverage.upTo, log === null ? html`<span class="faint">${t.coverage.upToNone}</span>` : leaves(log.size))}
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

/** Checkpoints, the newest first. */
export function checkpointsView(all: readonly CheckpointMark[], t: ConsoleTexts): TemplateResult {
  if (all.length === 0) return html`<p class="empty">${t.coverage.noCheckpoints}</p>`;
  const different = all.filter((mark, place) => !isSame(mark, all[place - 1]));
  const newest = different.slice(-LISTED).reverse();
  const heads = t.coverage.table;
  return html`
    ${table(
      t.coverage.checkpoints,
      [heads.size, heads.matches, heads.log, heads.witnesses, heads.time, heads.root],
      newest.map((mark) => rowOf(mark, t)),
    )}
    ${different.length > LISTED ? html`<p class="faint">${t.coverage.more(different.length - LISTED)}</p>` : nothing}
  `;
}

/** A live view says the checkpoint again that the export before it ended with. */
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

/** Yes, no, or not looked at: with a sign, and never by a color alone. */
function answer(is: boolean | undefined, t: ConsoleTexts): TemplateResult {
  if (is === undefined)
    return html`<span class="state tone-faint">${icon("unknown")}${t.coverage.untold}</span>`;
  return is
    ? html`<span class="state tone-good">${icon("pass")}${t.coverage.yes}</span>`
    : html`<span class="state tone-bad">${icon("fail")}${t.coverage.no}</span>`;
}
