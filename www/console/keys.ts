import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { keyParts, type TrustChoice } from "../src/input/trust.ts";
import { signersView } from "../src/result/signers.ts";
import { emittersView } from "./emitters.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { partOf, type Verified } from "./verified.ts";

/** Maximum number of key notes listed. */
const MAX_LISTED = 200;

/**
 * Renders signers with their histories, and all key notes, including those on keys that signed nothing yet.
 */
export function keysTab(
  verified: Verified,
  report: Report,
  trust: TrustChoice,
  t: ConsoleTexts,
): TemplateResult {
  const { notes } = verified.session.marks;
  return html`
    ${report.signers.length === 0 ? nothing : emittersView(report, Date.now(), t)}
    ${signersView(partOf(verified), report, trust, t.page)}
    <section aria-labelledby="notes-heading">
      <h3 id="notes-heading">${t.keys.notes}</h3>
      ${
        notes.length === 0
          ? html`<p class="empty">${t.keys.noNotes}</p>`
          : html`<ol class="notes">${notes
              .slice(-MAX_LISTED)
              .reverse()
              .map((note) => noteView(note, t))}</ol>`
      }
      ${notes.length > MAX_LISTED ? html`<p class="faint">${t.keys.more(notes.length - MAX_LISTED)}</p>` : nothing}
    </section>
  `;
}

function noteView(
  { index, acts, statements, signers }: Marks["notes"][number],
  t: ConsoleTexts,
): TemplateResult {
  const { coverage, signers: words } = t.page;
  return html`
    <li>
      <p class="note-head">
        <span class="state tone-${acts ? "fair" : "doubt"}">${icon("key")}${coverage.from(index)}</span>
        <span>${acts ? coverage.acts : coverage.actsNot}</span>
        ${signers.length === 0 ? nothing : html`<span class="faint">${words.by} ${signers.map((vkey, place) => html`${place > 0 ? ", " : nothing}${keyName(vkey)}`)}</span>`}
      </p>
      <ul>
        ${statements.map((statement) => {
          const isGrant = statement.kind === "grant";
          const from = isGrant ? statement.from : statement.since;
          const until = isGrant ? statement.until : null;
          return html`
            <li>
              <span class="state tone-${isGrant ? "good" : "bad"}">${icon(isGrant ? "added" : "removed")}${isGrant ? words.granted : words.revoked}</span>
              ${keyName(statement.vkey)}
              ${from === null ? nothing : html`${isGrant ? words.validFrom : words.since} ${moment(from)}`}
              ${until === null ? nothing : html`${words.validUntil} ${moment(until)}`}
            </li>`;
        })}
      </ul>
    </li>
  `;
}

function keyName(vkey: string): TemplateResult {
  const parts = keyParts(vkey);
  return html`${value(parts?.name ?? vkey)} <code>${parts?.id}</code>`;
}
