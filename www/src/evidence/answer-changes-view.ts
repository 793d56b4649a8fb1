import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { type EventChanges, textOf } from "./answer-changes.ts";

/** Maximum characters of a name or value in a change. */
const MAX_CHARS = 60;

/** Renders the changes that an event states; nothing if it states none. */
export function changesView(
  changed: EventChanges | undefined,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (changed === undefined) return nothing;
  const { diff } = t.viewer.rows;
  return html`
    <ul class="ask-changes">
      ${changed.changes.map(
        ({ path, before, after }) => html`
          <li>
            <span class="faint">${path.length === 0 ? nothing : html`${value(path.join(" › "), MAX_CHARS)}:`}</span>
            ${before === undefined ? html`<span class="faint">–</span>` : html`<del><span class="sr">${diff.before}: </span>${value(textOf(before), MAX_CHARS)}</del>`}
            <span aria-hidden="true">→</span>
            ${after === undefined ? html`<span class="faint">–</span>` : html`<ins><span class="sr">${diff.after}: </span>${value(textOf(after), MAX_CHARS)}</ins>`}
          </li>`,
      )}
      ${changed.more > 0 ? html`<li class="faint">${diff.more(changed.more)}</li>` : nothing}
    </ul>
  `;
}
