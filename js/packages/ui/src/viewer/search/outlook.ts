/**
 * How a reader looks at an export, in the fragment of the page's address: `#q=ada&filter=outcome:failure&order=-time&line=12`,
 * with a `filter` for each filter. Only members that are the viewer's are read and written. A fragment that names a place of the page is left as it is.
 */

import type { Order } from "../../index/types.js";
import { type ChosenColumn, DEFAULT_COLUMNS, readColumns, writeColumns } from "../list/columns.js";
import { orderOf, wordOf } from "../list/toolbar.js";
import type { Zone } from "../parts/format.js";
import { type Criteria, isSameCriteria } from "./criteria.js";

/** What an address can say. Empty texts are what is shown without it. */
const NAMES = ["q", "order", "tz", "columns", "folds", "line"] as const;
const FILTER = "filter";
/** More than a person's search has. */
const LONGEST = 8000;
/** No query is longer, in bytes, and none has more conditions. One that goes beyond is refused, and never shortened to another. */
const LONGEST_QUERY = 16_384;
const MOST_FILTERS = 128;

/** What is usual, and is not written. */
export interface Usual {
  readonly order: Order;
  readonly zone: Zone;
}

/** What is looked for, in which order, zone and columns. */
export class Outlook {
  /** What is looked for. */
  criteria: Criteria = { text: "", filters: [] };
  /** The order that the reader chose. */
  chosenOrder: Order | undefined;
  zone: Zone = "utc";
  /** Whether what is left out is one row where it stands together. */
  folds = true;
  columns: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  /** The line to show, as an address names it. */
  line: number | undefined;

  /**
   * Takes what the address says, and says whether something else is looked for now; `prefix` is before the names where
   * several viewers share a page.
   */
  read(prefix: string, usual: Usual): boolean {
    if (isPages(location.hash)) {
      return false;
    }
    const { hash } = location;
    const members = new URLSearchParams(hash.replace(/^#/, ""));
    const [q = "", order = "", tz = "", columns = "", folds = "", line = ""] = NAMES.map((name) => {
      const text = members.get(prefix + name) ?? "";
      return name === "q" || text.length <= LONGEST ? text : "";
    });
    const criteria: Criteria = {
      text: bounded(q.trim()),
      filters: members
        .getAll(prefix + FILTER)
        .slice(0, MOST_FILTERS + 1)
        .map((filter) => bounded(filter.trim()))
        .filter((filter) => filter !== ""),
    };
    this.zone = tz === "" ? usual.zone : tz === "local" ? "local" : "utc";
    this.columns = readColumns(columns) ?? DEFAULT_COLUMNS;
    this.line = /^[1-9]\d{0,14}$/.test(line) ? Number(line) : undefined;
    const before = `${this.folds} ${wordOf(this.chosenOrder ?? usual.order)}`;
    this.folds = folds !== "no";
    const chosen = orderOf(order);
    const isOther =
      !isSameCriteria(criteria, this.criteria) || `${this.folds} ${wordOf(chosen ?? usual.order)}` !== before;
    this.criteria = criteria;
    this.chosenOrder = chosen;
    return isOther;
  }

  /** Puts it into the address, unless that belongs to the page. */
  write(prefix: string, usual: Usual): void {
    if (isPages(location.hash)) {
      return;
    }
    const order = wordOf(this.chosenOrder ?? usual.order);
    const shown: Record<(typeof NAMES)[number], string> = {
      q: this.criteria.text,
      order: order === wordOf(usual.order) ? "" : order,
      tz: this.zone === usual.zone ? "" : this.zone,
      columns: this.columns === DEFAULT_COLUMNS ? "" : writeColumns(this.columns),
      folds: this.folds ? "" : "no",
      line: this.line === undefined ? "" : String(this.line),
    };
    const members = new URLSearchParams(location.hash.replace(/^#/, ""));
    for (const name of NAMES) {
      if (shown[name] === "") {
        members.delete(prefix + name);
      } else {
        members.set(prefix + name, shown[name]);
      }
    }
    members.delete(prefix + FILTER);
    for (const filter of this.criteria.filters) {
      members.append(prefix + FILTER, filter);
    }
    // Colons, commas and stars are what searches are made of, and may stand there as they are.
    const written = members.toString().replace(/%(3A|2C|2F|40)/g, (escaped) => decodeURIComponent(escaped));
    const hash = written === "" ? "" : `#${written}`;
    if (hash !== location.hash) {
      history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
    }
  }
}

/** A text of an address, so long at most that a longer one is still refused as too long. */
function bounded(text: string): string {
  return text.slice(0, LONGEST_QUERY + 1);
}

/** Whether it is the page's: a place in it. */
function isPages(hash: string): boolean {
  return /^#[^=]+$/.test(hash);
}
