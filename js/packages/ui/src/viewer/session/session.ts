/** The verification of one source, with its results so far. Renders nothing. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import { deferred } from "@countersign/shared/promises.js";
import type { Finding, Phrases, Report } from "@countersign/shared/report.js";
import type {
  Expectations,
  Mark,
  Source,
  Verification,
  VerifyArchive,
  VerifyLive,
  VerifyOptions,
  VerifyReading,
} from "@countersign/shared/verify.js";
import { lengthOf } from "@countersign/shared/verify.js";
import type { Analysis, AnalysisScope } from "../../analyze/types.js";
import { type SignedEvent, type SignerTrustSoFar, signerTrusts } from "../../index/signer-trust.js";
import type { EventIndex } from "../../index/types.js";
import type { Slicer } from "../../slice/types.js";
import { Detection, type SelectedEvents } from "../detection/detection.js";
import { EventSpool } from "./event-spool.js";
import { factsOf } from "./facts.js";
import { Ledger } from "./ledger.js";
import { compareTrust, type TrustCompared } from "./trust-compared.js";

/** Workers of the package, or those that a page inlined. */
export interface Tools {
  readonly verify: VerifyReading;
  readonly verifyLive: VerifyLive;
  /** Optional: verifies a file again without reading it. */
  readonly verifyArchive?: VerifyArchive | undefined;
  readonly index: () => EventIndex;
  /** Optional: slices and proofs. */
  readonly slicer?: (() => Slicer) | undefined;
  /** Optional: detection by a rule pack. */
  readonly analysis?: ((rules: string, scope?: AnalysisScope) => Analysis) | undefined;
  /** The rule pack that comes with the package. */
  readonly rules?: (() => Promise<string>) | undefined;
}

import type { Phase } from "./phase.js";

export type { Marks } from "./ledger.js";

/** A source that doesn't end: the lines of an export as they are written. */
export interface Live {
  readonly live: AsyncIterable<string | Uint8Array>;
}

/** Options of a session. */
export interface SessionOptions {
  /** Text of a trust file. */
  readonly trust?: string | undefined;
  /** Name of the trust file. */
  readonly trustName?: string | undefined;
  /** Pins of earlier reports. */
  readonly pins?: readonly string[] | undefined;
  readonly expect?: Expectations | undefined;
  /** Name of the source: a file name or an address. */
  readonly name?: string | undefined;
  /** Rule pack for detection; undefined for none. */
  readonly rules?: (() => Promise<string>) | undefined;
  /** True to report only once all events are in the index. Default: the report of a file comes before that. */
  readonly waitsForIndex?: boolean | undefined;
  /**
   * True to keep an archive of the results, about 40 bytes per event and at most 64 MiB, so that another trust file can be
   * applied without reading the source again. Default: false.
   */
  readonly keepsArchive?: boolean | undefined;
}

/** Progress of a verification. */
export interface Progress {
  readonly bytes: number;
  /** Total bytes, if known. */
  readonly total: number | undefined;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Since the start. */
  readonly seconds: number;
  /** Estimated time left, if known. */
  readonly secondsLeft: number | undefined;
}

/** The input of a verification that can be replaced. */
export type JudgmentInput = Pick<SessionOptions, "trust" | "trustName" | "pins">;

/**
 * The result of verifying a file again with other input:
 *
 * - `done`: without reading it;
 * - `entries`: impossible, because it has too many entries to keep their results, or can't be read as an export;
 * - `events`: impossible, because keys that expired or were revoked may change which events are in the index.
 */
export type JudgmentOutcome = "done" | "entries" | "events";

/** Codes of findings about links that fail because of statements in key notes, which depend on the trust file. */
const KEY_FAILURES = ["key.revoked", "key.expired", "key.not_yet_valid"] as const;

/** Milliseconds for which changes are collected before they are dispatched: one frame. */
const FRAME_MS = 16;
/** Minimum milliseconds between two notifications of the index's progress: each renders the page. */
const INDEX_PROGRESS_MS = 300;

