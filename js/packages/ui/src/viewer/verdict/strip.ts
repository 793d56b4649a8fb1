/** The strip at the top: the verdict, the progress, or why there is no verdict. */

import type { PlainError } from "@countersign/shared/error.js";
import type { Judged } from "@countersign/shared/report.js";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../parts/format.js";
import { type IconName, icon } from "../parts/icons.js";
import { sentenceView, value } from "../parts/value.js";
import type { Link } from "../session/live-connection.js";
import { isLive, type Progress, type Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import "./countdown.js";
import { otherPinsView } from "./other-pins.js";
import { detailsView, findingView, hasNotesAlone, type Strip, tally } from "./strip-details.js";
import { codeTitle, isInTitle, verdictWords } from "./verdict.js";

/** Renders the strip of a session. */
export function stripView(session: Session, strip: Strip): TemplateResult {
  const { progress } = strip.texts;
  switch (session.phase) {
    case "verifying":
      return progressView(session, strip);
    case "indexing":
    case "live":
    case "done":
      return session.verification === undefined
        ? progressView(session, strip)
        : verdictView(session, session.verification, strip);
    case "canceled":
      return plainView("fail", progress.canceled, progress.canceledWhy, action(progress.again, strip.again));
    case "failed":
      return failureView(session.failure, strip);
  }
}

/** Renders the strip before there is a session. */
export function waitingView({ progress }: Texts, isLoading: boolean): TemplateResult {
  return isLoading ? plainView("waiting", progress.loading) : plainView("file", progress.empty, progress.emptyWhy);
}

/** Renders a strip without a result. */
function plainView(drawing: IconName, title: string, why: unknown = nothing, todo: unknown = nothing): TemplateResult {
  return html`
    <section class="strip tone-faint" part="strip" aria-busy=${drawing === "waiting"}>
      ${icon(drawing)}
      <div class="strip-body"><h2>${title}</h2>${why === nothing ? nothing : html`<p>${why}</p>`}</div>
      ${todo}
    </section>
  `;
}

/** Renders why there is no verdict. */
export function failureView(failure: PlainError | undefined, strip: Strip): TemplateResult {
  const { progress, strip: texts, figures } = strip.texts;
  const { code, message = "", hint, line, phrases } = failure ?? {};
  return html`
    <section class="strip tone-bad" part="strip" role="alert">
      ${icon("fail")}
      <div class="strip-body">
        <h2>${titleOf(code, progress)}</h2>
        <p>
          ${line === undefined ? nothing : html`${texts.atLine(figures.count(line))}: `}${sentenceView(message, phrases, strip.texts, 1000)}
          ${code === undefined ? nothing : html`<code class="faint">${value(code)}</code>`}
        </p>
        ${hint === undefined ? nothing : html`<p class="hint">${sentenceView(hint, phrases, strip.texts, 1000)}</p>`}
        <p class="faint">${progress.failedWhy}</p>
      </div>
      ${action(progress.again, strip.again)}
    </section>
  `;
}

/** Returns the title of an error: which of the sources it is about, or that the log refused the request. */
function titleOf(
  code: string | undefined,
  { failed, failedTrust, failedPin, failedSource, denied, refused }: Texts["progress"],
) {
  switch (code) {
    case "trust.invalid":
      return failedTrust;
    case "checkpoint.invalid":
    case "note.invalid":
      return failedPin;
    case "source.denied":
      return denied;
    case "source.invalid":
    case "source.unreadable":
      return failedSource;
    default:
      return /^(request|query|tenant)\./.test(code ?? "") ? refused : failed;
  }
}

function action(words: string, act: (() => void) | undefined): TemplateResult | typeof nothing {
  return act === undefined ? nothing : html`<button type="button" class="strip-action" @click=${act}>${words}</button>`;
}

function progressView(session: Session, strip: Strip): TemplateResult {
  const { progress: texts, live, figures } = strip.texts;
  const { progress, firstFailure, firstFailurePhrases } = session;
  const isUnreached = session.phase === "live" && isNeverConnected(strip.link);
  const title =
    session.phase === "live"
      ? isUnreached
        ? live.unreachable
        : live.waiting
      : html`${texts.verifying} ${session.name ? value(session.name, 120) : nothing}`;
  return html`
    <section class="strip tone-faint" part="strip" aria-labelledby="strip-heading">
      ${icon("waiting")}
      <div class="strip-body">
        <h2 id="strip-heading">${title}</h2>
        ${
          progress.total === undefined
            ? html`<progress aria-labelledby="strip-heading"></progress>`
            : html`<progress aria-labelledby="strip-heading" max="1" .value=${shareOf(progress)}></progress>`
        }
        ${liveView(session, strip)}
        <p class="figures">
          <span>${readSoFar(progress, strip.texts)}</span>
          <span>${figures.events(progress.events)}</span>
          <span>${progress.seconds > 0.5 ? texts.eventsPerSecond(Math.round(progress.eventsPerSecond)) : ""}</span>
          <span>${left(progress, strip.texts)}</span>
        </p>
        ${
          firstFailure === undefined
            ? isUnreached
              ? nothing
              : html`<p class="faint">${session.phase === "live" ? live.noFailureYet : texts.noFailureYet}</p>`
            : html`<div class="first-failure tone-bad" role="alert">
              <p><strong>${texts.firstFailure}</strong> ${isInTitle(firstFailure) ? nothing : codeTitle(firstFailure.code, strip.texts)}</p>
              ${findingView(firstFailure, firstFailurePhrases, strip)}
            </div>`
        }
      </div>
      ${action(texts.cancel, strip.cancel)}
    </section>
  `;
}

function left(progress: Progress, { progress: texts, figures }: Texts): string {
  if (progress.secondsLeft === undefined) {
    return "";
  }
  return progress.bytes >= (progress.total ?? 0) ? texts.finishing : texts.left(figures.duration(progress.secondsLeft));
}

function readSoFar({ bytes, total }: Progress, { progress: texts, figures }: Texts): string {
  const read = figures.bytes(bytes);
  return total === undefined ? texts.readSoFar(read) : texts.read({ bytes: read, total: figures.bytes(total) });
}

/** Returns the fraction of the source that was read. */
export function shareOf({ bytes, total }: Progress): number {
  return total === undefined || total === 0 ? 1 : Math.min(1, bytes / total);
}

/** Renders the state of the connection to a live log, and how far the log is verified. */
function liveView(session: Session, { texts, link, zone }: Strip): TemplateResult | typeof nothing {
  if (!isLive(session.source)) {
    return nothing;
  }
  const { live, figures } = texts;
  const state = session.phase === "live" ? (link?.state ?? "following") : session.isCanceled ? "stopped" : "ended";
  const says = {
    connecting: live.connecting,
    following: live.following,
    ended: live.ended,
    stopped: live.stopped,
    lost: lostWords(link, texts),
  };
  const isRetried = session.phase === "live" && link !== undefined && "retry" in link;
  const { log = null, verdict } = session.report ?? {};
  // "Verified" requires signatures with trusted keys.
  const upTo = verdict === "verified" || verdict === "partial" ? live.upTo : live.readUpTo;
  return html`
    <p class="live-line" data-state=${state}>
      <span class="plain" role="status"><span class="live-dot"></span>${says[state]}</span>
      ${isRetried && link.state === "lost" ? html`<cs-countdown class="plain" .until=${link.retryAt} .texts=${texts}></cs-countdown>` : nothing}
      ${isRetried ? html`<button type="button" class="quiet" @click=${link.retry}>${live.retry}</button>` : nothing}
      ${log === null ? nothing : html`<span class="faint plain">${upTo(figures.entries(log.size))}</span>`}
      ${log === null || log.time === null ? nothing : html`<span class="faint plain">${texts.strip.seen(moment(log.time, zone))}</span>`}
    </p>
  `;
}

/** True if all attempts to reach the log failed so far. */
function isNeverConnected(link: Link | undefined): boolean {
  return link !== undefined && "retry" in link && !link.wasConnected;
}

/** Returns why a connection is retried. */
function lostWords(link: Link | undefined, { live }: Texts): string {
  if (link?.state !== "lost") {
    return "";
  }
  const { status, wasConnected } = link;
  return [
    wasConnected ? live.lost : live.unreachable,
    ...(status === undefined ? [] : [live.status(String(status))]),
  ].join(". ");
}

function verdictView(session: Session, judged: Judged, strip: Strip): TemplateResult {
  const { report } = judged;
  const { texts, zone } = strip;
  const words = verdictWords(judged, texts, {
    followed: isLive(session.source) ? zone : undefined,
    compared: session.compared,
  });
  return html`
    <section class="strip verdict tone-${words.tone}" part="strip verdict" data-verdict=${report.verdict} aria-labelledby="strip-heading">
      ${icon(words.icon)}
      <div class="strip-body">
        <h2 id="strip-heading">${words.word}</h2>
        <p class="strip-says">${words.says}</p>
        ${otherPinsView(session, texts)}
        ${liveView(session, strip)}
        <details class="strip-more">
          <summary>${hasNotesAlone(report) ? texts.strip.moreNotes : texts.strip.more} <span class="faint plain">${tally(report, texts)}</span></summary>
          ${detailsView(judged, words, session.compared, strip)}
        </details>
      </div>
      ${session.phase === "live" ? action(texts.live.stop, strip.cancel) : isLive(session.source) ? action(texts.live.again, strip.again) : nothing}
    </section>
  `;
}
