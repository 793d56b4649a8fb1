import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Progress, Session } from "@countersign/ui/viewer/session/session.js";
import { codeTitle, isInTitle } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Finding } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { coreSentence } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { Case } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";

/**
 * Renders the progress and speed of a verification, a button to stop it, and the first error as soon as there
 * is one.
 */
export function progressView(work: Case, t: PageTexts): TemplateResult {
  const { parts, at, phase } = work;
  const part = parts[at];
  const progress = part?.session?.progress;
  // The problems of the previous verdict don't count while a file is verified with other input.
  const failed = parts.find(({ session }) => session?.firstFailure !== undefined && !session.isJudgingAgain);
  return html`
    <section class="progress" aria-labelledby="progress-heading">
      <div class="progress-head">
        <h2 id="progress-heading">
          ${phase === "agreeing" ? t.progress.agreeing : t.progress.heading(value(part?.file.name ?? ""))}
        </h2>
        <button type="button" @click=${emits("cancel")}>${t.progress.cancel}</button>
      </div>
      ${
        phase === "agreeing"
          ? html`<progress aria-labelledby="progress-heading"></progress>`
          : html`<progress aria-labelledby="progress-heading" max="1" .value=${progress ? share(progress) : 0}></progress>`
      }
      <p class="progress-figures">
        ${parts.length > 1 && phase === "verifying" ? html`<span>${t.progress.part(at + 1, parts.length)}</span>` : nothing}
        ${progress && phase === "verifying" && part.session?.isJudgingAgain !== true ? figures(progress, t) : nothing}
      </p>
      ${work.readAgain === undefined ? nothing : html`<p>${t.progress.readAgain[work.readAgain]}</p>`}
      ${failed?.session?.firstFailure ? failureView(failed.session, failed.session.firstFailure, parts.length > 1 ? failed.file.name : undefined, t) : nothing}
    </section>
  `;
}

/** Renders that the events below it aren't final, in place of the tabs; nothing if none are shown. */
export function earlyView({ parts, at, phase }: Case, t: PageTexts): TemplateResult | typeof nothing {
  const { session } = parts[at] ?? {};
  return phase !== "verifying" || session === undefined || session.isWithdrawn
    ? nothing
    : html`<p class="early tone-doubt">${icon("waiting")}<span><strong>${t.events.early}</strong> ${t.events.notFinal}</span></p>`;
}

/** Returns an announcement of the progress, rounded down to multiples of `each` percent. */
export function progressAnnouncement(work: Case, each: number, t: PageTexts): string {
  const progress = work.parts[work.at]?.session?.progress;
  if (work.phase === "agreeing") return t.progress.agreeing;
  return progress === undefined ? "" : t.progress.said(Math.floor((share(progress) * 100) / each) * each);
}

function figures({ bytes, total, events, eventsPerSecond, seconds, secondsLeft }: Progress, t: PageTexts) {
  const { figures } = t.viewer;
  const isSettled = seconds > 0.5;
  return html`
    <span>${t.progress.of({ done: figures.bytes(bytes), all: figures.bytes(total ?? bytes) })}</span>
    <span>${isSettled ? t.progress.perSecond(figures.bytes(bytes / seconds)) : nothing}</span>
    <span>${figures.events(events)}</span>
    <span>${isSettled ? t.progress.eventsPerSecond(Math.round(eventsPerSecond)) : nothing}</span>
    <span>${bytes >= (total ?? 0) ? t.progress.finishing : secondsLeft === undefined ? nothing : t.progress.left(figures.duration(secondsLeft))}</span>
  `;
}

function failureView(
  { firstFailurePhrases }: Session,
  finding: Finding,
  file: string | undefined,
  t: PageTexts,
): TemplateResult {
  return html`
    <div class="first-failure tone-bad" role="alert">
      <p class="first-failure-head">
        <span class="state tone-bad">${icon("fail")}${t.progress.firstFailure}:</span>
        <strong>${codeTitle(finding.code, t.viewer)}</strong>
        <code class="code">${finding.code}</code>
        <span class="faint">${t.findings.line} ${t.viewer.figures.count(finding.line)}${file === undefined ? nothing : html`, ${value(file)}`}</span>
      </p>
      ${isInTitle(finding) ? nothing : html`<p>${coreSentence(finding.message, firstFailurePhrases, t)}</p>`}
      <p class="help">${t.progress.goesOn}</p>
    </div>
  `;
}

function share({ bytes, total }: Progress): number {
  return total === undefined || total === 0 ? 1 : Math.min(1, bytes / total);
}
