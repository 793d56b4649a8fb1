import type { PlainError } from "@countersign/shared/error.js";
import type { Coverage } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { type Agreement, agreement, end, type Held, type Hold } from "./agreement.ts";
import type { Memory, Seen } from "./memory.ts";

/** An export, and where it comes from. */
export interface Chosen {
  readonly file: File;
  /** The names of the pieces that it was put together from, where it was. */
  readonly of: readonly string[];
  readonly from: "reader" | "log" | "sample" | "evidence";
}

/** What came of holding an export against what this device remembers of its log. */
export interface SeenBefore {
  readonly seen: Seen;
  readonly is: "grown" | "unknown" | "smaller" | "rewritten";
}

/** An export that is verified, with others or alone. */
export interface Part extends Chosen {
  readonly session: Session | undefined;
  readonly coverage: Coverage | undefined;
  readonly seenBefore: SeenBefore | undefined;
  /** Whether this device remembers this state of its log from now on. */
  readonly remembered: boolean;
  /** How it stands to the next smaller part, where there are several. */
  readonly agreement: { readonly with: number; readonly is: Agreement } | undefined;
  /** Undefined until it is known. */
  readonly sha256: string | undefined;
  /** When its verdict was there. */
  readonly when: Date | undefined;
}

/** What the reader brings beside exports. */
export interface Brought {
  readonly trust: string | undefined;
  /** What the trust file is called. */
  readonly trustName?: string | undefined;
  readonly pins: readonly string[];
}

/** What a case needs to work. */
export interface Bench {
  readonly session: (file: File, given: Brought & { readonly name: string }) => Session;
  /** Verifies without showing events. */
  readonly hold: (file: File, given: Brought & { readonly signal: AbortSignal }) => Promise<Held>;
  /** Undefined where this page cannot tell. */
  readonly sha256: (file: File, signal: AbortSignal) => Promise<string | undefined>;
  readonly memory: Memory;
  readonly failure: (error: unknown) => PlainError;
  readonly now: () => Date;
}

/** How far it is: with no export, at one of the parts, holding them against each other, or at an end. */
export type CasePhase = "empty" | "verifying" | "agreeing" | "done" | "canceled" | "failed";

/**
 * Exports that are looked at together: each is verified alone and keeps its own verdict; then each is held against the
 * next smaller one, by the core.
 */
export class Case extends EventTarget {
  readonly #bench: Bench;
  #parts: readonly Part[] = [];
  #phase: CasePhase = "empty";
  #at = 0;
  #failure: PlainError | undefined;
  #running: AbortController | undefined;
  readonly #hashed = new WeakMap<File, Promise<string | undefined>>();

