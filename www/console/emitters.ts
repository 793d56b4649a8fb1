/** The emitters of what was verified, as a table. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { keyParts } from "../src/input/trust.ts";
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
              <th scope="row">${value(keyParts(vkey)?.name ?? vkey)}</th>
              <td>${moment(last)}</td>
              <td>${usual === undefined ? words.few : usual < 1 ? words.often : words.every(duration(usual))}</td>
              <td><span class="state tone-${isSilent ? "doubt" : "faint"}">${isSilent ? icon("warning") : ""}${isSilent ? words.silent(duration(since)) : words.heard(duration(since))}</span></td>
            </tr>`,
        ),
      )}
    </section>
  `;
}
