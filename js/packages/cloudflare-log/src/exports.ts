/** Copies of the log's lines in R2, so that exports of the whole log need not be generated for each reader. */

import { concat } from "@countersign/shared/bytes.js";
import { within } from "@countersign/shared/timers.js";
import { keyOf } from "./copies.js";
import { current } from "./instance.js";
import type { ExportBucket, LogStorage } from "./platform.js";
import type { Turns } from "./turns.js";
import type { Answer, Log } from "./wasm/log.js";

/** Minimum number of new entries for a copy. */
const MIN_ENTRIES = 4_096;
/** Approximate size of a copy in bytes. It is in memory while it is stored or sent. */
const COPY_BYTES = 4 << 20;
/** Maximum number of copies stored per alarm. */
const MAX_COPIES = 8;
/** Maximum number of copies deleted per call. */
const MAX_NAMES = 1_000;
/** Milliseconds until failures are retried, and withdrawn copies are replaced; more may be withdrawn by then. */
const RETRY_MS = 10_000;
/** Approximate number of bytes sent at a time. */
const CHUNK_BYTES = 64 << 10;
const LINE_END = 0x0a;
/** The letter that distinguishes `{"checkpoint":…` from other lines. */
const CHECKPOINT = 0x63;
/**
 * The beginning of a link's line, the end of the link, and the first letter of the salt, which follows if there is an
 * event.
 */
const LINK = '{"link":"';
const QUOTE = 0x22;
const SALT = 0x73;
/** Maximum number of copies in memory for sending. The log generates any other exports itself. */
const MAX_SENDING = 3;
/** Milliseconds that an export waits for a copy before it continues without copies. */
const READ_TIMEOUT_MS = 10_000;

const TABLES = `
CREATE TABLE IF NOT EXISTS export_copies (
    start INTEGER PRIMARY KEY, size INTEGER NOT NULL, bytes INTEGER NOT NULL,
    name TEXT NOT NULL, key BLOB NOT NULL, stored INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS export_copies_withdrawn (name TEXT PRIMARY KEY) STRICT`;

/**
 * The lines from the checkpoint of size `start` up to the entry before `size`, as an object in R2, excluding the
 * checkpoint of `size`.
 */
interface Copy {
  readonly start: number;
  readonly size: number;
  readonly bytes: number;
  /** The object's name, which is never reused. */
  readonly name: string;
  /** The key that seals only this copy. */
  readonly key: Uint8Array<ArrayBuffer>;
  /** True if the object is known to exist. */
  stored: boolean;
}

/** Number of copies in memory for sending, for all logs of the isolate, which share its memory. */
let sending = 0;

/**
 * The copies of one log. They contain events, which may be erased, so each copy is sealed with its own key. The key is
 * only in the object's storage, and is erased together with the events before the erasure is confirmed. Copies that
 * remain in R2 are then unreadable, and are deleted as soon as R2 is available.
 */
export class Exports {
  readonly #storage: LogStorage;
  readonly #bucket: ExportBucket | undefined;
  readonly #turns: Turns;
  readonly #now: () => number;
  /** Copies in the order of their entries, without overlaps. */
  #copies: Copy[];
  /** Names of copies to be deleted. */
  readonly #withdrawn: Set<string>;
  #storing = false;
  /** The time before which no copy is stored, in milliseconds since the epoch. */
  #after = 0;
  /** Number of times that events were about to be erased. */
  #withdrawals = 0;

