/** `<countersign-viewer>` as scripts see it. */

import type { Report } from "@countersign/shared/report.js";
import type { WholeRow as Row } from "@countersign/ui/index/types.js";
import type { Session as ShownSession } from "@countersign/ui/viewer/session/session.js";
import type { Some, Texts } from "@countersign/ui/viewer/texts/texts.js";

export type { Report } from "@countersign/shared/report.js";
export type { WholeRow as Row } from "@countersign/ui/index/types.js";
export type { Some, Texts } from "@countersign/ui/viewer/texts/texts.js";

/** A verification, as it goes on. */
export type Session = Readonly<ShownSession>;

/** The element: verifies an export and shows what verified. Both `null` and `undefined` take back what a property was given. */
export interface CountersignViewer extends HTMLElement {
  /** The address of an export; with `live` of a log server's `/stream`. */
  src: string | null;
  /** The address of a trust file. It must not come from where the export does. */
  trust: string | null;
  /** Whether the address gives a stream that goes on. */
  live: boolean;
  /** The zone in which times are shown at first: `utc` or `local`. */
  tz: string | null;
  /** In which order rows are at first: `place`, `-place`, `time` or `-time`. */
  order: string | null;
  /** `light` or `dark`; else as the reader prefers. */
  theme: string | null;
  /** Whether it goes without the strip that says the verdict. */
  bare: boolean;
  /** With it what is looked at is in the fragment of the page's address; its value stands before the names there. */
  fragment: string | null;
  /** The address of a pack of rules to look for; empty for the one that comes with the package. */
  rules: string | null;
  /** The export, in place of an address. */
  file: Blob | null | undefined;
  /** A session that somebody else made, and ends. */
  session: Session | null | undefined;
  /** Texts to show in place of the language's own. */
  texts: Some<Texts> | null | undefined;
  /** A trust file's text, in place of its address. */
  trustText: string | null | undefined;
  /** Checkpoints that were verified before: each the pin of an earlier report. */
  pins: readonly string[];
  /** How addresses are asked for: with a token, for one. */
  request: (address: string, init: RequestInit) => Promise<Response>;
  /** Takes a piece of an export, as bytes or text. Resolves when there is room for more. */
  feed(chunk: Uint8Array | string): Promise<void>;
  /** Ends what was fed. */
  end(): Promise<void>;
  /** Shows what stands at a line of the export, and says whether there is anything. */
  goTo(line: number): Promise<boolean>;
  /** Shows the entry at a leaf of the log, and says whether there is one. */
  goToEntry(leaf: number): Promise<boolean>;
}

/** A report, and the pin to keep for next time; of an alarm, the last good one. */
export interface Reported {
  readonly report: Report;
  readonly pin: string | null;
}

/** What the element tells of. */
export interface ViewerEvents {
  "countersign-report": CustomEvent<Reported>;
  "countersign-alarm": CustomEvent<Reported>;
  "countersign-open": CustomEvent<{ readonly row: Row }>;
  /** Something else is looked for. */
  "countersign-query": CustomEvent<{ readonly query: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "countersign-viewer": CountersignViewer;
  }

  interface HTMLElementEventMap extends ViewerEvents {}
}
