import { html, type TemplateResult } from "lit";
import { icon } from "./icons.ts";
import { value } from "./view.ts";

/** Where the reader's files go, and how to find out whether that is so. */
export const privacy: TemplateResult = html`
  <details class="privacy">
    <summary>${icon("offline")}Nothing is uploaded.</summary>
    <div>
      <p>
        Your files are read by this page, in this browser, and go nowhere. You need not take its word for it: its Content Security
        Policy, in the first lines of its source, says <code>connect-src 'none'</code>, so the browser refuses it every connection.
      </p>
      <p>
        It is one file and works without a network. Save it, go offline, open it from disk, and verify; or watch the network panel of
        the browser’s developer tools.
      </p>
    </div>
  </details>
`;

/** The same of the page that a log serves, which may connect to that log. */
export function servedPrivacy(host: string): TemplateResult {
  return html`
    <details class="privacy">
      <summary>${icon("offline")}No file is uploaded. This page connects to its own log alone.</summary>
      <div>
        <p>
          Files that you choose are read by this page, in this browser, and go nowhere. Nor does the page send what you trust or a
          verdict.
        </p>
        <p>
          It reads from ${value(host)}, which served it, when you load an export: then it sends the token and the conditions that you
          gave, with conditions the size of your pin, and nothing else. It may connect to nowhere else: its Content Security Policy, in the first lines of its source, says
          <code>connect-src 'self'</code>, so the browser refuses that.
        </p>
        <p>
          Who runs a log could serve a page that tells you what they like. Where that matters, save the export, and verify it with the
          page that works from disk or with the program, which you have from somewhere else.
        </p>
      </div>
    </details>
  `;
}
