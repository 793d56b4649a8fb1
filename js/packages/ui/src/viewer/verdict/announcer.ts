/** What a screen reader is told of a verification while nobody asks. */

import type { Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { shareOf } from "./strip.js";
import { verdictWords } from "./verdict.js";

/** How far verifying must have come to be told again, of 1. */
const TOLD_EVERY = 0.1;

/** Says one thing after another. */
export class Announcer {
  /** What is said now. */
  said: string = "";
  #toldAt = 0;

  /** Something else is verified, or nothing. */
  begin(): void {
    this.said = "";
    this.#toldAt = 0;
  }

  /** Something about it changed. */
  change({ phase, progress, report }: Session, texts: Texts): void {
    if (phase === "canceled") {
      this.said = texts.progress.canceled;
      return;
    }
    // A verdict that was said stays said while the last rows are put in their places.
    const isUnderWay = phase === "verifying" && report === undefined && progress.total !== undefined;
    const share = shareOf(progress);
    if (isUnderWay && share >= this.#toldAt + TOLD_EVERY) {
      this.#toldAt = share;
      this.said = texts.progress.percent(String(Math.floor(share * 100)));
    }
  }

  /** There is a report. A log that goes on has one every moment, and its strip says enough of it. */
  report({ verification, phase, compared }: Session, texts: Texts): void {
    if (verification !== undefined && phase !== "live") {
      const { word, says } = verdictWords(verification, texts, { compared });
      const errors = verification.report.findings.filter(({ severity }) => severity === "error").length;
      const { announce, announceErrors } = texts.strip;
      this.said = [announce(word, says), ...(errors > 0 ? [announceErrors(errors)] : [])].join(" ");
    }
  }
}
