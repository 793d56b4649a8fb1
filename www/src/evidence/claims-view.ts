import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import type { Claims } from "./claims.ts";

/** Maximum number of entries that a sentence lists. */
const MAX_LISTED = 10;

/** Renders which altered events claim to match. A press on one dispatches `show-changed` with its line. */
export function claimsView(
  found: Claims | undefined,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
): TemplateResult | typeof nothing {
  if (found === undefined || found.claims.length + found.unread === 0) return nothing;
  const { claims, unread } = found;
  const { count } = figures;
  const more = claims.length - MAX_LISTED;
  return html`
    ${
      claims.length === 0
        ? nothing
        : html`
          <p class="basis tone-bad" data-claims=${claims.length}>${icon("altered")}<span>${t.claims(claims.length)}
            ${claims.slice(0, MAX_LISTED).map(({ index, line }) => html`<button type="button" class="quiet" @click=${emits("show-changed", line)}>${t.claim(count(index))}</button> `)}
            ${more > 0 ? t.moreNames(count(more)) : nothing}</span></p>`
    }
    ${unread > 0 ? html`<p class="basis tone-doubt" data-unread=${unread}>${icon("warning")}<span>${t.unreadClaims(unread)}</span></p>` : nothing}
  `;
}
