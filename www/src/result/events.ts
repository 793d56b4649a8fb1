import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { STANDINGS } from "../events/standing.ts";
import { count, counted } from "../format.ts";
import { icon } from "../icons.ts";

/** The list of events that are as signed, whose signers are in doubt, and what is not in it. */
export function eventsView(report: Report, listed: number, list: TemplateResult): TemplateResult {
  const { counts, finding_counts, signers, verdict } = report;
  const unlisted = Math.max(0, counts.events - listed);
  const isBad = verdict === "altered" || verdict === "broken";
  const isUnconfirmed = signers.some(({ trust }) => trust === "unknown");
  const isSuspect = (finding_counts["key.suspect"] ?? 0) + (finding_counts["key.late"] ?? 0) > 0;
  return html`
    <section aria-labelledby="events-heading">
      <h2 id="events-heading">Signed events <span class="faint">${count(listed)}</span></h2>
      ${
        listed === 0
          ? html`<p class="empty">No event in this file can be shown as what a key signed.</p>`
          : html`<p class="help">Each is, byte for byte, what its key signed. Nothing else from the file is shown here.</p>`
      }
      <ul class="unshown">
        ${isBad && listed > 0 ? html`<li class="tone-bad">Do not rely on the file as a whole: see the verdict.</li>` : nothing}
        ${isUnconfirmed && listed > 0 ? mark("unconfirmed", "by keys that you have not chosen to trust: anyone could have made them") : nothing}
        ${isSuspect && listed > 0 ? mark("suspect", "by keys that were revoked, or not attested in time: a thief may have made them") : nothing}
        ${unlisted > 0 ? html`<li>${counted(unlisted, "event")} of this file ${unlisted === 1 ? "is" : "are"} not listed: not what was signed, not covered by a valid signature, or on a link that failed.</li>` : nothing}
        ${counts.withheld > 0 ? html`<li>${counted(counts.withheld, "event")} ${counts.withheld === 1 ? "is" : "are"} withheld: recorded, but not in this file.</li>` : nothing}
      </ul>
      ${listed === 0 ? nothing : list}
    </section>
  `;
}

function mark(standing: keyof typeof STANDINGS, why: string): TemplateResult {
  const words = STANDINGS[standing];
  return html`<li><span class="state tone-${words.tone}">${icon(words.icon)}${words.word}</span>: events so marked are signed ${why}.</li>`;
}
