import { html, type TemplateResult } from "lit";
import { emits } from "./emit.ts";
import { LANGUAGES, type Language } from "./texts/index.ts";

/** Renders the choice of languages, each named in itself. */
export function languageSwitch(current: Language): TemplateResult {
  return html`
    <div class="languages" role="group" aria-label=${LANGUAGES[current].language}>
      ${(Object.keys(LANGUAGES) as Language[]).map(
        (name) => html`
          <button type="button" class="quiet" lang=${name} aria-pressed=${name === current} @click=${emits("speak", name)}>${LANGUAGES[name].named}</button>`,
      )}
    </div>
  `;
}
