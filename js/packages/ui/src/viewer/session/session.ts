/** One verification of one source, and what is known of it so far. It draws nothing. */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { Finding, Phrases, Report } from "@countersign/shared/report.js";
import type {
  Expectations,
  Source,
  Verification,
  VerifyLive,
  VerifyOptions,
  VerifyReading,
} from "@countersign/shared/verify.js";
import { lengthOf } from "@countersign/shared/verify.js";
import type { Analysis } from "../../analyze/types.js";
import { type Signed, type SignerTrustSoFar, signerTrusts } from "../../index/signer-trust.js";
import type { EventIndex } from "../../index/types.js";
import type { Slicer } from "../../slice/types.js";
import { Detection, type SelectedEvents } from "../detection/detection.js";
import { factsOf } from "./facts.js";
import { Ledger } from "./ledger.js";
import { compareTrust, type TrustCompared } from "./trust-compared.js";

/** The package's workers, or a page's own that were inlined in it. */
export interface Tools {
  readonly verify: VerifyReading;
  readonly verifyLive: VerifyLive;
  readonly index: () => EventIndex;
  /** Without it nothing can be cut out of an export or explained. */
  readonly slicer?: (() => Slicer) | undefined;
  /** Looks for what a pack of rules describes. Without it nothing is looked for. */
  readonly analysis?: ((rules: string) => Analysis) | undefined;
  /** The pack that comes with the package. */
  readonly rules?: (() => Promise<string>) | undefined;
}

export type { Marks } from "./ledger.js";

/** What never ends: the lines of an export, as they are written. */
export interface Live {
  readonly live: AsyncIterable<string | Uint8Array>;
}

/** What the reader brings along. */
export interface Given {
  /** A trust file's text. */
  readonly trust?: string | undefined;
  /** What the trust file is called. */
  readonly trustName?: string | undefined;
  /** Checkpoints that were verified before. */
  readonly pins?: readonly string[] | undefined;
  readonly expect?: Expectations | undefined;
  /** What the source is called: a file's name, an address. */
  readonly name?: string | undefined;
  /** The pack of rules that is looked for; without it none is. */
  readonly rules?: (() => Promise<string>) | undefined;
}

/**
 * - `verifying`: it is read, and has an end;
 * - `live`: it is read, and has none;
 * - `done`: there is a report of all of it; of what has no end, up to where it was stopped;
 * - `canceled`, `failed`: it was not read to its end, and nothing can be said of it.
 */
export type Phase = "verifying" | "live" | "done" | "canceled" | "failed";

/** How far verifying came. */
export interface Progress {
  readonly bytes: number;
  /** How many there will be, where that is known. */
  readonly total: number | undefined;
  readonly events: number;
  readonly eventsPerSecond: number;
  /** Since it began. */
  readonly seconds: number;
  /** Until it ends, where that can be told. */
  readonly secondsLeft: number | undefined;
}

/** How long changes are gathered before they are told, in milliseconds: a frame. */
const FRAME = 16;

/** One verification. */
export class Session extends EventTarget {
  readonly source: Source | Live;
  readonly name: string | undefined;
  readonly trust: string | undefined;
  readonly trustName: string | undefined;
  readonly pins: readonly string[];
  /** What its verified events are looked for in. */
  readonly index: EventIndex;
  /** Settles once it is done, canceled or failed. It never rejects. */
  readonly ended: Promise<void>;
  readonly #tools: Tools;
  /** What rules find among its events, where any are looked for. */
  detection: Detection | undefined;
  phase: Phase;
  progress: Progress;
  /** The first error that was met, as soon as it was. */
  firstFailure: Finding | undefined;
  /** What is said of it, as data. */
  firstFailurePhrases: Phrases = {};
  /** What verifying gave: of all of it once it is done, of what there is so far while it is live. */
  verification: Verification | undefined;
  /** The newest pin of a report without errors. */
  goodPin: string | null = null;
  /** Why there is no verdict. */
  failure: PlainError | undefined;
  #signerTrust = signerTrusts(undefined);
  /** What the export holds beside its events. */
  readonly marks = new Ledger();
  #running = new AbortController();
  #telling: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #selected: SelectedEvents | undefined;
  #kept: (() => Blob) | undefined;

  constructor(source: Source | Live, { trust, trustName, pins = [], expect, name, rules }: Given, tools: Tools) {
    super();
    this.#tools = tools;
    this.source = source;
    this.name = name;
    this.trust = trust;
    this.trustName = trustName;
    this.pins = pins;
    this.index = tools.index();
    this.phase = isLive(source) ? "live" : "verifying";
    this.progress = progressOf(0, sizeOf(source), 0, 0);
    this.ended = this.#run(tools, { trust, pins, ...(expect && { expect }) });
    this.detect(rules);
  }

  /** The report. */
  get report(): Report | undefined {
    return this.verification?.report;
  }

