/** How a reader looks at an export: what is in a page's address. */

import type { Order } from "../index/types.js";
import { type ChosenColumn, DEFAULT_COLUMNS, readColumns, writeColumns } from "./columns.js";
import type { Zone } from "./format.js";
import { isPages, readFragment, writeFragment } from "./fragment.js";
import { orderOf, wordOf } from "./toolbar.js";

/** What is usual, and is not written. */
export interface Usual {
  readonly order: Order;
  readonly zone: Zone;
}

/** What is looked for, in which order, zone and columns. */
export class Outlook {
  /** What is looked for. */
  text = "";
  /** The order that the reader chose. */
  chosenOrder: Order | undefined;
  zone: Zone = "utc";
  /** Whether what is left out is one row where it stands together. */
  folds = true;
  columns: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  /** The line to show, as an address names it. */
  line: number | undefined;

  /** Takes what the address says, and says whether something else is looked for now. */
  read(prefix: string, usual: Usual): boolean {
    if (isPages(location.hash)) {
      return false;
    }
    const { q, order, tz, columns, line, folds } = readFragment(location.hash, prefix);
    this.zone = tz === "" ? usual.zone : tz === "local" ? "local" : "utc";
    this.columns = readColumns(columns) ?? DEFAULT_COLUMNS;
    this.line = /^[1-9]\d{0,14}$/.test(line) ? Number(line) : undefined;
    const before = `${this.folds} ${wordOf(this.chosenOrder ?? usual.order)}`;
    this.folds = folds !== "no";
    const chosen = orderOf(order);
    const isOther = q !== this.text || `${this.folds} ${wordOf(chosen ?? usual.order)}` !== before;
    this.text = q;
    this.chosenOrder = chosen;
    return isOther;
  }

  /** Puts it into the address, unless that belongs to the page. */
  write(prefix: string, usual: Usual): void {
    if (isPages(location.hash)) {
      return;
    }
    const order = wordOf(this.chosenOrder ?? usual.order);
    const hash = writeFragment(location.hash, prefix, {
      q: this.text,
      order: order === wordOf(usual.order) ? "" : order,
      tz: this.zone === usual.zone ? "" : this.zone,
      columns: this.columns === DEFAULT_COLUMNS ? "" : writeColumns(this.columns),
      folds: this.folds ? "" : "no",
      line: this.line === undefined ? "" : String(this.line),
    });
    if (hash !== location.hash) {
      history.replaceState(history.state, "", `${location.pathname}${location.search}${hash}`);
    }
  }
}
