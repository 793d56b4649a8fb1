import type { PlainError } from "@countersign/shared/error.js";
import type { Coverage } from "@countersign/ui/index/types.js";
import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import { faultOf } from "@countersign/ui/viewer/search/faulty.js";
import type { JudgmentOutcome, Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { type FiledEvents, type FiledFacts, readFiledFacts } from "../evidence/filed-facts.ts";
import type { Detections } from "../evidence/frame.ts";
import { type FiledAnswer, type OwnAnswer, ownAnswer } from "../evidence/own-answer.ts";
import type { FiledRules } from "../evidence/own-detections.ts";
import {
  type Agreement,
  agreement,
  end,
  hasContradictoryHead,
  type PinReport,
  type VerifyWithPin,
} from "./agreement.ts";
import type { Memory, RememberedLog } from "./memory.ts";

/** An export and its source. */
export interface Chosen {
  readonly file: File;
  /** Names of the pieces it was joined from, if any. */
  readonly of: readonly string[];
  readonly from: "reader" | "log" | "sample" | "evidence";
  /** Answer of the evidence file that the export is from. */
  readonly answer?: FiledAnswer | undefined;
  /** Events that the evidence file is about that the export is from. */
  readonly filedEvents?: FiledEvents | undefined;
  /** Rules of the evidence file that the export is from. */
  readonly rules?: FiledRules | undefined;
}

/** Result of comparing an export with the remembered state of its log. */
export interface MemoryComparison {
  readonly seen: RememberedLog;
  readonly is: "grown" | "unknown" | "smaller" | "rewritten";
  /** True if the verdict depends on it. Otherwise, it was compared beside a verdict without it. */
  readonly isInVerdict: boolean;
}

/** Returns the remembered state of its log that the verdict on a part depends on; undefined if there is none. */
export function rememberedInVerdict({ seenBefore }: Pick<Part, "seenBefore">): RememberedLog | undefined {
  return seenBefore?.isInVerdict === true ? seenBefore.seen : undefined;
}

/** An export in verification, alone or with others. */
export interface Part extends Chosen {
  readonly session: Session | undefined;
  /** Undefined until its events are indexed. */
  readonly coverage: Coverage | undefined;
  /** Number of its events that state no actor, no action, or no time; undefined until they are indexed. */
  readonly unrecognized: number | undefined;
  /** Answer by the reader's trust file; undefined if the evidence file has no answer, or the same trust file. */
  readonly ownAnswer: OwnAnswer | undefined;
  /** Facts from the events that the evidence file is about; undefined if they aren't listed, or can't be read. */
  readonly filedFacts: FiledFacts | undefined;
  /** Result of the rules by the reader's trust file; undefined if the evidence file has none, or the same trust file. */
  readonly ownDetections: Detections | undefined;
  readonly seenBefore: MemoryComparison | undefined;
  /** True if this device now remembers this state of its log. */
  readonly remembered: boolean;
  /** Relation to the next smaller part, if there are several. */
  readonly agreement: { readonly with: number; readonly is: Agreement } | undefined;
  /** Undefined until known. */
  readonly sha256: string | undefined;
  /** Time of its verdict. */
  readonly when: Date | undefined;
}

/** The reader's input besides exports. */
export interface VerificationInput {
  readonly trust: string | undefined;
  /** Name of the trust file. */
  readonly trustName?: string | undefined;
  readonly pins: readonly string[];
}

/** Dependencies of a case. */
export interface CaseTools {
  readonly session: (file: File, input: VerificationInput & { readonly name: string }) => Session;
  /** Verifies without showing events. */
  readonly hold: (
    file: File,
    given: VerificationInput & { readonly signal: AbortSignal },
  ) => Promise<PinReport>;
  /** Runs the rules of an evidence file by the reader's trust file; undefined if that is the one in the file. */
  readonly detect: (
    rules: FiledRules,
    trust: string | undefined,
    signal: AbortSignal,
  ) => Promise<Detections | undefined>;
  /** Resolves to undefined if this page can't compute it. */
  readonly sha256: (file: File, signal: AbortSignal) => Promise<string | undefined>;
  readonly memory: Memory;
  readonly failure: (error: unknown) => PlainError;
  readonly now: () => Date;
}

/** State of a case: without an export, verifying a part, comparing the parts, or ended. */
export type CasePhase = "empty" | "verifying" | "agreeing" | "done" | "canceled" | "failed";

/**
 * Exports that are verified together. Each is verified alone and has its own verdict; then the core compares
 * each with the next smaller one.
 */
export class Case extends EventTarget {
  readonly #tools: CaseTools;
  #parts: readonly Part[] = [];
  #phase: CasePhase = "empty";
  #at = 0;
  #failure: PlainError | undefined;
  #running: AbortController | undefined;
  /** Sessions of the previous verification, which may be judged again with other input. */
  #earlier: ReadonlyMap<File, Session> = new Map();
  #readAgain: Exclude<JudgmentOutcome, "done"> | undefined;
  readonly #hashed = new WeakMap<File, Promise<string | undefined>>();

  constructor(tools: CaseTools) {
    super();
    this.#tools = tools;
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  get phase(): CasePhase {
    return this.#phase;
  }

  /** Index of the part being verified, or that failed. */
  get at(): number {
    return this.#at;
  }

  get failure(): PlainError | undefined {
    return this.#failure;
  }

  /** Reason why a file is read and verified again, although there was a verdict on it; undefined if it isn't. */
  get readAgain(): Exclude<JudgmentOutcome, "done"> | undefined {
    return this.#readAgain;
  }

  get isRunning(): boolean {
    return this.#phase === "verifying" || this.#phase === "agreeing";
  }

  /**
   * Verifies these exports instead of the previous ones. Resolves when their events are indexed, too. Exports on which
   * there is a verdict are not read again if possible.
   */
  async verify(chosen: readonly Chosen[], input: VerificationInput, useMemory: boolean): Promise<void> {
    const isJudged = ({ file, session }: Part) =>
      session?.isJudged === true && chosen.some((one) => one.file === file);
    this.#close(this.#parts.filter(isJudged));
    const running = new AbortController();
    this.#running = running;
    this.#parts = chosen.map(fresh);
    this.#failure = undefined;
    this.#enter(chosen.length === 0 ? "empty" : "verifying");
    try {
      for (let at = 0; at < chosen.length; at += 1) {
        this.#at = at;
        this.#readAgain = undefined;
        this.#tell();
        await this.#verifyPart(at, input, useMemory, running.signal);
      }
      if (chosen.length > 1) {
        this.#enter("agreeing");
        await this.#agree(input, useMemory, running.signal);
      }
      running.signal.throwIfAborted();
      if (useMemory) this.#remember();
      if (chosen.length > 0) this.#enter("done");
      // The verdict on a single export doesn't wait for its index.
      if (chosen.length === 1 && chosen[0]?.from !== "evidence")
        await this.#searched(0, input, running.signal);
    } catch (error) {
      if (this.#running !== running) return;
      const isCanceled = running.signal.aborted;
      if (!isCanceled) this.#failure ??= this.#tools.failure(error);
      running.abort();
      // The sessions are closed, because nothing is shown.
      for (const { session } of this.#parts) session?.close();
      for (const session of this.#earlier.values()) session.close();
      this.#earlier = new Map();
      this.#enter(isCanceled ? "canceled" : "failed");
    }
  }

  /** Returns how two parts relate, whichever is larger. */
  async compare(one: number, other: number, input: VerificationInput): Promise<Agreement> {
    const signal = this.#running?.signal ?? AbortSignal.abort();
    const [smaller, larger] = this.#end(one) <= this.#end(other) ? [one, other] : [other, one];
    const known = this.#part(larger).agreement;
    return known?.with === smaller ? known.is : await this.#agreementOf(smaller, larger, input, signal);
  }

  /** Cancels the verification. Files that weren't read completely get no result. */
  cancel(): void {
    this.#running?.abort();
  }

  /** Ends the case and frees everything it keeps. */
  close(): void {
    this.#close([]);
  }

  /** Ends the case, and keeps only the sessions of these parts. */
  #close(kept: readonly Part[]): void {
    const before = [...this.#parts.map(({ session }) => session), ...this.#earlier.values()];
    this.#earlier = new Map(kept.flatMap(({ file, session }) => (session ? [[file, session]] : [])));
    const left = new Set(this.#earlier.values());
    this.cancel();
    this.#running = undefined;
    for (const session of before) if (session !== undefined && !left.has(session)) session.close();
    this.#parts = [];
    this.#enter("empty");
  }

  async #verifyPart(
    at: number,
    input: VerificationInput,
    useMemory: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { pins } = input;
    const { file, from } = this.#part(at);
    // With several parts, only the last state of the log can be compared with what is remembered.
    const isAlone = this.#parts.length === 1 && !isGuest(from);
    const seen = isAlone && useMemory ? this.#tools.memory.list() : [];
    const withSeen = { ...input, pins: [...pins, ...seen.map(({ pin }) => pin)] };
    let session = await this.#session(at, withSeen, signal);
    let before = session.report && compareWithMemory(session.report, seen);
    if (before !== undefined && pins.length > 0) {
      // The export may contradict another pin instead.
      before = compareWithMemory((await this.#verifierOf(at, input, signal)(before.seen.pin)).report, [
        before.seen,
      ]);
    }
    if (before?.is === "unknown") {
      // The reader didn't ask for this pin, and it yields no answer, so the file is verified on its own.
      session = await this.#session(at, input, signal);
    }
    signal.throwIfAborted();
    this.#change(at, { seenBefore: before, when: this.#tools.now() });
    // Parts are compared by the entries that their indexes have, and so are the answers of an evidence file.
    if (this.#parts.length > 1 || from === "evidence") await this.#searched(at, input, signal);
    this.#hashed.set(file, this.#hash(at, session, this.#hashed.get(file), signal));
  }

  /** Adds what the index of a part knows, once it is complete. */
  async #searched(at: number, { trust }: VerificationInput, signal: AbortSignal): Promise<void> {
    const part = this.#part(at);
    const { session, rules } = part;
    await session?.ended;
    signal.throwIfAborted();
    if (session?.phase !== "done") {
      this.#failure = session?.failure;
      throw new Error("the events couldn't be indexed");
    }
    const ownDetections = rules && (await this.#tools.detect(rules, trust, signal));
    this.#change(at, { ...(await searchedOf(session, part)), ownDetections });
  }

  /**
   * Reads the file again for its hash, after the index was built, unless the hash is known. Only a comparison of files of
   * equal size waits for it.
   */
  async #hash(
    at: number,
    session: Session,
    known: Promise<string | undefined> | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { file } = this.#part(at);
    await session.ended;
    const sha256 = (await known) ?? (await this.#tools.sha256(file, signal).catch(() => undefined));
    if (!signal.aborted) this.#change(at, { sha256 });
    return sha256;
  }

  async #session(at: number, input: VerificationInput, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    const { file, session: current } = this.#part(at);
    const earlier = current ?? this.#earlier.get(file);
    if (earlier !== undefined) {
      this.#follow(file, earlier, signal);
      this.#change(at, { session: earlier });
      this.#earlier = new Map([...this.#earlier].filter(([other]) => other !== file));
      const judged = await earlier.judgeAgain(input, signal);
      signal.throwIfAborted();
      if (judged === "done") return earlier;
      this.#readAgain = judged;
      earlier.close();
    }
    const session = this.#tools.session(file, { ...input, name: file.name });
    session.addEventListener("change", () => this.#tell());
    this.#follow(file, session, signal);
    this.#change(at, { session });
    await session.judged;
    if (session.phase === "failed" && !signal.aborted) {
      this.#failure = session.failure;
      throw new Error("there is no verdict");
    }
    if (session.phase !== "done" && session.phase !== "indexing")
      throw new DOMException("verifying was canceled", "AbortError");
    return session;
  }

  /** Cancels a session with the case, unless the next verification may judge it again. */
  #follow(file: File, session: Session, signal: AbortSignal): void {
    const cancel = () => this.#earlier.get(file) !== session && session.cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }

  /** Compares each part with the next smaller one, and the largest of each log with what is remembered. */
  async #agree(input: VerificationInput, useMemory: boolean, signal: AbortSignal): Promise<void> {
    const order = [...this.#parts.keys()].sort((a, b) => this.#end(a) - this.#end(b));
    for (const [place, at] of order.entries()) {
      const origin = this.#part(at).session?.report?.origin;
      const before = order
        .slice(0, place)
        .filter((other) => this.#part(other).session?.report?.origin === origin);
      const compared = before.at(-1) ?? order[place - 1];
      if (compared !== undefined) {
        let agreement = { with: compared, is: await this.#agreementOf(compared, at, input, signal) };
        // A file that fails its own checks must not keep apart the files around it, unless it contradicts one of them.
        const sound = before.findLast((other) => !this.#isFaulty(other));
        const isBeside =
          sound !== undefined &&
          sound !== compared &&
          !this.#isFaulty(at) &&
          agreement.is.is !== "contradicts";
        if (isBeside) agreement = { with: sound, is: await this.#agreementOf(sound, at, input, signal) };
        this.#change(at, { agreement });
      }
      const isLargest = !order
        .slice(place + 1)
        .some((other) => this.#part(other).session?.report?.origin === origin);
      const seen = origin && useMemory && isLargest ? this.#tools.memory.of(origin) : undefined;
      if (seen) await this.#compareRemembered(at, seen, input, signal);
    }
  }

  /** True if a part fails its own checks. */
  #isFaulty(at: number): boolean {
    return faultOf(this.#part(at).session?.report) !== undefined;
  }

  async #agreementOf(
    smaller: number,
    larger: number,
    input: VerificationInput,
    signal: AbortSignal,
  ): Promise<Agreement> {
    // Either of two equal sizes can be verified against the pin of the other.
    const isSwapped = verified(this.#part(smaller))?.pin === null && this.#end(smaller) === this.#end(larger);
    const [earlier, later] = isSwapped ? [larger, smaller] : [smaller, larger];
    const [one, other] = [verified(this.#part(earlier)), verified(this.#part(later))];
    if (!one || !other) return { is: "unknown", why: "failed" };
    if (await this.#areOne(this.#part(smaller).file, this.#part(larger).file)) return { is: "identical" };
    try {
      return await agreement(one, other, this.#verifierOf(later, input, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      return { is: "unknown", why: "failed" };
    }
  }

  /** True if two files have the same hash. */
  async #areOne(one: File, other: File): Promise<boolean> {
    if (one.size !== other.size) return false;
    const [hash, otherHash] = await Promise.all([this.#hashed.get(one), this.#hashed.get(other)]);
    return hash !== undefined && hash === otherHash;
  }

  async #compareRemembered(
    at: number,
    seen: RememberedLog,
    input: VerificationInput,
    signal: AbortSignal,
  ): Promise<void> {
    const before = compareWithMemory((await this.#verifierOf(at, input, signal)(seen.pin)).report, [seen]);
    const isInVerdict = before?.is === "smaller" || before?.is === "rewritten";
    if (isInVerdict) {
      // The part's verdict was reached without that pin and must be replaced.
      await this.#session(at, { ...input, pins: [...input.pins, seen.pin] }, signal);
      await this.#searched(at, input, signal);
    }
    this.#change(at, { seenBefore: before && { ...before, isInVerdict } });
  }

  #verifierOf(at: number, { trust }: VerificationInput, signal: AbortSignal): VerifyWithPin {
    const { file, session } = this.#part(at);
    return async (pin) => {
      const input = { trust, pins: [pin] };
      return (
        (await session?.verifyWith(input, signal)) ?? (await this.#tools.hold(file, { ...input, signal }))
      );
    };
  }

  /** Remembers the newest state of each log that isn't in doubt. */
  #remember(): void {
    const isDoubtful = ({ agreement, seenBefore }: Part) =>
      agreement?.is.is === "contradicts" || (seenBefore !== undefined && seenBefore.is !== "grown");
    const doubtful = new Set(this.#parts.filter(isDoubtful).map(({ session }) => session?.report?.origin));
    for (const [at, { session, from, when, seenBefore }] of this.#newest()) {
      const { origin, log } = session?.report ?? {};
      if (isGuest(from) || !session?.pin || !origin || !log || doubtful.has(origin)) continue;
      // A remembered state is replaced only by one that was proven to have grown from it.
      if (this.#tools.memory.of(origin) !== undefined && seenBefore?.is !== "grown") continue;
      if (this.#tools.memory.keep(session.pin, when ?? this.#tools.now()))
        this.#change(at, { remembered: true });
    }
  }

  /** Returns for each log the part with the largest checkpoint that can be remembered. */
  #newest(): readonly (readonly [at: number, part: Part])[] {
    const found = new Map<string, readonly [number, Part]>();
    for (const [at, part] of this.#parts.entries()) {
      const { origin, log } = part.session?.report ?? {};
      if (!origin || !log || !part.session?.pin) continue;
      const before = found.get(origin)?.[1].session?.report?.log?.size ?? -1;
      // Among equals, the last one was compared with what is remembered.
      if (log.size >= before) found.set(origin, [at, part]);
    }
    return [...found.values()];
  }

  #end(at: number): number {
    const report = this.#part(at).session?.report;
    return report?.log?.size ?? (report ? end(report) : 0);
  }

  #part(at: number): Part {
    const part = this.#parts[at];
    if (part === undefined) throw new DOMException("there are other parts now", "AbortError");
    return part;
  }

  #change(at: number, change: Partial<Part>): void {
    this.#parts = this.#parts.map((part, place) => (place === at ? { ...part, ...change } : part));
    this.#tell();
  }

  #enter(phase: CasePhase): void {
    this.#phase = phase;
    this.#tell();
  }

  #tell(): void {
    this.dispatchEvent(new Event("change"));
  }
}

/** True if the export comes with its own trust, so that nothing is remembered. */
function isGuest(from: Chosen["from"]): boolean {
  return from === "sample" || from === "evidence";
}

function fresh(chosen: Chosen): Part {
  return {
    ...chosen,
    session: undefined,
    coverage: undefined,
    unrecognized: undefined,
    ownAnswer: undefined,
    filedFacts: undefined,
    ownDetections: undefined,
    seenBefore: undefined,
    remembered: false,
    agreement: undefined,
    sha256: undefined,
    when: undefined,
  };
}

function verified({ session }: Part): { report: Report; pin: string | null } | undefined {
  return session?.report && { report: session.report, pin: session.pin };
}

/** Returns how a report relates to the remembered state of its log; undefined if there is none. */
function compareWithMemory(
  report: Report,
  remembered: readonly RememberedLog[],
): MemoryComparison | undefined {
  const seen = remembered.find(({ origin }) => origin === report.origin);
  if (seen === undefined) return undefined;
  const counts = report.finding_counts;
  const compared = (is: MemoryComparison["is"]) => ({ seen, is, isInVerdict: is !== "unknown" });
  if (counts["append_only.split_view"]) return compared("rewritten");
  if (counts["append_only.rollback"]) return compared("smaller");
  if (hasContradictoryHead(report)) return compared("rewritten");
  return compared(report.checks.append_only.state === "pass" ? "grown" : "unknown");
}

/** Returns what the complete index of a session knows. */
async function searchedOf(
  session: Session,
  { answer, filedEvents }: Pick<Chosen, "answer" | "filedEvents">,
): Promise<Pick<Part, "coverage" | "unrecognized" | "ownAnswer" | "filedFacts">> {
  const { index } = session;
  const own = answer && (await ownAnswer(session, answer));
  // Without them, the case lists no events.
  const filedFacts = filedEvents && (await readFiledFacts(session, filedEvents).catch(() => undefined));
  const [coverage, unrecognized] = await Promise.all([index.coverage(), index.count(UNRECOGNIZED)]);
  return { coverage, unrecognized, ownAnswer: own, filedFacts };
}
