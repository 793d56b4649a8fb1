/** A table whose rows become cards on narrow screens, where each cell is labeled with its column. */

import { define, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type TemplateResult } from "lit";

/** Maximum number of columns that fit on a narrow screen without cards. */
const MAX_NARROW_COLUMNS = 2;

/** Characters of a label that fit in a line of a card, and the maximum number of lines. */
const LABEL_LINE = 13;
const MAX_LABEL_LINES = 3;

/** Roles of the elements of a table. Some browsers drop them from elements that aren't displayed as one. */
const ROLES: Readonly<Record<string, string>> = {
  TABLE: "table",
  THEAD: "rowgroup",
  TBODY: "rowgroup",
  TR: "row",
  TD: "cell",
};

export class Table extends View {
  static override properties = props("name", "heads", "rows");

  declare name: string;
  declare heads: readonly string[];
  /** Rows with as many cells as there are heads. */
  declare rows: readonly TemplateResult[];

  protected override render(): TemplateResult {
    const { name, heads, rows } = this;
    const isWide = heads.length > MAX_NARROW_COLUMNS;
    return html`
      <div class=${isWide ? "table cards" : "table"} role="group" aria-label=${name} tabindex="0">
        <table>
          <thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
          <tbody>${rows.length > 0 ? rows : nothing}</tbody>
        </table>
      </div>
    `;
  }

  protected override updated(): void {
    const table = this.querySelector("table");
    if (table === null) return;
    for (const part of [table, ...table.querySelectorAll("thead, tbody, tr, td")])
      part.setAttribute("role", ROLES[part.tagName] ?? "cell");
    for (const head of table.querySelectorAll("th"))
      head.setAttribute("role", head.scope === "col" ? "columnheader" : "rowheader");
    for (const row of table.querySelectorAll("tbody > tr"))
      for (const [nth, cell] of [...row.children].entries()) {
        const label = this.heads[nth] ?? "";
        const lines = Math.min(MAX_LABEL_LINES, Math.ceil(label.length / LABEL_LINE));
        cell.setAttribute("data-label", label);
        cell.setAttribute("data-label-lines", String(lines));
      }
  }
}

define("cs-table", Table);
