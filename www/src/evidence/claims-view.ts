import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import type { Claims } from "./claims.ts";
import type { FiledClaim, FiledClaims } from "./filed-claims.ts";

/** Maximum number of entries that a sentence lists. */
const MAX_LISTED = 10;

/** Renders which altered events claim to match. With `opens`, a press on one dispatches `show-changed` with its line. */
export function claimsView(
  found: Claims | undefined,
  opens: boolean,
  t: PageTexts,
): TemplateResult | typeof nothing {
  return found === undefined
    ? nothing
    : statementsView({ by: "page", ...found }, opens, t.evidence.ask.claims, t);
}

/** Renders which altered events an evidence file doesn't count, and who says so. */
export function filedClaimsView(
  found: FiledClaims | undefined,
  opens: boolean,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (found === undefined) return nothing;
  const { ask, filed } = t.evidence;
  const words = { page: ask.claims, author: filed.statedClaims, report: filed.mayClaim }[found.by];
  return statementsView(found, opens, words, t);
}

function statementsView(
  { by, claims, altered, unread }: FiledClaims,
  opens: boolean,
  words: (claims: number) => string,
  { evidence: { ask: t }, viewer: { figures } }: PageTexts,
): TemplateResult {
  const { count } = figures;
  const more = claims.length - MAX_LISTED;
  const entryView = ({ index, line }: FiledClaim) => {
    const name = t.claim(count(index));
    return line === undefined || !opens
      ? html`${name} `
      : html`<button type="button" class="quiet" @click=${emits("show-changed", line)}>${name}</button> `;
  };
  return html`
    ${
      claims.length === 0
        ? nothing
        : html`
          <p class="basis tone-bad" data-claims=${claims.length} data-claims-by=${by}>${icon("altered")}<span>${words(by === "report" ? altered : claims.length)}
            ${claims.slice(0, MAX_LISTED).map(entryView)}
            ${more > 0 ? t.moreNames(count(more)) : nothing}</span></p>`
    }
    ${unread > 0 ? html`<p class="basis tone-doubt" data-unread=${unread}>${icon("warning")}<span>${t.unreadClaims(unread)}</span></p>` : nothing}
  `;
}