/** A verification. Dispatches `change` and `report`. */
export class Session extends EventTarget {
  readonly source: Source | Live;
  readonly name: string | undefined;
  trust: string | undefined;
  trustName: string | undefined;
  pins: readonly string[];
  /** Index of its verified events. */
  readonly index: EventIndex;
  /**
   * Settles once a file's report is known, or there won't be one; for a live source, once it ends. Never rejects.
   */
  readonly judged: Promise<void>;
  /** Settles once the session is done, canceled, or failed. Never rejects. */
  readonly ended: Promise<void>;
  readonly #tools: Tools;
  /** Findings among its events, if detection is on. */
  detection: Detection | undefined;
  phase: Phase;
  progress: Progress;
  /** The first error, as soon as it is found. */
  firstFailure: Finding | undefined;
  /** Message parts of the first error, as data. */
  firstFailurePhrases: Phrases = {};
  /** Result for the whole source once done; for a live source, for the part read so far. */
  verification: Verification | undefined;
  /** Newest pin of a report without errors. */
  goodPin: string | null = null;
  /** Reason why there is no verdict. */
  failure: PlainError | undefined;
  #signerTrust = signerTrusts(undefined);
  /** Marks of the export other than its events. */
  marks = new Ledger();
  #running = new AbortController();
  #notification: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #selected: SelectedEvents | undefined;
  #bytes: (() => Blob) | undefined;
  /** Archive of a file that was verified; undefined if it has too many entries. */
  #archive: Blob | undefined;
  readonly #expect: Expectations | undefined;
  /** Number of verifications of the archive with other input. */
  #pendingJudgments = 0;
  /** Events of a file, which are indexed after the verdict; undefined for other sources. */
  readonly #spool: EventSpool | undefined;
  /** Time of the next notification of the index's progress. */
  #nextProgress = 0;
  readonly #judged = deferred<void>();
  readonly #waitsForIndex: boolean;
  readonly #keepsArchive: boolean;

  constructor(
    source: Source | Live,
    { trust, trustName, pins = [], expect, name, rules, waitsForIndex = false, keepsArchive = false }: SessionOptions,
    tools: Tools,
  ) {
    super();
    this.#tools = tools;
    this.source = source;
    this.name = name;
    this.trust = trust;
    this.trustName = trustName;
    this.pins = pins;
    this.#waitsForIndex = waitsForIndex;
    this.#expect = expect;
    this.#keepsArchive = keepsArchive;
    this.index = tools.index();
    this.#spool = source instanceof Blob ? new EventSpool(this.index) : undefined;
    this.judged = this.#judged.promise;
    this.phase = isLive(source) ? "live" : "verifying";
    this.progress = progressOf(0, sizeOf(source), 0, 0);
    this.ended = this.#run(tools, { trust, pins, ...(expect && { expect }) });
    this.detect(rules);
  }

  get report(): Report | undefined {
    return this.verification?.report;
  }

  /** Keys of the trust file compared with those that signed; undefined without a trust file or report. */
  get compared(): TrustCompared | undefined {
    const { report, marks, trust, trustName, source } = this;
    return compareTrust({ report, marks, trust, trustName, isLive: isLive(source) });
  }

  /** Pin to keep for the next verification. */
  get pin(): string | null {
    return this.verification?.pin ?? null;
  }

  /** The bytes that were read, once complete. Slices and proofs are created from them. */
  get bytes(): Blob | undefined {
    return this.phase === "done" || this.phase === "indexing" ? this.#bytes?.() : undefined;
  }

