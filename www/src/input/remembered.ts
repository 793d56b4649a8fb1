import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { localDay } from "../core-sentence.ts";
import { emit, emits } from "../emit.ts";
import type { Memory } from "../state/memory.ts";
import type { PageTexts } from "../texts/en.ts";

/** Renders the logs that this device remembers, with buttons to forget them. */
export function memoryView(memory: Memory, t: PageTexts): TemplateResult {
  const seen = memory.list();
  return html`
    <details class="memory">
      <summary>${t.memory.summary}${seen.length > 0 ? html` <span class="faint">${t.viewer.figures.count(seen.length)}</span>` : nothing}</summary>
      ${
        memory.works
          ? html`
            <label class="choice">
              <input
                type="checkbox"
                .checked=${memory.isOn}
                @change=${(event: Event) => emit(event.currentTarget, "turn-memory", (event.currentTarget as HTMLInputElement).checked)}
              />
              <span>${t.memory.switch}</span>
            </label>
            <p class="help">${memory.isOn && seen.length === 0 ? `${t.memory.none} ` : nothing}${t.memory.stays}</p>`
          : html`<p class="help">${t.memory.refused}</p>`
      }
      <ul class="chosen-list">
        ${seen.map(
          ({ origin, size, when }) => html`
            <li>
              ${icon("pin")}<span>${value(origin)} <span class="faint">${t.memory.seen(size)} ${localDay(when, t.viewer.lang)}</span></span>
              <button type="button" class="quiet" @click=${emits("forget", origin)}>${t.memory.forget}<span class="sr"> ${origin}</span></button>
            </li>`,
        )}
      </ul>
      ${seen.length > 1 ? html`<button type="button" class="quiet" @click=${emits("forget-all")}>${t.memory.forgetAll}</button>` : nothing}
    </details>
  `;
}
