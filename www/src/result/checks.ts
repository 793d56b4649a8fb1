import type { Check, Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { count, counted } from "../format.ts";
import { icon } from "../icons.ts";
import { value } from "../view.ts";
import { CHECKS, type CheckWords, STATES } from "../words.ts";

/** Every check with its state, what it covered and, where it has no answer, why. */
export function checksView({ checks }: Report): TemplateResult {
  const rows = Object.entries(CHECKS) as [keyof Report["checks"], CheckWords][];
  return html`
    <section aria-labelledby="checks-heading">
      <h2 id="checks-heading">Checks</h2>
      <table class="checks">
        <thead>
          <tr><th scope="col">Check</th><th scope="col">Result</th><th scope="col">Covered</th></tr>
        </thead>
        <tbody>
          ${rows.map(([name, words]) => row(name, words, checks[name]))}
        </tbody>
      </table>
    </section>
  `;
}

function row(name: string, words: CheckWords, check: Check): TemplateResult {
  const state = STATES[check.state];
  return html`
    <tr data-check=${name} data-state=${check.state}>
      <th scope="row"><span class="check-title">${words.title}</span> <span class="about">${words.about}</span></th>
      <td><span class="state tone-${state.tone}">${icon(state.icon)}${state.word}</span></td>
      <td>
        ${covered(words, check)}
        ${check.reason === null ? nothing : html`<span class="reason">${value(check.reason, 400)}</span>`}
      </td>
    </tr>
  `;
}

function covered(words: CheckWords, { checked, failed }: Check): TemplateResult | typeof nothing {
  const all = counted(checked, words.one, words.many);
  if (failed > 0) return html`<span class="tone-bad">${count(failed)} of ${all} failed</span>`;
  return checked === 0 ? nothing : html`<span>${all}</span>`;
}
