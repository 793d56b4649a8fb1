import type { EventRow } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emit } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import type { EventChanges } from "./answer-changes.ts";
import { changesView } from "./answer-changes-view.ts";
import { DAY_MS, delayOf, LATE_MS, MAX_CLOCK_SKEW_MS } from "./answer-facts.ts";
import { outcomeOf, saysOf } from "./rows.ts";

/** The events of an answer. */
interface AnswerRows {
  readonly rows: readonly EventRow[];
  /** Their changes, by line, if they are known. */
  readonly changes?: ReadonlyMap<number, EventChanges>;
  /** True if a press on a row dispatches `show-event` with the row. */
  readonly opens: boolean;
}

/** Renders the events of an answer as a table: entry, times, who did what to what, and what changed. */
export function answerRows({ rows, changes, opens }: AnswerRows, t: PageTexts): TemplateResult {
  const { make, ask } = t.evidence;
  const { count } = t.viewer.figures;
  const hasTimes = rows.some(({ happened }) => happened !== undefined);
  return html`
    <table class="papers listed ${opens ? "ask-rows" : ""}">
      <thead><tr><th scope="col">${make.entry}</th>${hasTimes ? html`<th scope="col">${make.happened}</th>` : nothing}<th scope="col">${make.time}</th><th scope="col">${make.what}</th></tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`
            <tr @click=${opens ? (event: Event) => openEvent(event, row) : nothing}>
              <th scope="row" data-label=${make.entry}>${opens ? html`<button type="button" class="link" aria-label=${ask.open(count(row.index))}>${count(row.index)}</button>` : count(row.index)}</th>
              ${hasTimes ? html`<td data-label=${make.happened}>${row.happened === undefined ? nothing : moment(row.happened)}</td>` : nothing}
              <td data-label=${make.time}><span>${moment(row.time)}${delayView(row, t)}</span></td>
              <td data-label=${make.what}><span>${value(saysOf(row, t), 200)}${outcomeOf(row) === "" ? nothing : html` <span class="faint">${value(outcomeOf(row))}</span>`}${changesView(changes?.get(row.line), t)}</span></td>
            </tr>`,
        )}
      </tbody>
    </table>
  `;
}

/** Opens the event, unless text was selected. The button in the row makes it reachable by keyboard. */
function openEvent(event: Event, row: EventRow): void {
  const selection = getSelection();
  if (selection?.isCollapsed === false && selection.containsNode(event.currentTarget as Node, true)) return;
  emit(event.currentTarget, "show-event", row);
}

/** Renders how much later than stated an event was recorded, if that is unusual. */
export function delayView(row: EventRow, t: PageTexts): TemplateResult | typeof nothing {
  const { ask } = t.evidence;
  const delay = delayOf(row);
  if (delay <= LATE_MS && delay >= -MAX_CLOCK_SKEW_MS) return nothing;
  const words = delay < 0 ? ask.isFuture : ask.isLate(Math.floor(delay / DAY_MS));
  return html` <small class="ask-delay tone-doubt">${icon("warning")}${words}</small>`;
}
