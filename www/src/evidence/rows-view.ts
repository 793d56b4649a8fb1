import type { EventRow } from "@countersign/ui/index/types.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import type { PageTexts } from "../texts/en.ts";
import { outcomeOf, saysOf } from "./rows.ts";

/** Renders events as a table: entry, time, and who did what to what. */
export function rowsView(rows: readonly EventRow[], t: PageTexts): TemplateResult {
  const { make } = t.evidence;
  const { count } = t.viewer.figures;
  const hasTimes = rows.some(({ happened }) => happened !== undefined);
  return html`
    <table class="papers listed">
      <thead><tr><th scope="col">${make.entry}</th>${hasTimes ? html`<th scope="col">${make.happened}</th>` : nothing}<th scope="col">${make.time}</th><th scope="col">${make.what}</th></tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`
            <tr>
              <th scope="row" data-label=${make.entry}>${count(row.index)}</th>
              ${hasTimes ? html`<td data-label=${make.happened}>${row.happened === undefined ? nothing : moment(row.happened)}</td>` : nothing}
              <td data-label=${make.time}>${moment(row.time)}</td>
              <td data-label=${make.what}>${value(saysOf(row), 200)} <span class="faint">${value(outcomeOf(row))}</span></td>
            </tr>`,
        )}
      </tbody>
    </table>
  `;
}
