/** What an empty list says: how many events each condition leaves. */

import { html, nothing, type TemplateResult } from "lit";
import type { Found } from "../../index/types.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";

interface Line {
  readonly part: string;
  /** Events that it leaves on its own, and with the conditions above it; undefined where it is not counted so. */
  readonly alone?: number | undefined;
  readonly stepwise?: number | undefined;
}

/** Returns what `countersign show` says too: for each condition the events it leaves on its own, and step by step. */
export function leftView({ conditions, steps }: Found, texts: Texts): TemplateResult | typeof nothing {
  if (conditions.length === 0) {
    return nothing;
  }
  // If conditions are joined by AND alone, the steps are the conditions.
  const isPlain = steps.length === conditions.length;
  const alone: readonly Line[] = conditions.map(({ part, events }, nth) => ({
    part,
    alone: events,
    stepwise: isPlain && steps.length > 1 ? steps[nth]?.events : undefined,
  }));
  const stepwise: readonly Line[] = steps.map(({ part, events }) => ({ part, stepwise: events }));
  return html`
    <div class="left" part="left">
      ${table(alone, texts)}
      ${!isPlain && steps.length > 1 ? table(stepwise, texts) : nothing}
    </div>
  `;
}

function table(lines: readonly Line[], { query: { left }, figures }: Texts): TemplateResult {
  const has = (count: "alone" | "stepwise") => lines.some((line) => line[count] !== undefined);
  const head = (count: "alone" | "stepwise") => (has(count) ? html`<th scope="col">${left[count]}</th>` : nothing);
  const cell = (line: Line, count: "alone" | "stepwise") => {
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