  constructor(storage: LogStorage, bucket: ExportBucket | undefined, turns: Turns, now: () => number) {
    this.#storage = storage;
    this.#bucket = bucket;
    this.#turns = turns;
    this.#now = now;
    storage.sql.exec(TABLES);
    this.#withdrawn = new Set(
      [...storage.sql.exec("SELECT name FROM export_copies_withdrawn").raw()].flat().map(String),
    );
    const rows = storage.sql
      .exec("SELECT start, size, bytes, name, key, stored FROM export_copies ORDER BY start")
      .raw();
    this.#copies = [...rows].map(([start, size, bytes, name, key, stored]) => ({
      start: Number(start),
      size: Number(size),
      bytes: Number(bytes),
      name: String(name),
      key: new Uint8Array(key as ArrayBuffer),
      stored: stored === 1,
    }));
    // The object was stopped while these were being stored.
    this.#drop(this.#copies.filter(({ stored }) => !stored));
  }

  /** Returns when there is work for a log of this size; undefined if there is none. */
  due(size: number): number | undefined {
    const isDone = this.#withdrawn.size === 0 && this.#gap(size) === undefined;
    return this.#bucket === undefined || isDone ? undefined : Math.max(this.#now(), this.#after);
  }

  /** Deletes withdrawn copies and stores missing ones, up to a limit. */
  async store(log: Log): Promise<void> {
    const bucket = this.#bucket;
    const due = this.due(log.size);
    if (bucket === undefined || due === undefined || due > this.#now() || this.#storing) {
      return;
    }
    this.#storing = true;
    try {
      await this.#delete(bucket, log.origin);
      let gap = this.#gap(log.size);
      for (let copy = 0; copy < MAX_COPIES && gap !== undefined; copy += 1) {
        await this.#storeNext(bucket, log, gap);
        gap = this.#gap(log.size);
      }
    } catch (error) {
      this.#after = this.#now() + RETRY_MS;
      throw error;
    } finally {
      this.#storing = false;
    }
  }

  /** Erases the keys of all copies that contain these entries, because their events are about to be erased. */
  withdraw(entries: Float64Array): void {
    this.#withdrawals += 1;
    const has = ({ start, size }: Copy) => entries.some((entry) => start <= entry && entry < size);
    if (this.#drop(this.#copies.filter(has))) {
      this.#after = this.#now() + RETRY_MS;
    }
  }

  /**
   * Yields the chunks of an export of the whole log, from copies if they exist, and otherwise generated by the log.
   */
  async *pieces(log: Log, answer: Answer, size: number): AsyncGenerator<Uint8Array, undefined> {
    const header = await this.#piece(log, answer, 0);
    if (header !== undefined) {
      yield header;
    }
    // Up to this entry, the log generates everything, regardless of copies.
    for (let own = 0; ; ) {
      const from = Math.max(answer.at, own);
      const next = this.#copies.find((copy) => copy.stored && copy.start >= from && copy.size <= size);
      if (next?.start === answer.at) {
        own = yield* this.#send(next, log, answer);
        continue;
      }
      const piece = await this.#piece(log, answer, next?.start);
      if (piece === undefined) {
        return undefined;
      }
      yield piece;
    }
  }

  async #piece(log: Log, answer: Answer, before: number | undefined): Promise<Uint8Array | undefined> {
    await this.#turns.next();
    return log.piece(answer, before, this.#now());
  }

  /**
   * Yields the chunks of a copy until it is withdrawn; the log then continues. If the copy can't be read, returns the
   * size up to which the log generates everything itself.
   */
  async *#send(copy: Copy, log: Log, answer: Answer): AsyncGenerator<Uint8Array, number> {
    if (sending === MAX_SENDING) {
      return copy.size;
    }
    sending += 1;
    try {
      const read = within(READ_TIMEOUT_MS, this.#read(copy, log.origin), () => new Error("R2 does not respond"));
      const lines = await read.catch((error: unknown) => {
        console.error("countersign: continuing an export without copies:", error);
        return "failed" as const;
      });
      if (lines === undefined || lines === "failed") {
        return lines === undefined ? copy.size : Number.POSITIVE_INFINITY;
      }
      const isCounted = answer.isCounted;
      for (const { piece, entries } of piecesOf(lines)) {
        await this.#turns.next();
        if (!this.#copies.includes(copy)) {
          break;
        }
        const events = isCounted ? eventsOf(piece) : 0;
        log.passOver(answer, copy.start + entries, events, piece.length, this.#now());
        yield piece;
      }
      return 0;
    } finally {
      sending -= 1;
    }
  }

  /** Returns the lines of a copy; undefined if it is missing or was withdrawn. */
  async #read(copy: Copy, origin: string): Promise<Uint8Array | undefined> {
    const found = await this.#bucket?.get(place(origin, copy.name));
    if (found?.size === copy.bytes + overhead) {
      const lines = await unsealed(copy.key, await found.arrayBuffer());
      if (lines !== undefined) {
        return this.#copies.includes(copy) ? lines : undefined;
      }
    } else {
      await found?.body.cancel();
    }
    // The object is missing or isn't this copy, so it is replaced.
    this.#drop(this.#copies.filter((other) => other === copy));
    return undefined;
  }

  /** Returns the first range of entries that no copy contains and that is large enough for a copy. */
  #gap(size: number): { start: number; end: number } | undefined {
    let start = 0;
    for (const copy of this.#copies) {
      if (copy.start > start) {
        return { start, end: copy.start };
      }
      start = copy.size;
    }
    return size - start >= MIN_ENTRIES ? { start, end: size } : undefined;
  }

  async #storeNext(bucket: ExportBucket, log: Log, { start, end }: { start: number; end: number }): Promise<void> {
    const made = await this.#linesOf(log, start, end);
    if (made === undefined) {
      return;
    }
    const { size, lines } = made;
    const name = `${start}-${size}.${crypto.randomUUID()}`;
    const copy: Copy = { start, size, bytes: lines.length, name, key: sealingKey(), stored: false };
    // Registered before it is stored, so that a concurrent erasure withdraws it too.
    this.#storage.sql.exec(
      "INSERT INTO export_copies VALUES (?, ?, ?, ?, ?, 0)",
      ...[start, size, copy.bytes, name, copy.key],
    );
    this.#copies = [...this.#copies, copy].sort((one, other) => one.start - other.start);
    const at = place(log.origin, name);
    try {
      await bucket.put(at, await sealed(copy.key, lines));
      if (this.#copies.includes(copy)) {
        this.#storage.sql.exec("UPDATE export_copies SET stored = 1 WHERE start = ?", start);
        copy.stored = true;
      }
    } catch (error) {
      // It may or may not have been stored.
      this.#drop(this.#copies.filter((other) => other === copy));
      throw error;
    }
  }

  /**
   * Returns the log's lines from the checkpoint of size `start` up to size `end` at most; undefined if events were
   * erased in the meantime.
   */
  async #linesOf(log: Log, start: number, end: number) {
    const [withdrawals, instance] = [this.#withdrawals, current()];
    const answer = log.linesFrom(start);
    try {
      const pieces: Uint8Array[] = [];
      let length = 0;
      while (length < COPY_BYTES) {
        const piece = await this.#piece(log, answer, end);
        if (this.#withdrawals !== withdrawals) {
          return undefined;
        }
        if (piece === undefined) {
          break;
        }
        pieces.push(piece);
        length += piece.length;
      }
      return { size: answer.at, lines: concat(pieces) };
    } finally {
      if (instance === current()) {
        answer.free();
      }
    }
  }

  /** Deletes withdrawn copies. */
  async #delete(bucket: ExportBucket, origin: string): Promise<void> {
    while (this.#withdrawn.size > 0) {
      const names = [...this.#withdrawn].slice(0, MAX_NAMES);
      await bucket.delete(names.map((name) => place(origin, name)));
      for (const name of names) {
        this.#storage.sql.exec("DELETE FROM export_copies_withdrawn WHERE name = ?", name);
        this.#withdrawn.delete(name);
      }
    }
  }

  /** Erases the keys of these copies and schedules their deletion. Returns true if there are any. */
  #drop(copies: readonly Copy[]): boolean {
    for (const { start, name } of copies) {
      this.#storage.sql.exec("INSERT OR IGNORE INTO export_copies_withdrawn VALUES (?)", name);
      this.#storage.sql.exec("DELETE FROM export_copies WHERE start = ?", start);
      this.#withdrawn.add(name);
    }
    this.#copies = this.#copies.filter((copy) => !copies.includes(copy));
    return copies.length > 0;
  }
}

