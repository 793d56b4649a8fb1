import { html, type TemplateResult } from "lit";
import { ABOUT } from "../about.ts";
import { ownFileName } from "../evidence/own.ts";
import { path } from "../shell.ts";
import type { PageTexts } from "../texts/en.ts";

/** Name of the page in a release. */
const RELEASED_NAME = "index.html";

/** Renders the page's version, and how to check it. */
export function aboutView(t: PageTexts): TemplateResult {
  const file = path(ownFileName() || RELEASED_NAME);
  return html`
    <details class="about">
      <summary>${t.about.summary(ABOUT.version)}</summary>
      <div>
        <p>${t.about.text(ABOUT.version)}</p>
        <pre tabindex="0" role="group" aria-label=${t.about.how}><code>sha256sum ${file}
grep ' ${RELEASED_NAME}$' SHA256SUMS</code></pre>
        <p>${t.about.how}</p>
        <p>${t.about.rebuild}</p>
        <pre tabindex="0" role="group" aria-label=${t.about.rebuild}><code>cargo xtask wasm
(cd js &amp;&amp; npm ci &amp;&amp; npm run build)
(cd www &amp;&amp; npm ci &amp;&amp; npm run build)
cat www/dist/SHA256SUMS</code></pre>
        <p>${t.about.parts}</p>
        <dl class="facts">
          <div class="wide"><dt>${t.about.script}</dt><dd><code class="hash">${ABOUT.script()}</code></dd></div>
          <div class="wide"><dt>${t.about.style}</dt><dd><code class="hash">${ABOUT.style()}</code></dd></div>
        </dl>
      </div>
    </details>
  `;
}
