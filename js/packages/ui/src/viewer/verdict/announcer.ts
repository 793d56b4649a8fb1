/** Announcements of a verification to screen readers. */

import type { Session } from "../session/session.js";
import type { Texts } from "../texts/texts.js";
import { shareOf } from "./strip.js";
import { verdictWords } from "./verdict.js";

/** Minimum progress between two announcements, as a fraction. */
const ANNOUNCE_EVERY = 0.1;

/** Keeps the current announcement. */
export class Announcer {
  /** The current announcement. */
  message: string = "";
  #announcedShare = 0;

  /** Resets the announcer for another verification, or none. */
  begin(): void {
    this.message = "";
    this.#announcedShare = 0;
  }

  /** Announces a change of the session. */
  change({ phase, progress, report }: Session, texts: Texts): void {
    if (phase === "canceled") {
      this.message = texts.progress.canceled;
      return;
    }
    // An announced verdict stays while the last rows are sorted in.
    const isUnderWay = phase === "verifying" && report === undefined && progress.total !== undefined;
    const share = shareOf(progress);
    if (isUnderWay && share >= this.#announcedShare + ANNOUNCE_EVERY) {
      this.#announcedShare = share;
      this.message = texts.progress.percent(String(Math.floor(share * 100)));
    }
  }

  /** Announces a report. A live log has new ones all the time, and its strip shows enough of them. */
  report({ verification, phase, compared }: Session, texts: Texts): void {
    if (verification !== undefined && phase !== "live") {
      const { word, says } = verdictWords(verification, texts, { compared });
      const errors = verification.report.findings.filter(({ severity }) => severity === "error").length;
      const { announce, announceErrors } = texts.strip;
      this.message = [announce({ word, says }), ...(errors > 0 ? [announceErrors(errors)] : [])].join(" ");
    }
  }
}
