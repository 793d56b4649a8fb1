import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, type TemplateResult } from "lit";
import { emits } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Renders the introduction for readers who received a file: what it is, how to check who made it, and a
 * sample to try.
 */
export function welcomeView(t: PageTexts): TemplateResult {
  const { welcome } = t;
  return html`
    <section class="welcome" aria-labelledby="welcome-heading">
      <h2 id="welcome-heading">${welcome.heading}</h2>
      <div class="welcome-items">
        ${welcome.items.map(({ title, text }) => html`<div><h3>${title}</h3><p>${text}</p></div>`)}
        <div class="welcome-try">
          <h3>${icon("verified")}${welcome.tryHeading}</h3>
          <p>${welcome.tryText}</p>
          <div class="buttons">
            <button type="button" @click=${emits("choose-sample")}>${t.export.sample}</button>
            <button type="button" @click=${emits("choose-altered")}>${welcome.altered}</button>
          </div>
        </div>
      </div>
    </section>
  `;
}
