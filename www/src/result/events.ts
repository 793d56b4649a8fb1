import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { count, counted } from "../format.ts";

/** The list of verified events, and what is not in it. */
export function eventsView(report: Report, listed: number, list: TemplateResult): TemplateResult {
  const { events, withheld } = report.counts;
  const unlisted = Math.max(0, events - listed);
  const isWhole = report.verdict !== "altered" && report.verdict !== "broken";
  return html`
    <section aria-labelledby="events-heading">
      <h2 id="events-heading">Verified events <span class="faint">${count(listed)}</span></h2>
      ${
        isWhole || listed === 0
          ? nothing
          : html`<p class="tone-bad">Each of these is what its signer signed. Do not rely on the file as a whole: see the verdict.</p>`
      }
      <ul class="unshown">
        ${unlisted > 0 ? html`<li>${counted(unlisted, "event")} of this file ${unlisted === 1 ? "is" : "are"} not listed: not what was signed, not covered by a valid signature, or on a link that failed.</li>` : nothing}
        ${withheld > 0 ? html`<li>${counted(withheld, "event")} ${withheld === 1 ? "is" : "are"} withheld: recorded, but not in this file.</li>` : nothing}
      </ul>
      ${listed === 0 ? html`<p class="empty">No event in this file can be shown as verified.</p>` : list}
    </section>
  `;
}
