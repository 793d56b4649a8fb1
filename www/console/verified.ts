/** The session that a section is about. */

import type { PlainError } from "@countersign/shared/error.js";
import type { Coverage } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Judged } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../src/core-sentence.ts";
import { emits } from "../src/emit.ts";
import type { Part } from "../src/state/case.ts";
import type { RememberedLog } from "../src/state/memory.ts";
import type { Conditions } from "./address.ts";
import "./table.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Withheld } from "./withheld.ts";

/** Origin of a session: the loaded events, those that a search of the whole log found, or the live view. */
export type Origin = "search" | "found" | "live";

/** Extent and time of what was loaded. */
export interface Scope {
  /** Conditions of the request; undefined for the live view. */
  readonly conditions: Conditions | undefined;
  /** When it was loaded, or when the live view began; undefined while loading. */
  readonly at: Date | undefined;
  /** State of the log that this device remembered before. */
  readonly seen: RememberedLog | undefined;
}

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
    ownAnswer: undefined,
    filedFacts: undefined,
    ownDetections: undefined,
    seenBefore: undefined,
    remembered: false,
    agreement: undefined,
    sha256: undefined,
    when: undefined,
  };
}

interface VerifiedViewInput {
  readonly shown: Verified | undefined;
  readonly mayRead: boolean;
  /** True while events are loaded. */
  readonly isAsking: boolean;
  readonly toToken: TemplateResult;
  readonly show: (verified: Verified, judged: Judged) => unknown;
}

/** Renders the report; without one, how to get it. The head of the section has the verdict, or why there is none. */
export function verifiedView(
  { shown, mayRead, isAsking, toToken, show }: VerifiedViewInput,
  t: ConsoleTexts,
): TemplateResult {
  if (shown === undefined) {
    if (!mayRead) return html`<p class="empty">${t.verified.none}</p>${toToken}`;
    return isAsking
      ? html`<p class="empty">${t.verified.waiting}</p>`
      : html`
        <p class="empty">${t.verified.none}</p>
        <div class="buttons">
          <button type="button" class="primary" @click=${emits("load-again")}>${t.extent.again}</button>
          <button type="button" @click=${emits("begin-live")}>${t.verified.live}</button>
        </div>`;
  }
  const { verification, phase } = shown.session;
  if (verification !== undefined) return html`${show(shown, verification)}`;
  const hasEnded = phase === "failed" || phase === "canceled";
  return html`<p class="empty">${hasEnded ? t.verified.failed : t.verified.waiting}</p>`;
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

/** Renders a table: as a list of cards on narrow screens. */
export function table(
  name: string,
  heads: readonly string[],
  rows: readonly TemplateResult[],
): TemplateResult {
  return html`<cs-table .name=${name} .heads=${heads} .rows=${rows}></cs-table>`;
}
