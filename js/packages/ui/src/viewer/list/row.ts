/** Rendering of a row. */

import type { WithheldMark } from "@countersign/shared/verify.js";
import { html, nothing, type TemplateResult } from "lit";
import type { Level } from "../../analyze/types.js";
import type { SignerTrustSoFar } from "../../index/signer-trust.js";
import type { FoldRow, GapRow, Row } from "../../index/types.js";
import type { Zone } from "../parts/format.js";
import { icon, LEVEL_LOOKS, SIGNER_TRUST_LOOKS } from "../parts/icons.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { type ChosenColumn, isMember, longestRun } from "./columns.js";
import { cellsOf } from "./rows-cells.js";

/** Everything that a row's appearance depends on. */
export interface RowLooks {
  readonly number: number;
  /** Undefined until it is read. */
  readonly row: Row | undefined;
  readonly isCurrent: boolean;
  /** Events only. */
  readonly signerTrust: SignerTrustSoFar | undefined;
  /** Highest severity of the findings about it. */
  readonly level: Level | undefined;
  /** True if it can't be read anymore. */
  readonly isLost: boolean;
  readonly columns: readonly ChosenColumn[];
  /** True if the row is a card that shows each value next to its column's name. */
  readonly isCard: boolean;
  /** True if times of recording are marked, because other rows show the event's own time. */
  readonly marksRecorded: boolean;
  readonly zone: Zone;
  readonly texts: Texts;
}

/** Renders a row of the grid. */
export function rowView(looks: RowLooks): TemplateResult {
  const { number, row, isCurrent, level, isLost, columns, texts } = looks;
  const { list } = texts.rows;
  return html`
    <div
      class="row ${row?.kind ?? "unread"} ${isCurrent ? "current" : ""} ${level === undefined ? "" : "marked"}"
      part="row"
      role="row"
      id="cs-row-${number}"
      aria-rowindex=${number + 2}
      aria-selected=${isCurrent}
    >
      ${
        row === undefined
          ? html`<span role="gridcell" class="cell whole" aria-colspan=${columns.length + 1}>
              ${isLost ? list.lost : list.loading}
            </span>`
          : fullRow(row, looks)
      }
    </div>
  `;
}

/** Returns the name of a column. A field's column is named by its path. */
export function columnName(id: ChosenColumn["id"], texts: Texts): unknown {
  return isMember(id) ? html`<code>${value(id.slice(1))}</code>` : texts.rows.columns.names[id];
}

function fullRow(
  row: Row,
  { signerTrust, level, columns, isCard, marksRecorded, zone, texts }: RowLooks,
): TemplateResult {
  const { cells, excerpt } = cellsOf(row, columns, { zone, marksRecorded }, texts);
  const message = row.kind === "event" ? excerpt && html`<code>${value(excerpt)}</code>` : absence(row, texts);
  const cell = (from: number) => (one: unknown, place: number) =>
    cellView(one, columns[from + place]?.id ?? "line", isCard, texts);
  // If no cell has content, the message spans the whole row.
  const [from, to] = cells.every((cell) => cell === undefined) ? [0, 0] : longestRun(columns);
  return html`
    ${sign(row, signerTrust, level, texts)}
    ${
      message
        ? // Replaces the longest run of event cells.
          [
            ...(to > from ? cells.slice(0, from).map(cell(0)) : []),
            html`<span role="gridcell" class="cell message ${to > from ? "" : "all"}" aria-colspan=${to > from ? to - from : columns.length}>${message}</span>`,
            ...(to > from ? cells.slice(to).map(cell(to)) : []),
          ]
        : cells.map(cell(0))
    }
  `;
}

function cellView(cell: unknown, id: ChosenColumn["id"], isCard: boolean, texts: Texts): TemplateResult {
  return html`
    <span role="gridcell" class="cell cell-${isMember(id) ? "member" : id} ${cell === undefined ? "nil" : ""}">
      ${isCard ? html`<span class="label" aria-hidden="true">${columnName(id, texts)}</span>` : nothing}${cell ?? nothing}
    </span>
  `;
}

/** Renders signer trust as an icon with a word for screen readers. */
function sign(
  row: Row,
  signerTrust: SignerTrustSoFar | undefined,
  level: Level | undefined,
  texts: Texts,
): TemplateResult {
  const { rows } = texts;
  if (signerTrust === undefined) {
    return html`<span role="gridcell" class="sign">${icon(row.kind === "withheld" ? "withheld" : "gap")}</span>`;
  }
  const { icon: drawing, tone } = SIGNER_TRUST_LOOKS[signerTrust];
  return html`
    <span role="gridcell" class="sign tone-${tone}" title=${rows.signerTrust[signerTrust].word}>
      ${icon(drawing)}<span class="sr">${rows.signerTrust[signerTrust].word}</span>${level === undefined ? nothing : markView(level, texts)}
    </span>
  `;
}

/** Renders the severity of the findings about the row. */
function markView(level: Level, { found }: Texts): TemplateResult {
  const words = found.mark(found.levels[level]);
  return html`<span class="mark tone-${LEVEL_LOOKS[level].tone}" title=${words}>${icon("flag")}<span class="sr">${words}</span></span>`;
}

/** Returns the number of omitted or withheld entries, and which they are. */
export function absent(row: GapRow | FoldRow, { rows, figures }: Texts): readonly [says: string, which: string] {
  const { list } = rows;
  const { entries, index } = row;
  const withheld = row.kind === "fold" ? row.withheld : 0;
  const last = row.kind === "fold" ? row.last : index + entries - 1;
  const says =
    withheld === 0
      ? list.gap(entries)
      : entries === 0
        ? list.foldWithheld(withheld)
        : list.foldBoth(figures.entries(withheld + entries));
  const range = { first: index, last };
  // Entries that aren't events, such as a chain's opening, may be between them.
  const isAll = withheld + entries === last - index + 1;
  return [says, last === index ? list.gapEntry(index) : isAll ? list.gapEntries(range) : list.gapAmong(range)];
}

function absence(row: WithheldMark | GapRow | FoldRow, texts: Texts): TemplateResult {
  if (row.kind === "withheld") {
    return html`${texts.rows.list.withheld[row.why ?? "unsaid"]}`;
  }
  const [says, which] = absent(row, texts);
  return html`${says} <span class="faint">(${which})</span>`;
}
