import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { hasAny } from "../state/answers.ts";
import type { PageTexts } from "../texts/en.ts";

/** Renders the number of unchanged events, of doubtful signers, and of entries that aren't listed. */
export function eventsView(
  { report, doubts }: Judged,
  listed: number,
  viewer: TemplateResult,
  t: PageTexts,
): TemplateResult {
  const { counts, finding_counts, signers, verdict } = report;
  const unlisted = Math.max(0, counts.events - listed);
  const reformatted = finding_counts["payload.reserialized"] ?? 0;
  const isBad = verdict === "altered" || verdict === "broken";
  const isUntrusted = signers.some(({ trust }) => trust === "untrusted");
  return html`
    <section class="events" aria-labelledby="events-heading">
      <h2 id="events-heading" class="sr">${t.events.heading}</h2>
      ${listed === 0 ? html`<p class="empty">${t.events.none}</p>` : nothing}
      <ul class="unshown">
        ${isBad && listed > 0 ? html`<li class="tone-bad">${t.events.notWhole}</li>` : nothing}
        ${isUntrusted && listed > 0 ? html`<li>${t.events.untrusted}</li>` : nothing}
        ${hasAny(doubts) && listed > 0 ? html`<li>${t.events.suspect}</li>` : nothing}
        ${unlisted > 0 ? html`<li>${t.events.unlisted(unlisted)}</li>` : nothing}
      </ul>
      ${listed + counts.withheld + counts.skipped === 0 ? nothing : viewer}
      <ul class="unshown">
        ${reformatted > 0 && listed > 0 ? html`<li>${t.events.reformatted(reformatted)}</li>` : nothing}
        ${counts.withheld > 0 ? html`<li>${t.events.withheld(counts.withheld)}</li>` : nothing}
      </ul>
      ${listed === 0 ? nothing : html`<p class="help">${t.events.each}</p>`}
    </section>
  `;
}
