import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { hasAny } from "../state/answers.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Renders the events, the number of unchanged events, of doubtful signers, and of entries that aren't listed. Before
 * the verdict, renders only the events.
 */
export function eventsView(
  judged: Judged | undefined,
  listed: number,
  viewer: TemplateResult,
  t: PageTexts,
): TemplateResult {
  return judged === undefined
    ? sectionView(nothing, viewer, nothing, t)
    : sectionView(
        remarksView(judged, listed, t),
        hasRows(judged, listed) ? viewer : nothing,
        notesView(judged, listed, t),
        t,
      );
}

/** Renders the viewer at the same place before and after the verdict. */
function sectionView(above: unknown, viewer: unknown, below: unknown, t: PageTexts): TemplateResult {
  return html`
    <section class="events" aria-labelledby="events-heading">
      <h2 id="events-heading" class="sr">${t.events.heading}</h2>
      ${above} ${viewer} ${below}
    </section>
  `;
}

function hasRows({ report: { counts } }: Judged, listed: number): boolean {
  return listed + counts.withheld + counts.skipped > 0;
}

function remarksView({ report, doubts }: Judged, listed: number, t: PageTexts): TemplateResult {
  const { counts, signers, verdict } = report;
  const unlisted = Math.max(0, counts.events - listed);
  const isBad = verdict === "altered" || verdict === "broken";
  const isUntrusted = signers.some(({ trust }) => trust === "untrusted");
  return html`
    ${listed === 0 ? html`<p class="empty">${t.events.none}</p>` : nothing}
    <ul class="unshown">
      ${isBad && listed > 0 ? html`<li class="tone-bad">${t.events.notWhole}</li>` : nothing}
      ${isUntrusted && listed > 0 ? html`<li>${t.events.untrusted}</li>` : nothing}
      ${hasAny(doubts) && listed > 0 ? html`<li>${t.events.suspect}</li>` : nothing}
      ${unlisted > 0 ? html`<li>${t.events.unlisted(unlisted)}</li>` : nothing}
    </ul>
  `;
}

function notesView({ report }: Judged, listed: number, t: PageTexts): TemplateResult {
  const { counts, finding_counts } = report;
  const reformatted = finding_counts["payload.reserialized"] ?? 0;
  return html`
    <ul class="unshown">
      ${reformatted > 0 && listed > 0 ? html`<li>${t.events.reformatted(reformatted)}</li>` : nothing}
      ${counts.withheld > 0 ? html`<li>${t.events.withheld(counts.withheld)}</li>` : nothing}
    </ul>
    ${listed === 0 ? nothing : html`<p class="help">${t.events.each}</p>`}
  `;
}
