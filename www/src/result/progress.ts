import { html, type TemplateResult } from "lit";
import type { Progress } from "../engine.ts";
import { bytes, counted, duration } from "../format.ts";
import { value, wish } from "../view.ts";

/** How far verifying is, how fast it goes, and a way to stop it. */
export function progressView(name: string, progress: Progress): TemplateResult {
  return html`
    <section class="progress" aria-labelledby="progress-heading">
      <div class="progress-head">
        <h2 id="progress-heading">Verifying ${value(name)}</h2>
        <button type="button" @click=${(event: Event) => event.target?.dispatchEvent(wish("cancel", undefined))}>Cancel</button>
      </div>
      <progress aria-labelledby="progress-heading" max="1" .value=${share(progress)}></progress>
      <p class="progress-figures">
        <span>${bytes(progress.bytes)} of ${bytes(progress.total)}</span>
        <span>${rate(progress)}</span>
        <span>${counted(progress.events, "event")}</span>
        <span>${left(progress)}</span>
      </p>
    </section>
  `;
}

/** What a screen reader is told now and then. */
export function progressAnnouncement(progress: Progress): string {
  return `Verifying, ${Math.floor(share(progress) * 10) * 10} percent`;
}

function share({ bytes, total }: Progress): number {
  return total === 0 ? 1 : bytes / total;
}

function rate({ bytes: read, seconds }: Progress): string {
  return seconds > 0.5 ? `${bytes(read / seconds)}/s` : "";
}

function left(progress: Progress): string {
  const { bytes: read, total, seconds } = progress;
  if (seconds < 1 || read === 0) return "";
  return read >= total ? "finishing" : `${duration(((total - read) * seconds) / read)} left`;
}
