import { icon, STATE_LOOKS } from "@countersign/viewer/icons.js";
import { codeTitle } from "@countersign/viewer/verdict.js";
import type { Check, CheckName, CheckState, FindingCode, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { told } from "../said.ts";
import { isNotNeeded } from "../state/answers.ts";
import type { PageTexts } from "../texts/en.ts";
import { wishes } from "../wish.ts";

/** Every check with its state, what it covered, and what of it failed or why it has no answer: behind a line that sums them up. */
export function checksView(report: Report, t: PageTexts): TemplateResult {
  const names = Object.keys(t.viewer.result.checks) as CheckName[];
  const states = names.map((name) => stateOf(name, report));
  const number = (wanted: Standing) => states.filter((state) => state === wanted).length;
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
            ${names.map((name) => row(name, report, t))}
          </tbody>
        </table>
      </details>
    </section>
  `;
}

/** How it is with a check: as the report has it, and whether anything asks for what it did not check. */
export type Standing = CheckState | "not_needed";

export function stateOf(name: CheckName, report: Report): Standing {
  return isNotNeeded(name, report) ? "not_needed" : report.checks[name].state;
}

/** The word for that. */
export function stateWord(standing: Standing, t: PageTexts): string {
  return standing === "not_needed" ? t.checks.notNeeded : t.viewer.result.states[standing];
}

function row(name: CheckName, report: Report, t: PageTexts): TemplateResult {
  const check = report.checks[name];
  const words = t.viewer.result.checks[name];
  const look = STATE_LOOKS[check.state];
  const standing = stateOf(name, report);
  return html`
    <tr data-check=${name} data-state=${check.state} data-standing=${standing}>
      <th scope="row"><span class="check-name"><span class="check-title">${words.title}</span> <span class="about-check">${words.about}</span></span></th>
      <td><span class="state tone-${look.tone}">${standing === "not_needed" ? nothing : icon(look.icon)}${stateWord(standing, t)}</span></td>
      <td>
        ${covered(name, check, t)}
        ${check.reason === null ? nothing : html`<span class="reason">${told(check.reason, t, 400)}</span>`}
        ${check.state === "pass" ? nothing : sees(name, report, t)}
      </td>
    </tr>
  `;
}

/** How much a check covered, and how much of that failed. */
export function covered(name: CheckName, check: Check, t: PageTexts): TemplateResult | typeof nothing {
  const { checked, failed, state } = check;
  const all = t.viewer.result.checks[name].items(checked);
  if (failed > 0) return html`<span class="tone-bad">${t.checks.failed(failed, all)}</span>`;
  if (checked === 0) return nothing;
  return html`<span>${state === "pass" ? all : t.checks.answered(all)}</span>`;
}

/** The findings that a check is about, by the beginnings of their codes. */
const CODES: Readonly<Record<CheckName, readonly string[]>> = {
  format: ["format."],
  payloads: ["payload."],
  chains: ["chain.gap", "chain.prev", "chain.fork", "chain.after_close", "chain.origin"],
  signatures: ["signature.", "key.", "chain.no_open", "chain.origin"],
  tree: ["tree."],
  log: ["log."],
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
      html`<button type="button" class="quiet link" @click=${wishes("show-code", code)}><span class="sr">${t.checks.see}: </span>${codeTitle(code, t.viewer)}</button>`,
  )}</span>`;
}
