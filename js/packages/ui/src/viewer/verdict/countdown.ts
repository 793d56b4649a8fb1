/** The time until the next attempt, which counts down. */

import { html, type TemplateResult } from "lit";
import { define, props, TextView } from "../view.js";

const SECOND_MS = 1000;

/**
 * `<cs-countdown>`: the time until an attempt, renewed each second. It must be outside of live regions, which would
 * announce each second.
 */
class Countdown extends TextView {
  static override properties = props("until");

  /** Time of the attempt, in milliseconds since the epoch. */
  until = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
  }

  protected override render(): TemplateResult {
    const { live, figures } = this.texts;
    return html`${live.nextAttempt(figures.duration(Math.max(1, Math.ceil(this.#leftMs / SECOND_MS))))}`;
  }

  protected override updated(): void {
    clearTimeout(this.#timer);
    if (this.isConnected && this.#leftMs > SECOND_MS) {
      // Until the shown number of seconds changes.
      this.#timer = setTimeout(() => this.requestUpdate(), this.#leftMs % SECOND_MS || SECOND_MS);
    }
  }

  get #leftMs(): number {
    return this.until - Date.now();
  }
}

define("cs-countdown", Countdown);
