/** The changes that an event states: its `before` and `after`, as a difference. */

import { html, nothing, type TemplateResult } from "lit";
import { icon } from "../parts/icons.js";
import { type Json, member } from "../parts/json-view.js";
import type { Texts } from "../texts/texts.js";
import { type Change, difference } from "./diff.js";
import { type Bounds, memberName, membersView } from "./drawer-members.js";

/** Number of changes shown at first. */
const FIRST_CHANGES = 100;

/** Renders the difference; nothing if the event has neither field. `onCut` is called if the output is truncated. */
export function changesView(
  event: Json,
  texts: Texts,
  bounds: Bounds,
  onCut: () => void,
): TemplateResult | typeof nothing {
  const { diff } = texts.rows;
  const [before, after] = [member(event, "before"), member(event, "after")];
  if (before === undefined && after === undefined) {
    return nothing;
  }
  if (before === undefined || after === undefined) {
    return html`<p class="faint">${before === undefined ? diff.onlyAfter : diff.onlyBefore}</p>`;
  }
  const { changes, same } = difference(before, after);
  if (changes.length === 0) {
    return html`<p class="faint">${diff.nothing}</p>`;
  }
  const shown = changes.slice(0, Math.max(FIRST_CHANGES, bounds.members / 2));
  const more = changes.length - shown.length;
  const draw = membersView(texts, bounds, onCut);
  const rows = shown.map((change) => row(change, draw, texts));
  if (more > 0) {
    onCut();
  }
  return html`
    <ul class="changes">${rows}</ul>
    ${more > 0 ? html`<p class="faint">${diff.more(more)}</p>` : nothing}
    ${same > 0 ? html`<p class="faint">${diff.same(same)}</p>` : nothing}
    <p class="faint about">${diff.about}</p>
  `;
}

function row(change: Change, draw: (json: Json) => TemplateResult, texts: Texts): TemplateResult {
  const { diff } = texts.rows;
  const { kind, path, before, after } = change;
  const values = html`
    ${before === undefined ? nothing : html`<del><span class="sr">${diff.before}: </span>${draw(before)}</del>`}
    ${after === undefined ? nothing : html`<ins><span class="sr">${diff.after}: </span>${draw(after)}</ins>`}
  `;
  return html`
    <li class="change change-${kind}">
      <span class="change-kind">${icon(kind)}${diff.kinds[kind]}</span>
      <span class="change-path">${
        path.length === 0
          ? `${diff.before} → ${diff.after}`
          : path.map(
              (name, place) =>
                html`${place > 0 ? html`<span class="faint" aria-hidden="true"> › </span>` : nothing}${memberName(name, texts)}`,
            )
      }</span>
      <div class="change-values">${values}</div>
    </li>
  `;
}
