/** The table in an empty list: the number of events that match each condition. */

import { html, nothing, type TemplateResult } from "lit";
import type { SearchResult } from "../../index/types.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";

interface TableRow {
  readonly part: string;
  /** Events that match the part alone, and together with those above it; undefined if not counted. */
  readonly alone?: number | undefined;
  readonly stepwise?: number | undefined;
}

/**
 * Renders what `countersign show` prints as well: for each condition, the events that match it alone and step by
 * step.
 */
export function conditionCountsView(
  { conditions, steps }: SearchResult,
  texts: Texts,
): TemplateResult | typeof nothing {
  if (conditions.length === 0) {
    return nothing;
  }
  // If all conditions are joined by AND, the steps are the conditions.
  const isPlain = steps.length === conditions.length;
  const alone: readonly TableRow[] = conditions.map(({ part, events }, nth) => ({
    part,
    alone: events,
    stepwise: isPlain && steps.length > 1 ? steps[nth]?.events : undefined,
  }));
  const stepwise: readonly TableRow[] = steps.map(({ part, events }) => ({ part, stepwise: events }));
  return html`
    <div class="left" part="left">
      ${table(alone, texts)}
      ${!isPlain && steps.length > 1 ? table(stepwise, texts) : nothing}
    </div>
  `;
}

function table(lines: readonly TableRow[], { query: { left }, figures }: Texts): TemplateResult {
  const has = (count: "alone" | "stepwise") => lines.some((line) => line[count] !== undefined);
  const head = (count: "alone" | "stepwise") => (has(count) ? html`<th scope="col">${left[count]}</th>` : nothing);
  const cell = (line: TableRow, count: "alone" | "stepwise") => {
    const events = line[count];
    return events === undefined ? nothing : html`<td>${figures.count(events)}</td>`;
  };
  return html`
    <table>
      <caption>${left.caption}</caption>
      <thead>
        <tr><th scope="col">${left.condition}</th>${head("alone")}${head("stepwise")}</tr>
      </thead>
      <tbody>
        ${lines.map(
          (line) => html`
            <tr>
              <th scope="row"><code dir="ltr">${value(line.part, 120)}</code></th>${cell(line, "alone")}${cell(line, "stepwise")}
            </tr>`,
        )}
      </tbody>
    </table>
  `;
}
