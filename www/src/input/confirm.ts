import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, type TemplateResult } from "lit";
import { emit, emits } from "../emit.ts";
import { phoneView } from "../phrase.ts";
import type { PageTexts } from "../texts/en.ts";
import { keyParts } from "./trust.ts";

/** Renders the dialog that asks before a signer's key from an export is trusted. */
export function confirmView(vkey: string, t: PageTexts): TemplateResult {
  const parts = keyParts(vkey);
  return html`
    <dialog
      class="confirm"
      aria-labelledby="confirm-heading"
      @cancel=${(event: Event) => {
        event.stopPropagation();
        event.preventDefault();
        emit(event.target, "dismiss", undefined);
      }}
    >
      <h2 id="confirm-heading">${t.confirm.heading(value(parts?.name ?? vkey))}</h2>
      <p>${t.confirm.compare}</p>
      <dl class="facts">
        <div><dt>${t.signers.id}</dt><dd><code>${parts?.id}</code></dd></div>
        <div class="wide"><dt>${t.signers.vkey}</dt><dd><code class="vkey">${value(vkey, 2000)}</code></dd></div>
      </dl>
      ${phoneView(vkey, vkey, t)}
      <p>${t.confirm.after}</p>
      <div class="buttons">
        <button type="button" class="primary" @click=${emits("confirm")}>${t.confirm.trust}</button>
        <button type="button" autofocus @click=${emits("dismiss")}>${t.confirm.dismiss}</button>
      </div>
    </dialog>
  `;
}
