/** Widths of columns. */

import type { Zone } from "../parts/format.js";
import { dragged } from "../view.js";
import {
  type ChosenColumn,
  type ColumnId,
  DEFAULT_COLUMNS,
  isMember,
  longestRun,
  NAMED_COLUMNS,
  widthWithin,
} from "./columns.js";

/**
 * Sets the layout of rows as custom properties, which a page's Content-Security-Policy can't forbid, unlike style
 * attributes.
 */
export function layOut({ style }: HTMLElement, columns: readonly ChosenColumn[], zone: Zone): void {
  const [from, to] = longestRun(columns);
  const lines = 1 + columns.filter(({ id }) => id !== "action" && id !== "outcome").length;
  const sizes = columns.map((column) => sizeOf(column, zone));
  style.setProperty("--cs-lines", String(lines));
  style.setProperty("--cs-tracks", `2rem ${sizes.map(([track]) => track).join(" ")}`);
  style.setProperty("--cs-least", `calc(2rem + ${sizes.map(([, least]) => least).join(" + ")})`);
  style.setProperty("--cs-span", String(Math.max(1, to - from)));
}

/** Widths in rem that columns need beyond their minimum. */
type Widths = Readonly<Partial<Record<ColumnId, number>>>;

/**
 * Default columns that are dropped, in this order, so that most names fit. The outcome is then shown with the action.
 * Columns that a reader chose are never dropped.
 */
const DROPPED_FIRST: readonly ColumnId[] = ["place", "address", "outcome"];
/** Widths at which most names fit. */
const COMFORTABLE_WIDTHS: Widths = { action: 10, actor: 11, target: 11 };
/**
 * Widths at which actions and actors can be distinguished. The target is dropped to reach them; the actor only if
 * the action would otherwise be narrower than its minimum.
 */
const DISTINCT_WIDTHS: Widths = { action: 9, actor: 8 };
/** Width of a row without its columns, in rem. */
const ROW_EXTRA_REM = 2.75;

/** Returns the columns that fit into a width in rem. */
export function fitting(columns: readonly ChosenColumn[], room: number, zone: Zone): readonly ChosenColumn[] {
  if (columns !== DEFAULT_COLUMNS || room <= 0) {
    return columns;
  }
  let fits = columns;
  const drop = (order: readonly ColumnId[], widths: Widths) => {
    for (const out of order) {
      if (fits.reduce((sum, { id }) => sum + (widths[id] ?? shareOf(id, zone)[0]), ROW_EXTRA_REM) <= room) {
        break;
      }
      fits = fits.filter(({ id }) => id !== out);
    }
  };
  drop(DROPPED_FIRST, COMFORTABLE_WIDTHS);
  drop(["target"], DISTINCT_WIDTHS);
  drop(["actor"], {});
  return fits.length === columns.length ? columns : fits;
}

/** Returns the columns of a card. Of the default ones, those that few readers need are in the details only. */
export function ofCard(columns: readonly ChosenColumn[]): readonly ChosenColumn[] {
  return columns === DEFAULT_COLUMNS ? CARD_COLUMNS : columns;
}

const CARD_COLUMNS: readonly ChosenColumn[] = DEFAULT_COLUMNS.filter(({ id }) => id !== "place" && id !== "address");

const MEMBER_SHARE = [7, 1] as const;

/** A UTC offset is longer than a Z. */
const LOCAL_TIME = [16.5, 0] as const;

/** Returns a column's track for `grid-template-columns`, and its minimum for `calc()`. */
function sizeOf({ id, width }: ChosenColumn, zone: Zone): readonly [track: string, least: string] {
  if (width !== undefined) {
    return [`${width}px`, `${width}px`];
  }
  const [least, share] = shareOf(id, zone);
  return [share === 0 ? `${least}rem` : `minmax(${least}rem, ${share}fr)`, `${least}rem`];
}

function shareOf(id: ColumnId, zone: Zone): readonly [number, number] {
  if ((id === "time" || id === "recorded") && zone === "local") {
    return LOCAL_TIME;
  }
  return isMember(id) ? MEMBER_SHARE : NAMED_COLUMNS[id];
}

/** Tracks a pointer from its press on a header's grip, and reports each width and the end. */
export function drag(event: PointerEvent, onWidth: (width: number) => void, onEnd: () => void): void {
  const header = (event.currentTarget as HTMLElement).parentElement;
  if (header === null || event.button !== 0) {
    return;
  }
  const begin = header.getBoundingClientRect().width;
  const way = getComputedStyle(header).direction === "rtl" ? -1 : 1;
  dragged(event, ({ clientX }) => onWidth(widthWithin(begin + way * (clientX - event.clientX))), onEnd);
}