const place = (origin: string, name: string): string => keyOf(origin, `export/${name}`);

/** Splits lines into chunks, each with the number of entries up to its end. No chunk ends with a checkpoint. */
function* piecesOf(lines: Uint8Array): Generator<{ piece: Uint8Array; entries: number }> {
  let entries = 0;
  for (let from = 0, to = 0; to < lines.length; ) {
    const isEntry = lines[to + 2] !== CHECKPOINT;
    to = lines.indexOf(LINE_END, to) + 1;
    entries += isEntry ? 1 : 0;
    if (isEntry && (to - from >= CHUNK_BYTES || to === lines.length)) {
      yield { piece: lines.subarray(from, to), entries };
      from = to;
    }
  }
}

/** Returns the number of events in lines. */
function eventsOf(lines: Uint8Array): number {
  let events = 0;
  for (let at = 0; at < lines.length; at = lines.indexOf(LINE_END, at) + 1) {
    // Links contain no quotation marks.
    const end = lines.indexOf(QUOTE, at + LINK.length);
    events += lines[end + 3] === SALT && lines[at + 2] === LINK.charCodeAt(2) ? 1 : 0;
  }
  return events;
}

const ALGORITHM = "AES-GCM";
/** A key seals only one copy, so the nonce can be constant. */
const SEAL = { name: ALGORITHM, iv: new Uint8Array(12) };

/** Bytes that sealing adds. */
export const overhead = 16;

/** Returns a new key, which must seal only one copy. */
export const sealingKey = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32));

/** Encrypts bytes with a key. */
export async function sealed(key: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt(SEAL, imported, bytes));
}

/** Decrypts bytes; undefined if they weren't sealed with this key. */
export async function unsealed(key: Uint8Array<ArrayBuffer>, bytes: ArrayBuffer): Promise<Uint8Array | undefined> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(SEAL, imported, bytes));
  } catch {
    return undefined;
  }
}
