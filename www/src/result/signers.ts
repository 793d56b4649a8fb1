import type { Report, Signer } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { count, counted, moment } from "../format.ts";
import { icon } from "../icons.ts";
import { keyParts } from "../input/trust.ts";
import { value, wish } from "../view.ts";
import { SIGNERS } from "../words.ts";

/** How many are drawn; a report of more is one that nobody reads key by key. */
const SHOWN = 100;

/** Each key that signs a chain: its fingerprint, whether it is trusted and why. */
export function signersView({ signers }: Report, forSession: ReadonlySet<string>): TemplateResult {
  return html`
    <section aria-labelledby="signers-heading">
      <h2 id="signers-heading">Signers</h2>
      ${signers.length === 0 ? html`<p class="empty">No chain in this file names its key.</p>` : nothing}
      <ul class="signers">
        ${signers.slice(0, SHOWN).map((signer) => signerView(signer, forSession.has(signer.vkey)))}
      </ul>
      ${signers.length > SHOWN ? html`<p class="faint">${count(signers.length - SHOWN)} more are in the report.</p>` : nothing}
    </section>
  `;
}

function signerView(signer: Signer, forSession: boolean): TemplateResult {
  const words = SIGNERS[signer.trust];
  const parts = keyParts(signer.vkey);
  const why =
    forSession && signer.trust === "trust_file" ? "You trust this key for this session." : words.why;
  return html`
    <li data-trust=${signer.trust}>
      <div class="signer-head">
        <h3>${value(parts?.name ?? signer.vkey)}</h3>
        <span class="state tone-${words.tone}">${icon(words.icon)}${words.word}</span>
      </div>
      <p>${why}</p>
      <dl class="facts">
        <div class="wide"><dt>Verifier key</dt><dd><code class="vkey">${value(signer.vkey, 2000)}</code></dd></div>
        <div><dt>Key ID</dt><dd><code>${parts?.id}</code></dd></div>
        <div><dt>Signed here</dt><dd>${counted(signer.chains, "chain")}, ${counted(signer.links, "link")}</dd></div>
        <div>
          <dt>By its own clock</dt>
          <dd>
            <time datetime=${signer.first}>${moment(signer.first)}</time> to
            <time datetime=${signer.last}>${moment(signer.last)}</time>
          </dd>
        </div>
      </dl>
      ${
        signer.trust === "unknown"
          ? html`<button type="button" @click=${(event: Event) => event.target?.dispatchEvent(wish("trust-signer", signer.vkey))}>
            Trust for this session… <span class="sr">${parts?.name}</span>
          </button>`
          : nothing
      }
    </li>
  `;
}
