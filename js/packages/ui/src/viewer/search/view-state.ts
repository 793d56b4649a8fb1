/**
 * The state of the view, kept in the fragment of the page's address:
 * `#q=ada&filter=outcome:failure&order=-time&line=12`, with one `filter` per filter. Only the viewer's own names are
 * read and written. A fragment that is an anchor of the page is left alone.
 */

import type { Order } from "../../index/types.js";
import { type ChosenColumn, DEFAULT_COLUMNS, readColumns, writeColumns } from "../list/columns.js";
import { orderOf, wordOf } from "../list/toolbar.js";
import type { Zone } from "../parts/format.js";
import { type Criteria, isSameCriteria } from "./criteria.js";

/** Names in the address. Empty values stand for the defaults. */
const NAMES = ["q", "order", "tz", "columns", "folds", "line"] as const;
const FILTER = "filter";
/** Maximum length of a value other than the query. */
const MAX_VALUE_LENGTH = 8000;
/**
 * Maximum length of a query in bytes, and maximum number of conditions. A longer one is reported as invalid, never
 * truncated to another query.
 */
const MAX_QUERY_LENGTH = 16_384;
const MAX_FILTERS = 128;

/** Defaults, which are not written. */
export interface ViewDefaults {
  readonly order: Order;
  readonly zone: Zone;
}

/** Search, order, time zone, columns, and open line. */
export class ViewState {
  criteria: Criteria = { text: "", filters: [] };
  /** Order that the reader chose. */
  chosenOrder: Order | undefined;
  zone: Zone = "utc";
  /** True if adjacent withheld events and gaps are one row. */
  folds = true;
  columns: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  /** Line to show, as in the address. */
  line: number | undefined;

  /**
   * Reads the state from the address. Returns true if the search changed. `prefix` precedes the names if several
   * viewers share a page.
   */
  read(prefix: string, defaults: ViewDefaults): boolean {
    if (isAnchor(location.hash)) {
      return false;
    }
    const { hash } = location;
    const members = new URLSearchParams(hash.replace(/^#/, ""));
    const [q = "", order = "", tz = "", columns = "", folds = "", line = ""] = NAMES.map((name) => {
      const text = members.get(prefix + name) ?? "";
      return name === "q" || text.length <= MAX_VALUE_LENGTH ? text : "";
    });
    const criteria: Criteria = {
      text: bounded(q.trim()),
      filters: members
        .getAll(prefix + FILTER)
        .slice(0, MAX_FILTERS + 1)
        .map((filter) => bounded(filter.trim()))
        .filter((filter) => filter !== ""),
    };
    this.zone = tz === "" ? defaults.zone : tz === "local" ? "local" : "utc";
    this.columns = readColumns(columns) ?? DEFAULT_COLUMNS;
    this.line = /^[1-9]\d{0,14}$/.test(line) ? Number(line) : undefined;
    const before = `${this.folds} ${wordOf(this.chosenOrder ?? defaults.order)}`;
    this.folds = folds !== "no";
    const chosen = orderOf(order);
    const isOther =
      !isSameCriteria(criteria, this.criteria) || `${this.folds} ${wordOf(chosen ?? defaults.order)}` !== before;
    this.criteria = criteria;
    this.chosenOrder = chosen;
    return isOther;
  }

  /** Writes the state into the address, unless the page uses the fragment itself. */
  write(prefix: string, defaults: ViewDefaults): void {
    if (isAnchor(location.hash)) {
      return;
    }
    const order = wordOf(this.chosenOrder ?? defaults.order);
    const shown: Record<(typeof NAMES)[number], string> = {
      q: this.criteria.text,
      order: order === wordOf(defaults.order) ? "" : order,
      tz: this.zone === defaults.zone ? "" : this.zone,
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
    // Colons, commas, slashes, and at signs are common in searches and allowed unescaped.
    const written = members.toString().replace(/%(3A|2C|2F|40)/g, (escaped) => decodeURIComponent(escaped));
    const hash = written === "" ? "" : `#${written}`;
    if (hash !== location.hash) {
      history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
    }
  }
}

/** Bounds a string so that one that is too long is still reported as such. */
function bounded(text: string): string {
  return text.slice(0, MAX_QUERY_LENGTH + 1);
}

/** True if the fragment is an anchor of the page. */
function isAnchor(hash: string): boolean {
  return /^#[^=]+$/.test(hash);
}
