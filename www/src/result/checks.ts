import { icon, type Outcome, outcomeOf, STATE_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { codeTitle } from "@countersign/ui/viewer/verdict/verdict.js";
import type { CheckName, FindingCode, Judged, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Renders each check with its state, what it covered, and what failed or why it has no answer, folded behind
 * a summary.
 */
export function checksView(judged: Judged, t: PageTexts): TemplateResult {
  const names = Object.keys(t.viewer.result.checks) as CheckName[];
  const states = names.map((name) => outcomeOf(name, judged));
  const number = (wanted: Outcome) => states.filter((state) => state === wanted).length;
  return html`
    <section class="checks-section" aria-labelledby="checks-heading">
      <details>
        <summary>
          <h2 id="checks-heading">${t.checks.heading}</h2>
          <span class="faint">${t.checks.all(number("pass"), number("fail"), number("not_checked"), number("not_needed"))}</span>
        </summary>
        <table class="checks">
          <thead>
            <tr><th scope="col">${t.checks.check}</th><th scope="col">${t.checks.result}</th><th scope="col">${t.checks.covered}</th></tr>
          </thead>
          <tbody>
            ${names.map((name) => row(name, judged, t))}
          </tbody>
        </table>
      </details>
    </section>
  `;
}

/** Renders the state of a check as an icon and a word. */
export function outcomeView(outcome: Outcome, t: PageTexts): TemplateResult {
  const look = STATE_LOOKS[outcome];
  return html`<span class="state tone-${look.tone}">${icon(look.icon)}${t.viewer.result.states[outcome]}</span>`;
}

function row(name: CheckName, judged: Judged, t: PageTexts): TemplateResult {
  const { report } = judged;
  const check = report.checks[name];
  const words = t.viewer.result.checks[name];
  const outcome = outcomeOf(name, judged);
  return html`
    <tr data-check=${name} data-state=${check.state} data-outcome=${outcome}>
      <th scope="row"><span class="check-name"><span class="check-title">${words.title}</span> <span class="about-check">${words.about}</span></span></th>
      <td>${outcomeView(outcome, t)}</td>
      <td>
        ${covered(name, judged, t)}
        ${check.reason === null ? nothing : html`<span class="reason">${coreSentence(check.reason, judged.phrases, t, 400)}</span>`}
        ${check.state === "pass" ? nothing : sees(name, report, t)}
      </td>
    </tr>
  `;
}

/** Checks that pass although the content of an event was changed, because they are about its link or its position. */
const IN_SPITE_OF_CONTENT: readonly CheckName[] = ["chains", "signatures", "tree", "range"];

/** Renders how much a check covered, and how much of that failed. */
export function covered(
  name: CheckName,
  { report: { checks, finding_counts } }: Pick<Judged, "report">,
  t: PageTexts,
): TemplateResult | typeof nothing {
  const { checked, failed, state } = checks[name];
  const changed = finding_counts["payload.mismatch"] ?? 0;
  const all = t.viewer.result.checks[name].items(checked);
  if (failed > 0) return html`<span class="tone-bad">${t.checks.failed(failed, all)}</span>`;
  if (checked === 0) return nothing;
  if (state !== "pass") return html`<span>${t.checks.answered(all)}</span>`;
  return changed > 0 && IN_SPITE_OF_CONTENT.includes(name)
    ? html`<span>${all}</span> <span class="tone-bad" data-in-spite-of=${changed}>${t.checks.notContent(changed)}</span>`
    : html`<span>${all}</span>`;
}

/** Prefixes of the finding codes of each check. */
const CODES: Readonly<Record<CheckName, readonly string[]>> = {
  format: ["format."],
  payloads: ["payload."],
  chains: ["chain.gap", "chain.prev", "chain.fork", "chain.after_close", "chain.origin"],
  signatures: ["signature.", "key.", "chain.no_open", "chain.origin"],
  tree: ["tree."],
  log: ["log.", "head."],
  range: ["range."],
  append_only: ["append_only."],
  witnesses: ["witness."],
  time: ["time."],
  closure: ["chain.open", "chain.jump"],
  expected: ["expected."],
};

function sees(name: CheckName, { finding_counts }: Report, t: PageTexts): TemplateResult | typeof nothing {
  const codes = (Object.keys(finding_counts) as FindingCode[]).filter(
    (code) => CODES[name].some((begin) => code.startsWith(begin)) && code !== "format.unknown_member",
  );
  if (codes.length === 0) return nothing;
  return html`<span class="sees">${codes.map(
    (code) =>
      html`<button type="button" class="quiet link" @click=${emits("show-code", code)}><span class="sr">${t.checks.see}: </span>${codeTitle(code, t.viewer)}</button>`,
  )}</span>`;
}
