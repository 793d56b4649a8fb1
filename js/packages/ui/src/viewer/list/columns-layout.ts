/** How wide columns are. */

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

/** Lays out rows. A page's policy can forbid style attributes, but not this. */
export function layOut({ style }: HTMLElement, columns: readonly ChosenColumn[], zone: Zone): void {
  const [from, to] = longestRun(columns);
  const lines = 1 + columns.filter(({ id }) => id !== "action" && id !== "outcome").length;
  const sizes = columns.map((column) => sizeOf(column, zone));
  style.setProperty("--cs-lines", String(lines));
  style.setProperty("--cs-tracks", `2rem ${sizes.map(([track]) => track).join(" ")}`);
  style.setProperty("--cs-least", `calc(2rem + ${sizes.map(([, least]) => least).join(" + ")})`);
  style.setProperty("--cs-span", String(Math.max(1, to - from)));
}

/** What columns need, in rem, where that is more than their least. */
type Widths = Readonly<Partial<Record<ColumnId, number>>>;

/**
 * The usual columns that give way, in this order, so that most names can be read whole: how it ended then stands beside
 * the action. Those that a reader chose all stay.
 */
const FOR_COMFORT: readonly ColumnId[] = ["place", "address", "outcome"];
/** For most names to be read whole. */
const COMFORT: Widths = { action: 10, actor: 11, target: 11 };
/** For what was done, and by whom, to be told apart: the target gives way to that, and the actor only to the action's least. */
const TOLD_APART: Widths = { action: 9, actor: 8 };
/** What stands in a row beside its columns, in rem. */
const BESIDE = 2.75;

/** The columns for which there is room in so many rem. */
export function fitting(columns: readonly ChosenColumn[], room: number, zone: Zone): readonly ChosenColumn[] {
  if (columns !== DEFAULT_COLUMNS || room <= 0) {
    return columns;
  }
  let fits = columns;
  const leaveOut = (order: readonly ColumnId[], widths: Widths) => {
    for (const out of order) {
      if (fits.reduce((sum, { id }) => sum + (widths[id] ?? shareOf(id, zone)[0]), BESIDE) <= room) {
        break;
      }
      fits = fits.filter(({ id }) => id !== out);
    }
  };
  leaveOut(FOR_COMFORT, COMFORT);
  leaveOut(["target"], TOLD_APART);
  leaveOut(["actor"], {});
  return fits.length === columns.length ? columns : fits;
}

const MEMBER_SHARE = [7, 1] as const;

/** An offset is longer than a Z. */
const LOCAL_TIME = [16.5, 0] as const;

/** The track of a column, for `grid-template-columns`, and the least that it takes, for `calc()`. */
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

/** Follows a pointer from a press on a header's grip, and tells each width and the end. */
export function drag(event: PointerEvent, told: (width: number) => void, ended: () => void): void {
  const header = (event.currentTarget as HTMLElement).parentElement;
  if (header === null || event.button !== 0) {
    return;
  }
  const begin = header.getBoundingClientRect().width;
  const way = getComputedStyle(header).direction === "rtl" ? -1 : 1;
  dragged(event, ({ clientX }) => told(widthWithin(begin + way * (clientX - event.clientX))), ended);
}
