import { icon, outcomeOf, STATE_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence, moment } from "../src/core-sentence.ts";
import { vouchers } from "../src/state/signers.ts";
import { checkpointsView } from "./coverage.ts";
import { type Health, isUnheard } from "./health.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Verified } from "./verified.ts";

/** Maximum number of other signers listed. */
const MAX_LISTED = 50;

/**
 * Renders who cosigned, when, and whether that is enough by the reader's trust file, as determined by the
 * core.
 */
export function witnessesTab(
  { session }: Verified,
  judged: Judged,
  trust: string | undefined,
  health: Health | undefined,
  t: ConsoleTexts,
): TemplateResult {
  const { marks } = session;
  const witnesses = vouchers(marks, trust ?? "").filter(({ role }) => role === "witness");
  const others = unknownSigners(marks);
  const words = t.witnesses;
  return html`
    <section aria-labelledby="quorum-heading">
      <h3 id="quorum-heading">${words.quorum}</h3>
      ${quorumView(marks, judged, trust, t)}
      ${health?.published?.witnessed === undefined ? nothing : html`<p class="help">${words.log}: ${isUnheard(health) ? words.noneHeard : words.healthy(health.published.witnessed)}.</p>`}
    </section>
    ${
      trust === undefined
        ? nothing
        : html`
          <section aria-labelledby="yours-heading">
            <h3 id="yours-heading">${words.yours}</h3>
            ${witnesses.length === 0 ? html`<p class="empty">${words.noneYours}</p>` : html`<ul class="people">${witnesses.map((witness) => witnessView(witness, t))}</ul>`}
          </section>`
    }
    ${
      others.length === 0
        ? nothing
        : html`
          <section aria-labelledby="others-heading">
            <h3 id="others-heading">${words.others}</h3>
            <p class="help">${words.othersAbout}</p>
            <ul class="people">
              ${others.slice(0, MAX_LISTED).map(
                ([name, id, times]) => html`
                  <li><span class="state tone-faint">${icon("unknown")}${value(name)}</span> <code>${value(id)}</code> <span>${words.signed(times)}</span></li>`,
              )}
            </ul>
          </section>`
    }
    <section aria-labelledby="cosigned-heading">
      <h3 id="cosigned-heading">${t.coverage.checkpoints}</h3>
      ${checkpointsView(marks.checkpoints, t)}
    </section>
  `;
}

function witnessView(
  { name, id, valid, invalid, last }: ReturnType<typeof vouchers>[number],
  { witnesses: words }: ConsoleTexts,
): TemplateResult {
  const [tone, sign] =
    invalid > 0
      ? (["bad", "fail"] as const)
      : valid > 0
        ? (["good", "pass"] as const)
        : (["faint", "unknown"] as const);
  return html`
    <li data-cosigned=${valid}>
      <span class="state tone-${tone}">${icon(sign)}${value(name)}</span>
      <code>${id}</code>
      <span>
        ${valid === 0 ? html`<span class="faint">${words.never}</span>` : words.cosigned(valid)}${invalid > 0 ? html`, ${words.invalid(invalid)}` : nothing}${last === undefined ? nothing : html`, ${words.last} ${moment(last)}`}
      </span>
    </li>
  `;
}

function quorumView(
  { checkpoints }: Marks,
  judged: Judged,
  trust: string | undefined,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.witnesses;
  const newest = checkpoints.at(-1);
  const { witnesses } = judged.report.checks;
  if (trust === undefined || witnesses.state === "not_checked") {
    const why =
      trust !== undefined && witnesses.state === "not_checked"
        ? coreSentence(witnesses.reason, judged.phrases, t.page)
        : words.noTrust;
    const isIdle = trust !== undefined && outcomeOf("witnesses", judged) === "not_needed";
    const { tone, icon: sign } = STATE_LOOKS[isIdle ? "not_needed" : "not_checked"];
    return html`<p class="state tone-${isIdle ? tone : "doubt"}">${icon(sign)}${isIdle ? words.notNeeded : words.unknown}</p><p class="help">${why}</p>`;
  }
  if (newest === undefined || newest.seen === null || witnesses.state === "fail")
    return html`<p class="state tone-bad">${icon("fail")}${words.unmet}</p>`;
  return html`
    <p class="state tone-good">${icon("pass")}${words.met}</p>
    <p>
      ${t.viewer.figures.entries(newest.size)}, ${words.seen} ${moment(newest.seen)}${newest.existed === null ? nothing : html`, ${words.existed} ${moment(newest.existed)}`}
    </p>
  `;
}

/**
 * Returns the signers of checkpoints that the reader doesn't know: name, key ID, and number of checkpoints.
 */
function unknownSigners({ checkpoints }: Marks): readonly (readonly [string, string, number])[] {
  const found = new Map<string, [string, string, number]>();
  for (const { signatures } of checkpoints) {
    for (const { by, name, id } of signatures) {
      if (by !== "unknown") continue;
      const known = found.get(`${id} ${name}`);
      if (known === undefined) found.set(`${id} ${name}`, [name, id, 1]);
      else known[2] += 1;
    }
  }
  return [...found.values()];
}
