import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import { localDay } from "../src/core-sentence.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Watch } from "./watch.ts";
import { refusalView } from "./words.ts";

interface LiveViewInput {
  readonly watch: Watch | undefined;
  readonly viewer: TemplateResult | typeof nothing;
  readonly begin: () => void;
}

/** Renders the live view, and its state. */
export function liveView({ watch, viewer, begin }: LiveViewInput, t: ConsoleTexts): TemplateResult {
  const seen = watch?.options.seen;
  return html`
    ${watch === undefined ? html`<p class="help wide-text">${t.live.about}</p>` : nothing}
    ${
      watch?.isFollowing
        ? nothing
        : html`
          <div class="buttons live-bar">
            <button type="button" class="primary" @click=${begin}>${watch === undefined ? t.live.start : t.live.again}</button>
            ${watch === undefined ? nothing : stateView(watch, t)}
          </div>`
    }
    ${seen === undefined ? nothing : html`<p class="help boundary">${icon("pin")}<span>${t.live.since(seen.size)} ${localDay(seen.when, t.page.viewer.lang)}</span></p>`}
    ${watch?.refusal === undefined || watch.isStopped ? nothing : refusalView(watch.refusal, t)}
    ${viewer}
  `;
}

/** Renders the state of the live view as an icon and a word. */
export function stateView(watch: Watch, t: ConsoleTexts): TemplateResult {
  const { states } = t.live;
  if (watch.isStopped) return html`<p class="state tone-faint">${icon("unknown")}${states.stopped}</p>`;
  if (watch.session.phase === "failed") {
    const word = watch.refusal === undefined ? states.failed : states.refused;
    return html`<p class="state tone-bad">${icon("fail")}${word}</p>`;
  }
  const { link } = watch;
  switch (link.state) {
    case "following":
      return html`<p class="state tone-good">${icon("pass")}${states.following}</p>`;
    case "lost":
      return html`<p class="state tone-doubt">${icon("warning")}${states.lost(link.seconds)}</p>`;
    default:
      return html`<p class="state tone-faint">${icon("waiting")}${states[link.state]}</p>`;
  }
}
