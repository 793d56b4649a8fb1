/** Failures, times, and small tables that several tabs use. */

import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type TemplateResult } from "lit";
import type { RequestFailure } from "./log.ts";
import type { ConsoleTexts } from "./texts/index.ts";

type Words = keyof Pick<
  ConsoleTexts["refusals"],
  | "unauthenticated"
  | "tokenless"
  | "forbidden"
  | "invalid"
  | "notFound"
  | "busy"
  | "unavailable"
  | "failed"
  | "unreachable"
  | "page"
>;

/** Returns the name of the texts about a failure. */
export function wordsOf({ why, status, hadToken }: RequestFailure): Words {
  if (why !== "status") return why;
  switch (status) {
    case 400:
      return "invalid";
    case 401:
      return hadToken ? "unauthenticated" : "tokenless";
    case 403:
      return "forbidden";
    case 404:
      return "notFound";
    case 429:
      return "busy";
    case 503:
      return "unavailable";
    default:
      return "failed";
  }
}

/** Renders a failure: why there is no content, what the reader can do, and the log's message. */
export function refusalView(refusal: RequestFailure, t: ConsoleTexts): TemplateResult {
  const name = wordsOf(refusal);
  const { title, todo } = t.refusals[name];
  const isPassing = name === "busy" || name === "unavailable";
  const when = refusal.after === undefined ? t.refusals.soon : t.refusals.after(refusal.after);
  return html`
    <div class="refused tone-bad" role="alert" data-status=${refusal.status}>
      <p class="refused-title">${icon("fail")}${title}${name === "failed" ? ` (${refusal.status})` : nothing}</p>
      <p>${isPassing ? when : todo}</p>
      ${
        refusal.reply === undefined
          ? nothing
          : html`<p class="help">${t.refusals.says} <span lang="en">${value(refusal.reply.message, 1000)}${refusal.reply.hint === undefined ? nothing : html` (${value(refusal.reply.hint, 1000)})`}</span>${refusal.reply.code === undefined ? nothing : html` <code>${value(refusal.reply.code, 100)}</code>`}</p>`
      }
    </div>
  `;
}

/** Renders a name with its value. */
export function fact(name: string, is: unknown): TemplateResult {
  return html`<div><dt>${name}</dt><dd>${is}</dd></div>`;
}

/** Formats an amount in whole units of a currency; small numbers with decimals. */
export function amount(number: number, t: ConsoleTexts): string {
  const digits = Math.abs(number) < 100 ? 3 : 0;
  return new Intl.NumberFormat(t.page.lang, { maximumFractionDigits: digits }).format(number);
}