  constructor(bench: Bench) {
    super();
    this.#bench = bench;
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  get phase(): CasePhase {
    return this.#phase;
  }

  /** Which part is verified, or where it failed. */
  get at(): number {
    return this.#at;
  }

  get failure(): PlainError | undefined {
    return this.#failure;
  }

  get isRunning(): boolean {
    return this.#phase === "verifying" || this.#phase === "agreeing";
  }

  /** Verifies these exports, in place of what was verified before. */
  async verify(chosen: readonly Chosen[], brought: Brought, useMemory: boolean): Promise<void> {
    this.close();
    const running = new AbortController();
    this.#running = running;
    this.#parts = chosen.map(fresh);
    this.#failure = undefined;
    this.#enter(chosen.length === 0 ? "empty" : "verifying");
    try {
      for (let at = 0; at < chosen.length; at += 1) {
        this.#at = at;
        this.#tell();
        await this.#verifyPart(at, brought, useMemory, running.signal);
      }
      if (chosen.length > 1) {
        this.#enter("agreeing");
        await this.#agree(brought, useMemory, running.signal);
      }
      running.signal.throwIfAborted();
      if (useMemory) this.#remember();
      if (chosen.length > 0) this.#enter("done");
    } catch (error) {
      if (this.#running !== running) return;
      const isCanceled = running.signal.aborted;
      if (!isCanceled) this.#failure ??= this.#bench.failure(error);
      running.abort();
      // Nothing of it is shown, so nothing of it is kept.
      for (const { session } of this.#parts) session?.close();
      this.#enter(isCanceled ? "canceled" : "failed");
    }
  }

  /** How two of the parts stand to each other, whichever is the larger. */
  async compare(one: number, other: number, brought: Brought): Promise<Agreement> {
    const signal = this.#running?.signal ?? AbortSignal.abort();
    const [smaller, larger] = this.#end(one) <= this.#end(other) ? [one, other] : [other, one];
    const known = this.#part(larger).agreement;
    return known?.with === smaller ? known.is : await this.#held(smaller, larger, brought, signal);
  }

  /** Stops. Nothing can be said of what was not read to its end. */
  cancel(): void {
    this.#running?.abort();
  }

  /** Ends it with all that it keeps. */
  close(): void {
    this.cancel();
    this.#running = undefined;
    for (const { session } of this.#parts) session?.close();
    this.#parts = [];
    this.#enter("empty");
  }

  async #verifyPart(at: number, brought: Brought, useMemory: boolean, signal: AbortSignal): Promise<void> {
    const { pins } = brought;
    const { file, from } = this.#part(at);
    // Of several parts only the last state of the log can be held against what is remembered.
    const isAlone = this.#parts.length === 1 && !isGuest(from);
    const seen = isAlone && useMemory ? this.#bench.memory.list() : [];
    const withSeen = { ...brought, pins: [...pins, ...seen.map(({ pin }) => pin)] };
    let session = await this.#session(at, withSeen, signal);
    let before = session.report && held(session.report, seen);
    if (before !== undefined && pins.length > 0) {
      // Another pin may be the one that the export does not hold to.
      before = held((await this.#hold(at, brought, signal)(before.seen.pin)).report, [before.seen]);
    }
    if (before?.is === "unknown") {
      // Nobody asked for this pin, and it has nothing to say: what remains is what the file itself shows.
      session.close();
      session = await this.#session(at, brought, signal);
    }
    const coverage = await session.index.coverage();
    signal.throwIfAborted();
    this.#change(at, { coverage, seenBefore: before, when: this.#bench.now() });
    this.#hashed.set(file, this.#hash(at, file, signal));
  }

  /** Reads the file once more, for its hash. Nobody waits for it but who compares files of one size. */
  async #hash(at: number, file: File, signal: AbortSignal): Promise<string | undefined> {
    const sha256 = await this.#bench.sha256(file, signal).catch(() => undefined);
    if (!signal.aborted) this.#change(at, { sha256 });
    return sha256;
  }

  async #session(at: number, brought: Brought, signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    const { file } = this.#part(at);
    const session = this.#bench.session(file, { ...brought, name: file.name });
    session.addEventListener("change", () => this.#tell());
    signal.addEventListener("abort", () => session.cancel(), { once: true });
    this.#change(at, { session });
    await session.ended;
    if (session.phase === "failed" && !signal.aborted) {
      this.#failure = session.failure;
      throw new Error("there is no verdict");
    }
    if (session.phase !== "done") throw new DOMException("verifying was canceled", "AbortError");
    return session;
  }

  /** Holds each part against the next smaller one, and the largest of each log against what is remembered. */
  async #agree(brought: Brought, useMemory: boolean, signal: AbortSignal): Promise<void> {
    const order = [...this.#parts.keys()].sort((one, other) => this.#end(one) - this.#end(other));
    for (const [place, at] of order.entries()) {
      const origin = this.#part(at).session?.report?.origin;
      const before = order
        .slice(0, place)
        .findLast((other) => this.#part(other).session?.report?.origin === origin);
      const compared = before ?? order[place - 1];
      if (compared !== undefined)
        this.#change(at, {
          agreement: { with: compared, is: await this.#held(compared, at, brought, signal) },
        });
      const isLargest = !order
        .slice(place + 1)
        .some((other) => this.#part(other).session?.report?.origin === origin);
      const seen = origin && useMemory && isLargest ? this.#bench.memory.of(origin) : undefined;
      if (seen) await this.#holdRemembered(at, seen, brought, signal);
    }
  }

  async #held(smaller: number, larger: number, brought: Brought, signal: AbortSignal): Promise<Agreement> {
    const [one, other] = [verified(this.#part(smaller)), verified(this.#part(larger))];
    if (!one || !other) return { is: "unknown", why: "failed" };
    if (await this.#areOne(this.#part(smaller).file, this.#part(larger).file)) return { is: "identical" };
    try {
      return await agreement(one, other, this.#hold(larger, brought, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      return { is: "unknown", why: "failed" };
    }
  }

  /** Whether two files have the same bytes, as far as their hashes tell. */
  async #areOne(one: File, other: File): Promise<boolean> {
    if (one.size !== other.size) return false;
    const [hash, otherHash] = await Promise.all([this.#hashed.get(one), this.#hashed.get(other)]);
    return hash !== undefined && hash === otherHash;
  }

  async #holdRemembered(at: number, seen: Seen, brought: Brought, signal: AbortSignal): Promise<void> {
    const before = held((await this.#hold(at, brought, signal)(seen.pin)).report, [seen]);
    if (before?.is === "smaller" || before?.is === "rewritten") {
      // Its own verdict was without that pin, and must not stand.
      this.#part(at).session?.close();
      const session = await this.#session(at, { ...brought, pins: [...brought.pins, seen.pin] }, signal);
      this.#change(at, { coverage: await session.index.coverage() });
    }
    this.#change(at, { seenBefore: before });
  }

  #hold(at: number, { trust }: Brought, signal: AbortSignal): Hold {
    const { file } = this.#part(at);
    return (pin) => this.#bench.hold(file, { trust, pins: [pin], signal });
  }

  /** Keeps the newest state of each log that is not in doubt. */
  #remember(): void {
    const isDoubtful = ({ agreement, seenBefore }: Part) =>
      agreement?.is.is === "contradicts" || (seenBefore !== undefined && seenBefore.is !== "grown");
    const doubtful = new Set(this.#parts.filter(isDoubtful).map(({ session }) => session?.report?.origin));
    for (const [at, { session, from, when, seenBefore }] of this.#newest()) {
      const { origin, log } = session?.report ?? {};
      if (isGuest(from) || !session?.pin || !origin || !log || doubtful.has(origin)) continue;
      // What is known gives way only to what was shown to have grown from it.
      if (this.#bench.memory.of(origin) !== undefined && seenBefore?.is !== "grown") continue;
      if (this.#bench.memory.keep(session.pin, when ?? this.#bench.now()))
        this.#change(at, { remembered: true });
    }
  }

  /** Of each log the part with the largest checkpoint that can be kept. */
  #newest(): readonly (readonly [at: number, part: Part])[] {
    const found = new Map<string, readonly [number, Part]>();
    for (const [at, part] of this.#parts.entries()) {
      const { origin, log } = part.session?.report ?? {};
      if (!origin || !log || !part.session?.pin) continue;
      const before = found.get(origin)?.[1].session?.report?.log?.size ?? -1;
      // Of equals the last is the one that was held against what is remembered.
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

/** Whether it brings along whom to trust: nothing of it is remembered. */
function isGuest(from: Chosen["from"]): boolean {
  return from === "sample" || from === "evidence";
}

function fresh(chosen: Chosen): Part {
  return {
    ...chosen,
    session: undefined,
    coverage: undefined,
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

/** What the report says of the pin that this device remembers of its log, if it does remember one. */
function held(report: Report, remembered: readonly Seen[]): SeenBefore | undefined {
  const seen = remembered.find(({ origin }) => origin === report.origin);
  if (seen === undefined) return undefined;
  const counts = report.finding_counts;
  if (counts["append_only.split_view"]) return { seen, is: "rewritten" };
  if (counts["append_only.rollback"]) return { seen, is: "smaller" };
  return { seen, is: report.checks.append_only.state === "pass" ? "grown" : "unknown" };
}
