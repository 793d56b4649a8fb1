import { html, nothing, type TemplateResult } from "lit";
import type { Failure } from "../engine.ts";
import { count } from "../format.ts";
import { icon } from "../icons.ts";
import { value, wish } from "../view.ts";

/** Verifying was stopped before its end. */
export function cancelledView(): TemplateResult {
  return html`
    <section class="stopped">
      <h2 tabindex="-1">Cancelled</h2>
      <p>The file was not read to its end, so nothing can be said of it, and nothing is shown as verified.</p>
      ${again()}
    </section>
  `;
}

/** What is at fault, where the error's code tells. */
function title(code: string | undefined): string {
  switch (code) {
    case "trust.invalid":
      return "The trust file is unusable";
    case "checkpoint.invalid":
    case "note.invalid":
      return "A pin is unusable";
    case "source.unreadable":
      return "The file cannot be read";
    default:
      return "Could not verify";
  }
}

/** There is no verdict: the trust file or a pin is unusable, or the file cannot be read. */
export function failureView({ code, message, hint, line }: Failure): TemplateResult {
  return html`
    <section class="stopped tone-bad">
      <h2 tabindex="-1">${icon("fail")}${title(code)}</h2>
      <p>${line === undefined ? nothing : html`Line ${count(line)}: `}${value(message, 1000)}</p>
      ${hint === undefined ? nothing : html`<p class="hint">${value(hint, 1000)}</p>`}
      ${code === undefined ? nothing : html`<p><code class="code">${code}</code></p>`}
      <p class="help">This is no verdict: nothing was found out about the export.</p>
      ${again()}
    </section>
  `;
}

function again(): TemplateResult {
  return html`
    <div class="buttons">
      <button type="button" @click=${(event: Event) => event.target?.dispatchEvent(wish("verify-again", undefined))}>Verify again</button>
    </div>
  `;
}
