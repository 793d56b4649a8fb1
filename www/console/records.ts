/** What a log keeps beside its events: refused forks and what stopped it, and how far erasures are. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { save } from "@countersign/ui/viewer/parts/save.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../src/said.ts";
import { type Erasure, parseErasures } from "./erasures.ts";
import { type Log, type Refusal, refusalOf } from "./log.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { table } from "./verified.ts";
import { wordsOf } from "./words.ts";

/** So many are listed. */
const LISTED = 100;
/** Longer answers are not read. */
const LONGEST = 8 << 20;

/** What was asked of the log; undefined where nobody may ask for it, or nobody did. */
export interface Records {
  readonly erasures: readonly Erasure[] | Refusal | undefined;
  /** The evidence, one JSON object a line, and how many there are. */
  readonly evidence: { readonly text: string; readonly lines: number } | Refusal | undefined;
}

export const NO_RECORDS: Records = { erasures: undefined, evidence: undefined };

/** Asks for both, each by itself: a token may be for the one and not for the other. */
export async function askRecords(log: Log): Promise<Records> {
  const text = async (address: string) => (await log.success(address)).text();
  const [erasures, evidence] = await Promise.all([
    text("erasures").then(parseErasures, refusalOf),
    text("evidence").then(
      (text) => ({ text: text.slice(0, LONGEST), lines: text.split("\n").filter(Boolean).length }),
      refusalOf,
    ),
  ]);
  return { erasures, evidence };
}

/** Three places: what was erased, what was refused, and who read what. */
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
      erasures.slice(0, LISTED).map(
        ({ record, state, at, events }) => html`
          <tr><td class="number">${count(record)}</td><td>${moment(at)}</td><td class="number">${events === undefined ? nothing : count(events)}</td><td>${value(state)}</td></tr>`,
      ),
    )}
    ${erasures.length > LISTED ? html`<p class="faint">${t.keys.more(erasures.length - LISTED)}</p>` : nothing}
  `;
}

/** That this token is not for it is nothing to be alarmed by. */
function refusedView(refusal: Refusal, t: ConsoleTexts): TemplateResult {
  return html`<p class="empty">${t.refusals[wordsOf(refusal)].title}.</p>`;
}

function isRefusal(answer: object): answer is Refusal {
  return "why" in answer;
}
