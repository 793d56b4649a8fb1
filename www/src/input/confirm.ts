import { html, type TemplateResult } from "lit";
import { value, wish } from "../view.ts";
import { keyParts } from "./trust.ts";

/** Asks before a signer's key from an export is trusted. */
export function confirmView(vkey: string): TemplateResult {
  const parts = keyParts(vkey);
  return html`
    <dialog
      class="confirm"
      aria-labelledby="confirm-heading"
      @cancel=${(event: Event) => {
        event.stopPropagation();
        event.preventDefault();
        event.target?.dispatchEvent(wish("dismiss", undefined));
      }}
    >
      <h2 id="confirm-heading">Trust ${value(parts?.name ?? vkey)}?</h2>
      <p>
        This key came with the export, so it proves nothing yet. Compare it, character by character, with the one that its owner gave
        you by another way.
      </p>
      <dl class="facts">
        <div><dt>Key ID</dt><dd><code>${parts?.id}</code></dd></div>
        <div class="wide"><dt>Verifier key</dt><dd><code class="vkey">${value(vkey, 2000)}</code></dd></div>
      </dl>
      <p>It is then trusted as an emitter until you close this page, and the export is verified again.</p>
      <div class="buttons">
        <button type="button" class="primary" @click=${(event: Event) => event.target?.dispatchEvent(wish("confirm", undefined))}>Trust for this session</button>
        <button type="button" autofocus @click=${(event: Event) => event.target?.dispatchEvent(wish("dismiss", undefined))}>Don’t trust</button>
      </div>
    </dialog>
  `;
}
