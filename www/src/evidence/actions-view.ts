import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { ActionCount, ReadFacts } from "./answer-facts.ts";
import { isAskable } from "./askable.ts";

/** Maximum number of actions listed. */
const MAX_ACTIONS = 12;

/**
 * Renders how many events of an answer have each action, if they have several. With `narrow`, an action is a button that
 * asks about it alone; `kept` names the rest of the question in words.
 */
export function actionsView(
  { byAction, read, isAll }: Pick<ReadFacts, "byAction" | "read" | "isAll">,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
  narrow?: { readonly ask: (action: string) => void; readonly kept: string },
): TemplateResult | typeof nothing {
  const silent = read - byAction.reduce((sum, { events }) => sum + events, 0);
  if (byAction.length + (silent > 0 ? 1 : 0) < 2) return nothing;
  const { count } = figures;
  const more = byAction.length - MAX_ACTIONS;
  const nameView = (action: string) =>
    narrow !== undefined && isAskable("actions", action)
      ? html`<button type="button" class="quiet" @click=${() => narrow.ask(action)}>${value(action, 100)}</button>`
      : value(action, 100);
  const refusalView = ({ failed, denied }: ActionCount) => {
    const words = [
      ...(failed > 0 ? [t.outcomes.some.failure(count(failed), failed)] : []),
      ...(denied > 0 ? [t.outcomes.some.denied(count(denied), denied)] : []),
    ];
    return words.length === 0 ? nothing : html` <span class="tone-doubt">(${words.join(", ")})</span>`;
  };
  return html`
    <div class="ask-names" data-actions=${byAction.length}>
      <p>${t.byAction}</p>
      <ul>
        ${byAction.slice(0, MAX_ACTIONS).map((counts) => html`<li data-action=${counts.action}>${count(counts.events)} ${nameView(counts.action)}${refusalView(counts)}</li>`)}
        ${more > 0 ? html`<li class="faint">${t.moreNames(count(more))}</li>` : nothing}
        ${silent > 0 ? html`<li class="faint">${t.noAction(count(silent))}</li>` : nothing}
      </ul>
      ${narrow === undefined ? nothing : html`<p class="faint">${t.narrowAction(narrow.kept)}</p>`}
      ${isAll ? nothing : html`<p class="faint">${t.actionsOfFirst(figures.events(read))}</p>`}
    </div>
  `;
}
