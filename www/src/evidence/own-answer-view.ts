import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { isSameAnswer, type OwnAnswer } from "./own-answer.ts";

/** Maximum number of entries that a sentence lists. The program has the same limit. */
const MAX_LISTED = 20;

/** Renders how an evidence file's answer differs from the one by the reader's trust file, entry by entry. */
export function differenceView(own: OwnAnswer | undefined, t: PageTexts): TemplateResult | typeof nothing {
  if (own === undefined || isSameAnswer(own)) return nothing;
  const texts = t.evidence.own;
  const { leftOut, unverified } = own;
  const line = (
    differs: string,
    words: (of: number, listed: string) => string,
    entries: readonly number[],
  ) =>
    entries.length === 0
      ? nothing
      : html`<p class="basis tone-bad" data-differs=${differs}>${icon("warning")}<span>${words(entries.length, listEntries(entries, t))}</span></p>`;
  return html`${line("left-out", texts.leftOut, leftOut)}${line("unverified", texts.unverified, unverified)}`;
}

/** Lists the first entries. */
function listEntries(entries: readonly number[], t: PageTexts): string {
  const shown = entries.slice(0, MAX_LISTED).join(", ");
  const more = entries.length - MAX_LISTED;
  return more > 0 ? t.evidence.own.more({ shown, more: t.viewer.figures.count(more) }) : shown;
}
