import type { Report } from "countersign/verify";
import type { IconName } from "../icons.ts";
import type { Tone } from "../words.ts";
import type { StoredEvent } from "./store.ts";

/** What the finished report says of who signed an event that matches its signature. */
export type Standing = "trusted" | "unconfirmed" | "suspect";

export const STANDINGS: Record<Standing, { word: string; why: string; icon: IconName; tone: Tone }> = {
  trusted: {
    word: "Signer trusted",
    why: "This is what a key that you trust signed.",
    icon: "pass",
    tone: "good",
  },
  unconfirmed: {
    word: "Signer not confirmed",
    why: "This is what the key signed, but you have not chosen to trust that key.",
    icon: "unknown",
    tone: "doubt",
  },
  suspect: {
    word: "Signer suspect",
    why: "The key was revoked or not attested in time: it may have been a thief who signed this.",
    icon: "warning",
    tone: "bad",
  },
};

const DOUBTS = ["key.suspect", "key.late"] as const;

/**
 * How to tell each event's standing. An event is handed out before all of the export is read; its chain may have turned
 * out to be suspect since. Where the report lists fewer such chains than there are, no chain is above suspicion.
 */
export function standings(report: Report): (event: StoredEvent) => Standing {
  const doubted = report.findings.filter(({ code }) => DOUBTS.some((doubt) => doubt === code));
  const total = DOUBTS.reduce((sum, code) => sum + (report.finding_counts[code] ?? 0), 0);
  const chains = new Set(doubted.map(({ chain }) => chain));
  return ({ authorised, chain }) => {
    if (total > doubted.length || chains.has(chain)) return "suspect";
    return authorised ? "trusted" : "unconfirmed";
  };
}
