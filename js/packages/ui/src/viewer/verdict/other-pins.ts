/** Warnings about pins of other logs: the reader may believe that the log was compared with them, but it wasn't. */

import { html, type TemplateResult } from "lit";
import { icon } from "../parts/icons.js";
import { filled, value } from "../parts/value.js";
import { checkpointLines } from "../session/pin.js";
import type { Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";

/** Returns the distinct origins of the pins that belong to another log. */
export function otherOrigins(pins: readonly string[], origin: string | null): string[] {
  const origins = pins.map(checkpointLines).map((lines) => lines.slice(0, lines.indexOf("\n")));
  return origin === null ? [] : [...new Set(origins)].filter((pinned) => pinned !== origin);
}

/** Renders a warning for each other log that a pin belongs to. */
export function otherPinsView({ pins, report }: Pick<Session, "pins" | "report">, { strip }: Texts): TemplateResult[] {
  const origin = report?.origin ?? null;
  return otherOrigins(pins, origin).map((pinned) => {
    const slots = {
      pinned: html`<code>${value(pinned, 200)}</code>`,
      origin: html`<code>${value(origin ?? "", 200)}</code>`,
    };
    return html`<p class="other-pin tone-doubt">${icon("warning")}<span class="plain">${filled(strip.otherPin, slots)}</span></p>`;
  });
}
