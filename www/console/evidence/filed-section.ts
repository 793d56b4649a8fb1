/** The section "Evidence": checks an evidence file. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import { emits } from "../../src/emit.ts";
import { filedView } from "../../src/evidence/filed-view.ts";
import { complaintView, picker } from "../../src/input/choose.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { failureView } from "../verified.ts";
import type { FiledCheck } from "./filed-check.ts";
import { filedTexts } from "./page-texts.ts";

interface FiledSectionInput {
  readonly check: FiledCheck;
  /** Origin of the log that the console shows, if known. */
  readonly origin: string | undefined;
  readonly hasTrust: boolean;
}

/** Renders the file, what it claims, and the result of checking it. Dispatches `choose-evidence` and `close-evidence`. */
export function filedSection(
  { check, origin, hasTrust }: FiledSectionInput,
  t: ConsoleTexts,
): TemplateResult {
  const words = t.evidence;
  const { shelf, other, failure } = check;
  const isEmpty = shelf.is === "empty";
  const filed = shelf.is === "open" ? shelf.filed : undefined;
  const of = filed?.frame.report.origin ?? undefined;
  return html`
    <p class="help wide-text">${words.about}</p>
    <div class="buttons">
      ${picker(isEmpty ? words.choose : words.another, "choose-evidence", { primary: isEmpty })}
      ${isEmpty ? nothing : html`<button type="button" @click=${emits("close-evidence")}>${words.close}</button>`}
    </div>
    ${complaintView(other === undefined ? "" : words.notEvidence(other))}
    ${
      hasTrust
        ? nothing
        : html`
          <div class="behind"><span>${words.noTrust}</span>
            <button type="button" @click=${emits("choose-trust-file")}>${t.access.choose}</button></div>`
    }
    ${of === undefined || origin === undefined || of === origin ? nothing : html`<p class="basis tone-doubt" data-origin="other">${icon("warning")}<span>${words.otherLog(value(of, 200))}</span></p>`}
    ${filedView(shelf, false, check.shown, filedTexts(t))}
    ${failure === undefined ? nothing : failureView(failure, t)}
  `;
}