  /** Share of the events that are in the index, from 0 to 1, while the rest is being added; undefined otherwise. */
  get indexedShare(): number | undefined {
    return this.phase === "indexing" ? (this.#spool?.indexedShare ?? 1) : undefined;
  }

  /** True while rows are withdrawn: an error was found, and there is no verdict yet. They are shown again with it. */
  get isWithdrawn(): boolean {
    return this.phase === "verifying" && this.firstFailure !== undefined;
  }

  /** True if it was stopped. */
  get isCanceled(): boolean {
    return this.#running.signal.aborted;
  }

  /** True until all events of a source with an end are in the index. */
  get isIndexIncomplete(): boolean {
    return this.phase === "verifying" || this.phase === "indexing";
  }

  /** True while the source is read, or its events are added to the index. */
  get isRunning(): boolean {
    return this.isIndexIncomplete || this.phase === "live";
  }

  /** Returns the trust of an event's signer. Final only after the report. */
  signerTrust(event: SignedEvent): SignerTrustSoFar {
    return this.#signerTrust(event);
  }

  /** Replaces the detection by one with these rules, from the first event on. */
  detect(rules: (() => Promise<string>) | undefined): void {
    const { analysis } = this.#tools;
    this.detection?.close();
    this.detection = undefined;
    if (rules !== undefined && analysis !== undefined && !this.#isClosed) {
      // The rules of a file start with the verdict, because they would delay it.
      const start = async () => {
        await (this.#spool && this.judged);
        return rules();
      };
      this.detection = new Detection(this, start, analysis);
      this.detection.addEventListener("change", () => this.#notify());
      void this.detection.select(this.#selected).catch(() => {});
    }
    this.#notify();
  }

  /** Limits findings to the events of a search; undefined for all events. */
  select(events: SelectedEvents | undefined): void {
    this.#selected = events;
    void this.detection?.select(events).catch(() => {});
  }

  /** True while the file is verified with other input, without reading it again. */
  get isJudgingAgain(): boolean {
    return this.#pendingJudgments > 0;
  }

  /** True if there is a verdict on a file, which may be reached again with other input. */
  get isJudged(): boolean {
    return !this.#isClosed && this.verification !== undefined && this.bytes !== undefined;
  }

  /**
   * Verifies the file with other input in place of the session's own, without reading it again. Index, detection, and
   * selection stay. Unless the result is `done`, nothing changes. Rejects for invalid input, and once `signal` is aborted.
   */
  async judgeAgain({ trust, trustName, pins = [] }: JudgmentInput, signal: AbortSignal): Promise<JudgmentOutcome> {
    const marks = new Ledger();
    this.#pendingJudgments += 1;
    try {
      const verification = await this.verifyWith({ trust, pins }, signal, (some) => marks.add(some));
      if (verification === undefined || this.verification === undefined) {
        return "entries";
      }
      if (hasKeyFailure(this.verification.report) || hasKeyFailure(verification.report)) {
        return "events";
      }
      signal.throwIfAborted();
      this.trust = trust;
      this.trustName = trustName;
      this.pins = pins;
      this.marks = marks;
      this.goodPin = null;
      this.firstFailure = undefined;
      this.firstFailurePhrases = {};
      this.#accept(verification);
      return "done";
    } finally {
      this.#pendingJudgments -= 1;
      this.#notify();
    }
  }

  /**
   * Verifies the file with other input, without reading it again and without a change of the session. Resolves to
   * undefined if that is impossible.
   */
  async verifyWith(
    { trust, pins }: Pick<JudgmentInput, "trust" | "pins">,
    signal: AbortSignal,
    onMarks?: (marks: readonly Mark[]) => void,
  ): Promise<Verification | undefined> {
    const { verifyArchive } = this.#tools;
    if (this.#archive === undefined || verifyArchive === undefined || !this.isJudged) {
      return undefined;
    }
    const begun = performance.now();
    return verifyArchive(this.#archive, {
      trust,
      pins,
      expect: this.#expect,
      signal,
      onMarks,
      onProgress: ({ bytes, total, events }) => {
        this.progress = progressOf(bytes, total, events, (performance.now() - begun) / 1000);
        this.#notify();
      },
    });
  }

  /** Stops the verification. */
  cancel(): void {
    this.#running.abort(new DOMException("the verification was canceled", "AbortError"));
  }

  /** Ends the session and frees everything it keeps. */
  close(): void {
    this.#isClosed = true;
    this.cancel();
    clearTimeout(this.#notification);
    this.detection?.close();
    this.#spool?.clear();
    this.index.close();
  }

  async #run(tools: Tools, options: Omit<VerifyOptions, "threads">): Promise<void> {
    const { verify, verifyLive } = tools;
    const { source } = this;
    const verifyOptions: Omit<VerifyOptions, "threads"> = {
      ...options,
      signal: this.#running.signal,
      ...this.#callbacks(),
    };
    let kept: Verification | undefined;
    try {
      if (isLive(source)) {
        const onReport = (verification: Verification) => {
          this.#accept(verification);
          void this.index.settle(true).catch(() => {});
        };
        this.#accept(await verifyLive(source.live, { ...verifyOptions, onReport }));
      } else {
        const reading = this.index.open(source);
        this.#bytes = reading.kept;
        const onArchive = (archive: Blob) => {
          this.#archive = archive;
        };
        const verification = await verify(reading, { ...verifyOptions, ...(this.#keepsArchive && { onArchive }) });
        if (this.#waitsForIndex) {
          kept = verification;
        } else {
          this.phase = "indexing";
          this.#accept(verification);
        }
      }
      if (kept === undefined) {
        this.#judged.resolve();
      }
      await this.#spool?.release(() => this.#indexed());
      await this.index.settle();
      this.phase = "done";
      if (kept !== undefined) {
        this.#accept(kept);
      }
    } catch (error) {
      await this.#fail(error);
    }
    this.#judged.resolve();
    this.#notify();
  }

  async #fail(error: unknown): Promise<void> {
    if (!this.isCanceled) {
      this.phase = "failed";
      this.failure = plainError(error);
    } else if (isLive(this.source) && this.report !== undefined && !this.#isClosed) {
      // A live source was verified up to its last checkpoint.
      await this.index.settle().catch(() => {});
      this.phase = "done";
    } else {
      this.phase = "canceled";
    }
  }

  #callbacks(): Omit<VerifyOptions, "threads"> {
    const begun = performance.now();
    return {
      onProgress: ({ bytes, total, events }) => {
        this.progress = progressOf(bytes, total, events, (performance.now() - begun) / 1000);
        this.#notify();
      },
      // The bytes were transferred to this thread, which transfers them to the index.
      onEvents: ({ bytes }) => (this.#spool ?? this.index).add(bytes as Uint8Array<ArrayBuffer>),
      onMarks: (marks) => {
        this.marks.add(marks);
        this.#notify();
        return this.index.mark(marks);
      },
      onFinding: (finding, phrases) => {
        if (finding.severity === "error" && this.firstFailure === undefined) {
          this.firstFailure = finding;
          this.firstFailurePhrases = phrases;
          this.#notify();
        }
      },
    };
  }

  #accept(verification: Verification): void {
    const { report, pin } = verification;
    this.verification = verification;
    const isGood = report.verdict !== "altered" && report.verdict !== "broken";
    this.goodPin = (isGood ? pin : null) ?? this.goodPin;
    this.#signerTrust = signerTrusts(factsOf(verification));
    if (this.firstFailure === undefined) {
      this.firstFailure = report.findings.find(({ severity }) => severity === "error");
      this.firstFailurePhrases = verification.phrases;
    }
    this.dispatchEvent(new Event("report"));
    this.#notify();
  }

  /** Notifies of the progress of the index. */
  #indexed(): void {
    const now = performance.now();
    if (now >= this.#nextProgress) {
      this.#nextProgress = now + INDEX_PROGRESS_MS;
      this.#notify();
    }
  }

  #notify(): void {
    if (this.#isClosed || this.#notification !== undefined) {
      return;
    }
    this.#notification = setTimeout(() => {
      this.#notification = undefined;
      this.dispatchEvent(new Event("change"));
    }, FRAME_MS);
  }
}

/** True if links failed because of statements in key notes. */
function hasKeyFailure({ finding_counts }: Report): boolean {
  return KEY_FAILURES.some((code) => (finding_counts[code] ?? 0) > 0);
}

/** True if the source doesn't end. */
export function isLive(source: Source | Live): source is Live {
  return "live" in source;
}

/** Returns the size of a source, if known before it is read. */
function sizeOf(source: Source | Live): number | undefined {
  if ("size" in source && typeof source.size === "number") {
    return source.size;
  }
  if ("headers" in source) {
    return lengthOf(source);
  }
  return ArrayBuffer.isView(source) ? source.byteLength : undefined;
}

function progressOf(bytes: number, total: number | undefined, events: number, seconds: number): Progress {
  // Too early for an estimate.
  const isEarly = bytes === 0 || seconds < 1;
  return {
    bytes,
    // More bytes than announced may arrive: those of the entries before a range.
    total: total !== undefined && bytes > total ? undefined : total,
    events,
    seconds,
    eventsPerSecond: seconds > 0 ? events / seconds : 0,
    secondsLeft: total === undefined || isEarly ? undefined : (Math.max(0, total - bytes) * seconds) / bytes,
  };
}
