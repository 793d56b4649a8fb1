/** The emitters of what was verified, as a table. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { emits } from "../src/emit.ts";
import { keyParts } from "../src/input/trust.ts";
import { type EventLink, signerQuery } from "./event-links.ts";
import { rhythms } from "./rhythm.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";

/** Maximum number of emitters listed. */
const MAX_LISTED = 200;

/** Renders when each emitter signed last, and how often it usually does. */
export function emittersView(report: Report, now: number, t: ConsoleTexts): TemplateResult {
  const words = t.emitters;
  const { duration } = t.viewer.figures;
  const all = rhythms(report, now);
  return html`
    <section aria-labelledby="emitters-heading">
      <h3 id="emitters-heading">${words.heading}</h3>
      <p class="help">${words.about}</p>
      ${table(
        words.heading,
        [words.name, words.last, words.usual, words.state],
        all.slice(0, MAX_LISTED).map(
          ({ vkey, last, usual, since, isSilent }) => html`
            <tr data-silent=${isSilent}>
              <th scope="row">${nameView(vkey, t)}</th>
              <td>${moment(last)}</td>
              <td>${usual === undefined ? words.few : usual < 1 ? words.often : words.every(duration(usual))}</td>
              <td><span class="state tone-${isSilent ? "doubt" : "faint"}">${isSilent ? icon("warning") : ""}${isSilent ? words.silent(duration(since)) : words.heard(duration(since))}</span></td>
            </tr>`,
        ),
      )}
    </section>
  `;
}

/** Renders the name of an emitter, as a link to the events that it signed. */
function nameView(vkey: string, t: ConsoleTexts): TemplateResult {
  const name = keyParts(vkey)?.name;
  if (name === undefined) return html`${value(vkey)}`;
  const link: EventLink = { query: signerQuery(name) };
  return html`<button type="button" class="quiet subject" @click=${emits("show-events", link)}>${value(name)}<span class="sr"> – ${t.emitters.events}</span></button>`;
}