  /** Compares the keys of the trust file with those that signed; undefined without a trust file or a report. */
  get compared(): TrustCompared | undefined {
    const { report, marks, trust, trustName, source } = this;
    return compareTrust({ report, marks, trust, trustName, isLive: isLive(source) });
  }

  /** The checkpoint to keep for next time. */
  get pin(): string | null {
    return this.verification?.pin ?? null;
  }

  /** All that was read, once it was: what parts and proofs are cut out of. */
  get bytes(): Blob | undefined {
    return this.phase === "done" ? this.#kept?.() : undefined;
  }

  /** Whether somebody stopped it. */
  get isCanceled(): boolean {
    return this.#running.signal.aborted;
  }

  /** Whether it is still read. */
  get isRunning(): boolean {
    return this.phase === "verifying" || this.phase === "live";
  }

  /** What is known of who signed an event. Only a report says it for good. */
  signerTrust(event: Signed): SignerTrustSoFar {
    return this.#signerTrust(event);
  }

  /** Looks for what these rules describe, from the first event on, in place of those before. */
  detect(rules: (() => Promise<string>) | undefined): void {
    const { analysis } = this.#tools;
    this.detection?.close();
    this.detection = undefined;
    if (rules !== undefined && analysis !== undefined && !this.#isClosed) {
      this.detection = new Detection(this, rules, analysis);
      this.detection.addEventListener("change", () => this.#tell());
      void this.detection.select(this.#selected).catch(() => {});
    }
    this.#tell();
  }

  /** Selects the events of a search, whose findings are told apart; without any all are selected. */
  select(events: SelectedEvents | undefined): void {
    this.#selected = events;
    void this.detection?.select(events).catch(() => {});
  }

  /** Stops verifying. */
  cancel(): void {
    this.#running.abort(new DOMException("verifying was canceled", "AbortError"));
  }

  /** Ends it with all it keeps. */
  close(): void {
    this.#isClosed = true;
    this.cancel();
    clearTimeout(this.#telling);
    this.detection?.close();
    this.index.close();
  }

  async #run({ verify, verifyLive }: Tools, given: Omit<VerifyOptions, "threads">): Promise<void> {
    const { source } = this;
    const hearing: Omit<VerifyOptions, "threads"> = { ...given, signal: this.#running.signal, ...this.#ears() };
    try {
      if (isLive(source)) {
        const onReport = (verification: Verification) => {
          this.#take(verification);
          void this.index.settle(true).catch(() => {});
        };
        this.#take(await verifyLive(source.live, { ...hearing, onReport }));
      } else {
        const reading = this.index.open(source);
        this.#kept = reading.kept;
        this.#take(await verify(reading, hearing));
      }
      await this.index.settle();
      this.phase = "done";
    } catch (error) {
      await this.#stop(error);
    }
    this.#tell();
  }

  async #stop(error: unknown): Promise<void> {
    if (!this.isCanceled) {
      this.phase = "failed";
      this.failure = plainError(error);
    } else if (isLive(this.source) && this.report !== undefined && !this.#isClosed) {
      // What never ends was verified as far as its last checkpoint, whenever one stops.
      await this.index.settle().catch(() => {});
      this.phase = "done";
    } else {
      this.phase = "canceled";
    }
  }

  #ears(): Omit<VerifyOptions, "threads"> {
    const begun = performance.now();
    return {
      onProgress: ({ bytes, total, events }) => {
        this.progress = progressOf(bytes, total, events, (performance.now() - begun) / 1000);
        this.#tell();
      },
      // A worker moved them here: no memory is shared, and they are moved on.
      onEvents: ({ bytes }) => this.index.add(bytes as Uint8Array<ArrayBuffer>),
      onMarks: (marks) => {
        this.marks.take(marks);
        this.#tell();
        return this.index.mark(marks);
      },
      onFinding: (finding, phrases) => {
        if (finding.severity === "error" && this.firstFailure === undefined) {
          this.firstFailure = finding;
          this.firstFailurePhrases = phrases;
          this.#tell();
        }
      },
    };
  }

  #take(verification: Verification): void {
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
    this.#tell();
  }

  #tell(): void {
    if (this.#isClosed || this.#telling !== undefined) {
      return;
    }
    this.#telling = setTimeout(() => {
      this.#telling = undefined;
      this.dispatchEvent(new Event("change"));
    }, FRAME);
  }
}

/** Whether it has no end. */
export function isLive(source: Source | Live): source is Live {
  return "live" in source;
}

/** How long it is, where that is known before it is read. */
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
  // Too little was read in the first moments to tell.
  const isEarly = bytes === 0 || seconds < 1;
  return {
    bytes,
    // More may come than was announced: what a stretch needs of what is before it.
    total: total !== undefined && bytes > total ? undefined : total,
    events,
    seconds,
    eventsPerSecond: seconds > 0 ? events / seconds : 0,
    secondsLeft: total === undefined || isEarly ? undefined : (Math.max(0, total - bytes) * seconds) / bytes,
  };
}
