import type { PlainError } from "@countersign/shared/error.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence, staysEnglish } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";

/** Renders that verification was stopped before its end. */
export function canceledView(t: PageTexts): TemplateResult {
  return html`
    <section class="stopped">
      <h2 tabindex="-1">${t.stopped.canceled}</h2>
      <p>${t.stopped.nothing}</p>
      ${again(t)}
    </section>
  `;
}

/**
 * Renders that there is no verdict, because the trust file or a pin is unusable, or the file can't be read.
 * `at` is the name of the faulty file.
 */
export function failureView(
  { code, message, hint, line, phrases }: PlainError,
  at: string | undefined,
  t: PageTexts,
): TemplateResult {
  return html`
    <section class="stopped tone-bad">
      <h2 tabindex="-1">${icon("fail")}${title(code, t)}</h2>
      ${at === undefined ? nothing : html`<p class="faint">${value(at)}</p>`}
      <p>${line === undefined ? nothing : t.stopped.line(line)}${coreSentence(message, phrases, t, 1000)}</p>
      ${hint === undefined ? nothing : html`<p class="hint">${coreSentence(hint, phrases, t, 1000)}</p>`}
      ${staysEnglish(hint === undefined ? [message] : [message, hint], phrases, t) ? html`<p class="help">${t.english}</p>` : nothing}
      ${code === undefined ? nothing : html`<p><code class="code">${code}</code></p>`}
      <p class="help">${t.stopped.noVerdict}</p>
      ${again(t)}
    </section>
  `;
}

/** Returns a title that names the faulty input, if the error's code identifies it. */
function title(code: string | undefined, t: PageTexts): string {
  switch (code) {
    case "trust.invalid":
      return t.stopped.trust;
    case "checkpoint.invalid":
    case "note.invalid":
      return t.stopped.pin;
    case "source.unreadable":
      return t.stopped.unreadable;
    default:
      return t.stopped.other;
  }
}

function again(t: PageTexts): TemplateResult {
  return html`
    <div class="buttons">
      <button type="button" @click=${emits("verify-again")}>${t.stopped.again}</button>
    </div>
  `;
}
