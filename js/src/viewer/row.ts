/** How one row is drawn. */

import { html, nothing, type TemplateResult } from "lit";
import type { Level } from "../analyze/types.js";
import type { Standing } from "../index/standing.js";
import type { FoldRow, GapRow, Row } from "../index/types.js";
import type { WithheldMark } from "../verify/marks.js";
import { type ChosenColumn, isMember, longestRun } from "./columns.js";
import { icon, LEVEL_LOOKS, type Look, STANDING_LOOKS } from "./icons.js";
import type { Cell, Cells } from "./rows-cells.js";
import type { Texts } from "./texts/texts.js";
import { value } from "./value.js";

/** A row, read for its columns. */
export interface ReadRow {
  readonly row: Row;
  readonly read: Cells;
}

/** All that a row's looks depend on. */
export interface RowLooks {
  readonly number: number;
  /** Undefined while it is not read yet. */
  readonly drawn: ReadRow | undefined;
  readonly isCurrent: boolean;
  /** Of an event alone. */
  readonly standing: Standing | undefined;
  /** How serious what rules found there is. */
  readonly level: Level | undefined;
  /** Whether it cannot be read any more. */
  readonly isLost: boolean;
  readonly columns: readonly ChosenColumn[];
  readonly texts: Texts;
}

/** A row of the grid. */
export function rowView(looks: RowLooks): TemplateResult {
  const { number, drawn, isCurrent, level, isLost, columns, texts } = looks;
  const { list } = texts.rows;
  return html`
    <div
      class="row ${drawn?.row.kind ?? "unread"} ${isCurrent ? "current" : ""} ${level === undefined ? "" : "marked"}"
      part="row"
      role="row"
      id="cs-row-${number}"
      aria-rowindex=${number + 2}
      aria-selected=${isCurrent}
    >
      ${
        drawn === undefined
          ? html`<span role="gridcell" class="cell whole" aria-colspan=${columns.length + 1}>
              ${isLost ? list.lost : list.reading}
            </span>`
          : whole(drawn, looks)
      }
    </div>
  `;
}

/** What a column is called. A member is called by its path, which the reader wrote. */
export function columnName(id: ChosenColumn["id"], texts: Texts): unknown {
  return isMember(id) ? html`<code>${value(id.slice(1))}</code>` : texts.rows.columns.names[id];
}

function whole({ row, read }: ReadRow, { standing, level, columns, texts }: RowLooks): TemplateResult {
  const { cells, untold } = read;
  const message = row.kind === "event" ? untold && html`<code>${value(untold)}</code>` : absence(row, texts);
  const cell = (from: number) => (one: Cell, place: number) =>
    cellView(one, columns[from + place]?.id ?? "line", texts);
  // Where nothing else stands in the row, it has all of it.
  const [from, to] = cells.every((cell) => cell === undefined) ? [0, 0] : longestRun(columns);
  return html`
    ${sign(row, standing, level, texts)}
    ${
      message
        ? // In place of the longest run of cells that are of the event.
          [
            ...(to > from ? cells.slice(0, from).map(cell(0)) : []),
            html`<span role="gridcell" class="cell message ${to > from ? "" : "all"}" aria-colspan=${to > from ? to - from : columns.length}>${message}</span>`,
            ...(to > from ? cells.slice(to).map(cell(to)) : []),
          ]
        : cells.map(cell(0))
    }
  `;
}

function cellView(cell: Cell, id: ChosenColumn["id"], texts: Texts): TemplateResult {
  return html`
    <span role="gridcell" class="cell cell-${isMember(id) ? "member" : id} ${cell === undefined ? "nil" : ""}">
      <span class="label" aria-hidden="true">${columnName(id, texts)}</span>${cell === undefined ? nothing : content(cell, texts)}
    </span>
  `;
}

