import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { bytes, count, counted, moment } from "../format.ts";
import { icon } from "../icons.ts";
import { value } from "../view.ts";
import { verdictWords } from "../words.ts";

const SAMPLE =
  "The sample and its trust file came together, with this page. Never take a trust file from where an export comes from.";

/** The verdict, what it does not mean, and what the file is. */
export function verdictView(
  report: Report,
  file: { name: string; size: number },
  isSample: boolean,
): TemplateResult {
  const words = verdictWords(report);
  return html`
    <section class="verdict tone-${words.tone}" aria-labelledby="verdict-heading">
      <div class="verdict-mark">${icon(words.icon)}</div>
      <div class="verdict-body">
        <h2 id="verdict-heading" tabindex="-1">${words.word}</h2>
        <p class="says">${words.says}${words.says.endsWith(".") ? "" : "."}</p>
        ${words.next ? html`<p class="next"><strong>What now?</strong> ${words.next}</p>` : nothing}
        <h3 id="not-heading">What this does not mean</h3>
        <ul class="not" aria-labelledby="not-heading">
          ${words.not.map((text) => html`<li>${text}</li>`)}
          ${isSample ? html`<li>${SAMPLE}</li>` : nothing}
        </ul>
      </div>
      ${facts(report, file)}
    </section>
  `;
}

function facts({ origin, counts, log }: Report, file: { name: string; size: number }): TemplateResult {
  const leftOut = [
    counts.withheld > 0 ? `${counted(counts.withheld, "event")} withheld` : "",
    counts.skipped > 0 ? `${counted(counts.skipped, "leaf", "leaves")} skipped` : "",
  ].filter((text) => text !== "");
  return html`
    <dl class="facts">
      <div><dt>File</dt><dd>${value(file.name)} <span class="faint">${bytes(file.size)}</span></dd></div>
      <div><dt>Log</dt><dd>${origin === null ? html`<span class="faint">no header could be read</span>` : value(origin)}</dd></div>
      <div>
        <dt>Holds</dt>
        <dd>${counted(counts.events, "event")} in ${counted(counts.chains, "chain")}, ${counted(counts.leaves, "leaf", "leaves")}</dd>
      </div>
      ${leftOut.length ? html`<div><dt>Left out</dt><dd>${leftOut.join(", ")}</dd></div>` : nothing}
      <div>
        <dt>Last checkpoint</dt>
        <dd>
          ${
            log === null
              ? html`<span class="faint">none</span>`
              : html`${counted(log.size, "leaf", "leaves")}${log.time === null ? nothing : html`, seen by witnesses at <time datetime=${log.time}>${moment(log.time)}</time>`}
                  <code class="hash" title="The root hash of the log at this size">${log.root}</code>`
          }
        </dd>
      </div>
    </dl>
  `;
}

/** What a screen reader is told when the verdict is there. */
export function verdictAnnouncement(report: Report): string {
  const words = verdictWords(report);
  const errors = report.findings.filter(({ severity }) => severity === "error").length;
  return `Verdict: ${words.word} ${words.says} ${errors > 0 ? `${count(errors)} errors listed.` : ""}`;
}
