/** A log's records besides its events: erasures, rejected forks, and the reason for a stop. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/core-sentence.ts";
import { type Erasure, parseErasures } from "./erasures.ts";
import { failureOf, type Log, type RequestFailure } from "./log.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";
import { wordsOf } from "./words.ts";

/** Maximum number of records listed. */
const MAX_LISTED = 100;
/** Maximum length of a response. */
const MAX_RESPONSE_LENGTH = 8 << 20;

/** Responses of the log; undefined without permission or before the request. */
export interface Records {
  readonly erasures: readonly Erasure[] | RequestFailure | undefined;
  /** Evidence as one JSON object per line, and the number of lines. */
  readonly evidence: { readonly text: string; readonly lines: number } | RequestFailure | undefined;
}

export const NO_RECORDS: Records = { erasures: undefined, evidence: undefined };

/** Requests both independently, because a token may permit only one of them. */
export async function askRecords(log: Log): Promise<Records> {
  const text = async (address: string) => (await log.success(address)).text();
  const [erasures, evidence] = await Promise.all([
    text("erasures").then(parseErasures, failureOf),
    text("evidence").then(
      (text) => ({
        text: text.slice(0, MAX_RESPONSE_LENGTH),
        lines: text.split("\n").filter(Boolean).length,
      }),
      failureOf,
    ),
  ]);
  return { erasures, evidence };
}

/** Renders three sections: erasures, rejected forks, and reads. */
export function recordsView(
  { erasures, evidence }: Records,
  mayRead: boolean,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.records;
  return html`
    <section aria-labelledby="erasures-heading">
      <h3 id="erasures-heading">${words.erasures}</h3>
      <p class="help">${words.erasuresAbout}</p>
      ${erasures === undefined ? html`<p class="empty">${t.access.needed}</p>` : isRefusal(erasures) ? refusedView(erasures, t) : erasuresView(erasures, t)}
    </section>
    <section aria-labelledby="evidence-heading">
      <h3 id="evidence-heading">${words.evidence}</h3>
      <p class="help">${words.evidenceAbout}</p>
      ${
        evidence === undefined
          ? html`<p class="empty">${t.access.needed}</p>`
          : isRefusal(evidence)
            ? refusedView(evidence, t)
            : evidence.lines === 0
              ? html`<p class="state tone-good">${icon("pass")}${words.noEvidence}</p>`
              : html`
                <p class="state tone-bad">${icon("warning")}${words.kept(evidence.lines)}</p>
                <div class="buttons"><button type="button" @click=${() => save("evidence.ndjson", evidence.text)}>${words.save}</button></div>`
      }
    </section>
    <section aria-labelledby="reads-heading">
      <h3 id="reads-heading">${words.reads}</h3>
      <p class="help">${words.readsAbout}</p>
      ${mayRead ? html`<p><a href="#tab=search&query=action:log.*">${words.readsSearch}</a></p>` : html`<p class="empty">${t.access.needed}</p>`}
    </section>
  `;
}

function erasuresView(erasures: readonly Erasure[], t: ConsoleTexts): TemplateResult {
  const words = t.records;
  const { count } = t.viewer.figures;
  if (erasures.length === 0) return html`<p class="empty">${words.noErasures}</p>`;
  return html`
    ${table(
      words.erasures,
      [words.entry, words.at, words.events, words.state],
      erasures.slice(0, MAX_LISTED).map(
        ({ record, state, at, events }) => html`
          <tr><th scope="row" class="number"><a href=${`#tab=search&from=${record}&to=${record + 1}`}>${count(record)}<span class="sr"> – ${words.show}</span></a></th><td>${moment(at)}</td><td class="number">${events === undefined ? nothing : count(events)}</td><td>${value(state)}</td></tr>`,
      ),
    )}
    ${erasures.length > MAX_LISTED ? html`<p class="faint">${t.keys.more(erasures.length - MAX_LISTED)}</p>` : nothing}
  `;
}

/** Renders a missing permission, which is no reason for alarm. */
function refusedView(refusal: RequestFailure, t: ConsoleTexts): TemplateResult {
  return html`<p class="empty">${t.refusals[wordsOf(refusal)].title}.</p>`;
}

function isRefusal(answer: object): answer is RequestFailure {
  return "why" in answer;
}
