/** The session that coverage, keys, and witnesses are about. */

import type { PlainError } from "@countersign/shared/error.js";
import type { Coverage } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../src/core-sentence.ts";
import { emits } from "../src/emit.ts";
import type { Part } from "../src/state/case.ts";
import { headView, type Scope } from "./section-head.ts";
import "./table.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Withheld } from "./withheld.ts";

/** Origin of a session. */
export type Origin = "search" | "live";

/** A session, with its result so far. */
export interface Verified {
  readonly from: Origin;
  readonly session: Session;
  readonly withheld: Withheld;
  readonly coverage: Coverage | undefined;
  readonly scope: Scope;
}

/** Returns the session as a part of the auditor's page. */
export function partOf({ session, coverage }: Verified): Part {
  return {
    file: new File([], session.name ?? ""),
    of: [],
    from: "log",
    session,
    coverage,
    unrecognized: undefined,
    seenBefore: undefined,
    remembered: false,
    agreement: undefined,
    sha256: undefined,
    when: undefined,
  };
}

interface VerifiedViewInput {
  readonly all: readonly Verified[];
  readonly shown: Verified | undefined;
  readonly mayRead: boolean;
  readonly toToken: TemplateResult;
  readonly show: (verified: Verified, judged: Judged) => unknown;
}

/** Renders the report; without one, how to get it. */
export function verifiedView(
  { all, shown, mayRead, toToken, show }: VerifiedViewInput,
  t: ConsoleTexts,
): TemplateResult {
  if (shown === undefined) {
    return html`
      <p class="empty">${t.verified.none}</p>
      ${
        mayRead
          ? html`
            <div class="buttons">
              <button type="button" class="primary" @click=${emits("verify-whole")}>${t.verified.whole}</button>
              <button type="button" @click=${emits("begin-live")}>${t.verified.live}</button>
            </div>`
          : toToken
      }
    `;
  }
  const { verification, phase, failure } = shown.session;
  return html`
    ${all.length > 1 ? sourceView(all, shown, t) : nothing}
    ${headView(shown, true, t)}
    ${
      verification !== undefined
        ? show(shown, verification)
        : html`
          <p class="empty">${phase === "failed" || phase === "canceled" ? t.verified.failed : t.verified.waiting}</p>
          ${failure === undefined ? nothing : failureView(failure, t)}`
    }
  `;
}

/** Renders why there is no result. */
export function failureView(
  { message, hint, line, code, phrases }: PlainError,
  { page }: ConsoleTexts,
): TemplateResult {
  return html`
    <div class="refused tone-bad">
      <p>${line === undefined ? nothing : page.stopped.line(line)}${coreSentence(message, phrases, page, 1000)}</p>
      ${hint === undefined ? nothing : html`<p class="help">${coreSentence(hint, phrases, page, 1000)}</p>`}
      ${code === undefined ? nothing : html`<p><code class="code">${code}</code></p>`}
    </div>
  `;
}

function sourceView(all: readonly Verified[], shown: Verified, t: ConsoleTexts): TemplateResult {
  return html`
    <fieldset class="source">
      <legend>${t.verified.source}</legend>
      ${all.map(
        ({ from }) => html`
          <label class="choice">
            <input
              type="radio"
              name="source"
              .checked=${from === shown.from}
              @change=${emits("choose-source", from)}
            />
            <span>${from === "search" ? t.verified.search : t.verified.liveView}</span>
          </label>`,
      )}
    </fieldset>
  `;
}

/** Renders a table: as a list of cards on narrow screens. */
export function table(
  name: string,
  heads: readonly string[],
  rows: readonly TemplateResult[],
): TemplateResult {
  return html`<cs-table .name=${name} .heads=${heads} .rows=${rows}></cs-table>`;
}