function content(cell: NonNullable<Cell>, { figures, rows }: Texts): unknown {
  switch (cell.kind) {
    case "time":
      return html`<time datetime=${cell.time} dir="ltr">${cell.shown}</time>`;
    case "outcome":
      return cell.text === undefined
        ? html`<span class="outcome implied">${rows.list.notStated}</span>`
        : outcome(cell.text);
    case "text":
      return cell.outcome === undefined ? value(cell.text) : withOutcome(cell.text, cell.outcome);
    case "named": {
      const { id, name } = cell;
      return name === undefined
        ? value(id)
        : html`<span class="named">${value(name)} <span class="faint">${value(id)}</span></span>`;
    }
    case "number":
      return figures.count(cell.number);
    case "place":
      return html`<bdi dir="ltr"><code>${cell.chain.slice(0, 8)}</code> / ${figures.count(cell.seq)}</bdi>`;
  }
}

/** The words for what went wrong, or may have. */
const OUTCOME_LOOKS: ReadonlyMap<string, Look> = new Map([
  ["failure", { icon: "fail", tone: "bad" }],
  ["denied", { icon: "warning", tone: "doubt" }],
  ["unknown", { icon: "unknown", tone: "faint" }],
]);

/** An event's own word for how it went; what went wrong catches the eye. */
function outcome(text: string): TemplateResult {
  const look = OUTCOME_LOOKS.get(text);
  return look === undefined
    ? value(text)
    : html`<span class="outcome tone-${look.tone}">${icon(look.icon)}${value(text)}</span>`;
}

/** An action, with a drawing of how it went where that is not well. */
function withOutcome(action: string, text: string): TemplateResult {
  const look = OUTCOME_LOOKS.get(text);
  return look === undefined
    ? value(action)
    : html`<span class="outcome"><span class="tone-${look.tone}" title=${text}>${icon(look.icon)}<span class="sr">${text}</span></span>${value(action)}</span>`;
}

/** Who signed, as a drawing and, for those who do not see it, a word. */
function sign(row: Row, standing: Standing | undefined, level: Level | undefined, texts: Texts): TemplateResult {
  const { rows } = texts;
  if (standing === undefined) {
    return html`<span role="gridcell" class="sign">${icon(row.kind === "withheld" ? "withheld" : "gap")}</span>`;
  }
  const { icon: drawing, tone } = STANDING_LOOKS[standing];
  return html`
    <span role="gridcell" class="sign tone-${tone}" title=${rows.standing[standing].word}>
      ${icon(drawing)}<span class="sr">${rows.standing[standing].word}</span>${level === undefined ? nothing : markView(level, texts)}
    </span>
  `;
}

/** That rules found something there, and how serious that is. */
function markView(level: Level, { found }: Texts): TemplateResult {
  const words = found.mark(found.levels[level]);
  return html`<span class="mark tone-${LEVEL_LOOKS[level].tone}" title=${words}>${icon("flag")}<span class="sr">${words}</span></span>`;
}

/** How many entries are not here, and which. */
export function absent(row: GapRow | FoldRow, { rows, figures }: Texts): readonly [says: string, which: string] {
  const { list } = rows;
  const { leaves, index } = row;
  const withheld = row.kind === "fold" ? row.withheld : 0;
  const last = row.kind === "fold" ? row.last : index + leaves - 1;
  const says =
    withheld === 0
      ? list.gap(leaves)
      : leaves === 0
        ? list.foldWithheld(withheld)
        : list.foldBoth(figures.entries(withheld + leaves));
  return [says, last === index ? list.gapLeaf(index) : list.gapLeaves(index, last)];
}

function absence(row: WithheldMark | GapRow | FoldRow, texts: Texts): TemplateResult {
  if (row.kind === "withheld") {
    return html`${texts.rows.list.withheld[row.why ?? "unsaid"]}`;
  }
  const [says, which] = absent(row, texts);
  return html`${says} <span class="faint">(${which})</span>`;
}
