/** Public types of `<countersign-viewer>`. */

import type { Report } from "@countersign/shared/report.js";
import type { WholeRow as Row } from "@countersign/ui/index/types.js";
import type { Session as ShownSession } from "@countersign/ui/viewer/session/session.js";
import type { Some, Texts } from "@countersign/ui/viewer/texts/texts.js";

export type { Report } from "@countersign/shared/report.js";
export type { WholeRow as Row } from "@countersign/ui/index/types.js";
export type { Some, Texts } from "@countersign/ui/viewer/texts/texts.js";

/** A verification in progress or finished. */
export type Session = Readonly<ShownSession>;

/**
 * The element, which verifies an export and shows the result. Set a property to `null` or `undefined` to reset it.
 */
export interface CountersignViewer extends HTMLElement {
  /** Address of an export; with `live`, of a log server's `/stream`. */
  src: string | null;
  /** Address of a trust file. It must not come from the source of the export. */
  trust: string | null;
  /** True if the address is a stream that doesn't end. */
  live: boolean;
  /** Initial time zone: `utc` or `local`. */
  tz: string | null;
  /** Initial order of rows: `place`, `-place`, `time`, or `-time`. */
  order: string | null;
  /** `light` or `dark`. Default: the reader's preference. */
  theme: string | null;
  /** True to hide the strip with the verdict. */
  bare: boolean;
  /** True to fill the height that the page gives the element. */
  fill: boolean;
  /**
   * Prefix of the view state's names in the fragment of the page's address. Default: the state isn't in the address.
   */
  fragment: string | null;
  /** Address of a rule pack; empty for the included pack. Default: no detection. */
  rules: string | null;
  /** The export, instead of an address. */
  file: Blob | null | undefined;
  /** A session that the page created and closes. */
  session: Session | null | undefined;
  /** Texts that override those of the language. */
  texts: Some<Texts> | null | undefined;
  /** Text of a trust file, instead of an address. */
  trustText: string | null | undefined;
  /** Pins of earlier reports. */
  pins: readonly string[];
  /** Fetches an address, for example with a token. Default: `fetch`. */
  request: (address: string, init: RequestInit) => Promise<Response>;
  /** Feeds a piece of an export, as bytes or text. Resolves when there is room for more. */
  feed(chunk: Uint8Array | string): Promise<void>;
  /** Ends the export that was fed. */
  end(): Promise<void>;
  /** Shows a line of the export. Resolves to true if the line has a row. */
  goTo(line: number): Promise<boolean>;
  /** Shows an entry of the log. Resolves to true if it has a row. */
  goToEntry(index: number): Promise<boolean>;
}

/** A report, with the pin for the next verification; in an alarm, the last pin before it. */
export interface Reported {
  readonly report: Report;
  readonly pin: string | null;
}

/** Why there is no result, as shown in English. */
export interface Failed {
  /** A stable code such as `source.invalid`, or that of the log's own error; `null` for a bug. */
  readonly code: string | null;
  readonly message: string;
  /** Advice on how to fix the problem. */
  readonly hint: string | null;
}

/** Events that the element dispatches. */
export interface ViewerEvents {
  "countersign-report": CustomEvent<Reported>;
  "countersign-alarm": CustomEvent<Reported>;
  /** Dispatched once per error that leaves the element without a result. */
  "countersign-error": CustomEvent<Failed>;
  "countersign-open": CustomEvent<{ readonly row: Row }>;
  /** Dispatched when the query changes. */
  "countersign-query": CustomEvent<{ readonly query: string }>;
}

declare global {
  interface HTMLElementTagNameMap {
    "countersign-viewer": CountersignViewer;
  }

  interface HTMLElementEventMap extends ViewerEvents {}
}
