/** Copies of the log's lines in R2, so that an export of the whole log is not made anew for each reader. */

import { concat } from "@countersign/shared/bytes.js";
import { within } from "@countersign/shared/timers.js";
import { keyOf } from "./copies.js";
import { current } from "./instance.js";
import type { ExportBucket, LogStorage } from "./platform.js";
import type { Turns } from "./turns.js";
import type { Answer, Log } from "./wasm/log.js";

/** So many new leaves are worth a copy. */
const WORTH = 4_096;
/** About how many bytes one copy has: all of it is in memory while it is stored or sent. */
const BYTES = 4 << 20;
/** How many copies are stored by one alarm. */
const COPIES = 8;
/** How many are deleted at a time. */
const NAMES = 1_000;
/** When what failed is tried again, and what was withdrawn is made anew: more may be withdrawn by then. */
const AGAIN = 10_000;
/** About how many bytes of a copy are sent at a time. */
const PIECE = 64 << 10;
const LINE_END = 0x0a;
/** The letter that tells `{"checkpoint":…` from other lines. */
const CHECKPOINT = 0x63;
/** What a link's line begins with, what ends the link, and the letter that tells the salt that follows where there is an event. */
const LINK = '{"link":"';
const QUOTE = 0x22;
const SALT = 0x73;
/** How many copies are in memory at one time to be sent. Exports beyond that are made by the log. */
const MOST = 3;
/** For how long an export waits for a copy. One whose copies fail goes on without them. */
const PATIENCE = 10_000;

const TABLES = `
CREATE TABLE IF NOT EXISTS export_copies (
    start INTEGER PRIMARY KEY, size INTEGER NOT NULL, bytes INTEGER NOT NULL,
    name TEXT NOT NULL, key BLOB NOT NULL, stored INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS export_copies_withdrawn (name TEXT PRIMARY KEY) STRICT`;

/**
 * What comes from the checkpoint of the size `start` up to the leaf before `size`, as one object in R2. The checkpoint
 * of `size` is not part of it.
 */
interface Copy {
  readonly start: number;
  readonly size: number;
  readonly bytes: number;
  /** Where it is. No other copy ever has this name. */
  readonly name: string;
  /** What it is sealed with, and nothing else is. */
  readonly key: Uint8Array<ArrayBuffer>;
  /** Whether it is known to be there. */
  stored: boolean;
}

/** How many copies are in memory to be sent, for all logs of the isolate, which have its memory together. */
let sending = 0;

/**
 * The copies of one log. They hold events, and events are erased: so each is sealed with a key of its own, which is in
 * the object's storage alone and is erased together with the events, before anybody hears that they are. Whatever
 * becomes of R2, what is still there then is nothing that anybody can read. It is deleted when R2 can do so.
 */
export class Exports {
  readonly #storage: LogStorage;
  readonly #bucket: ExportBucket | undefined;
  readonly #turns: Turns;
  readonly #now: () => number;
  /** In the order of their leaves, of which none is in two. */
  #copies: Copy[];
  /** The names of those that are to be deleted. */
  readonly #withdrawn: Set<string>;
  #storing = false;
  /** Nothing is stored before this time. */
  #after = 0;
  /** How often events were about to be erased. */
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
    // The object stopped while these were being stored.
    this.#drop(this.#copies.filter(({ stored }) => !stored));
  }

  /** When there is something to do for a log of that size, where there is anything. */
  due(size: number): number | undefined {
    const isDone = this.#withdrawn.size === 0 && this.#gap(size) === undefined;
    return this.#bucket === undefined || isDone ? undefined : Math.max(this.#now(), this.#after);
  }

  /** Deletes what nobody may read, and stores what is missing, a bounded part of it. */
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
      for (let copy = 0; copy < COPIES && gap !== undefined; copy += 1) {
        await this.#storeNext(bucket, log, gap);
        gap = this.#gap(log.size);
      }
    } catch (error) {
      this.#after = this.#now() + AGAIN;
      throw error;
    } finally {
      this.#storing = false;
    }
  }

  /** The events of these leaves are about to be erased: the keys of all copies that have one are erased before. */
  withdraw(leaves: Float64Array): void {
    this.#withdrawals += 1;
    const has = ({ start, size }: Copy) => leaves.some((leaf) => start <= leaf && leaf < size);
    if (this.#drop(this.#copies.filter(has))) {
      this.#after = this.#now() + AGAIN;
    }
  }

  /** The pieces of an export of the whole log: what was copied, and before, between and after that what the log makes. */
  async *pieces(log: Log, answer: Answer, size: number): AsyncGenerator<Uint8Array, undefined> {
    const header = await this.#piece(log, answer, 0);
    if (header !== undefined) {
      yield header;
    }
    // Below this it is made by the log, whatever was copied.
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
   * The pieces of a copy, until it is withdrawn: the log goes on from there. Where it cannot be had, it says up to where
   * the log makes all itself.
   */
  async *#send(copy: Copy, log: Log, answer: Answer): AsyncGenerator<Uint8Array, number> {
    if (sending === MOST) {
      return copy.size;
    }
    sending += 1;
    try {
      const read = within(PATIENCE, this.#read(copy, log.origin), () => new Error("R2 does not answer"));
      const lines = await read.catch((error: unknown) => {
        console.error("countersign: an export is made without copies:", error);
        return "failed" as const;
      });
      if (lines === undefined || lines === "failed") {
        return lines === undefined ? copy.size : Number.POSITIVE_INFINITY;
      }
      const isCounted = answer.isCounted;
      for (const { piece, leaves } of piecesOf(lines)) {
        await this.#turns.next();
        if (!this.#copies.includes(copy)) {
          break;
        }
        const events = isCounted ? eventsOf(piece) : 0;
        log.passOver(answer, copy.start + leaves, events, piece.length, this.#now());
        yield piece;
      }
      return 0;
    } finally {
      sending -= 1;
    }
  }

  /** The lines of a copy; none where it is gone or was withdrawn. */
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
    // It is gone, or is something else: it is made anew.
    this.#drop(this.#copies.filter((other) => other === copy));
    return undefined;
  }

  /** The first leaves that are in no copy, where they are worth one. */
  #gap(size: number): { start: number; end: number } | undefined {
    let start = 0;
    for (const copy of this.#copies) {
      if (copy.start > start) {
        return { start, end: copy.start };
      }
      start = copy.size;
    }
    return size - start >= WORTH ? { start, end: size } : undefined;
  }

  async #storeNext(bucket: ExportBucket, log: Log, { start, end }: { start: number; end: number }): Promise<void> {
    const made = await this.#linesOf(log, start, end);
    if (made === undefined) {
      return;
    }
    const { size, lines } = made;
    const name = `${start}-${size}.${crypto.randomUUID()}`;
    const copy: Copy = { start, size, bytes: lines.length, name, key: sealingKey(), stored: false };
    // It is known before it is there: what is erased meanwhile withdraws it too.
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
      // Whether it is there nobody knows.
      this.#drop(this.#copies.filter((other) => other === copy));
      throw error;
    }
  }

  /**
   * The log's lines from the checkpoint of that size on, up to another size at most; none when events were erased while they
   * were made.
   */
  async #linesOf(log: Log, start: number, end: number) {
    const [withdrawals, instance] = [this.#withdrawals, current()];
    const answer = log.linesFrom(start);
    try {
      const pieces: Uint8Array[] = [];
      let length = 0;
      while (length < BYTES) {
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

  /** Deletes what was withdrawn. */
  async #delete(bucket: ExportBucket, origin: string): Promise<void> {
    while (this.#withdrawn.size > 0) {
      const names = [...this.#withdrawn].slice(0, NAMES);
      await bucket.delete(names.map((name) => place(origin, name)));
      for (const name of names) {
        this.#storage.sql.exec("DELETE FROM export_copies_withdrawn WHERE name = ?", name);
        this.#withdrawn.delete(name);
      }
    }
  }

  /** Erases the keys of these, and has them deleted. Says whether there are any. */
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

/** The pieces of lines, each with how many leaves there are up to its end. None ends with a checkpoint. */
function* piecesOf(lines: Uint8Array): Generator<{ piece: Uint8Array; leaves: number }> {
  let leaves = 0;
  for (let from = 0, to = 0; to < lines.length; ) {
    const isLeaf = lines[to + 2] !== CHECKPOINT;
    to = lines.indexOf(LINE_END, to) + 1;
    leaves += isLeaf ? 1 : 0;
    if (isLeaf && (to - from >= PIECE || to === lines.length)) {
      yield { piece: lines.subarray(from, to), leaves };
      from = to;
    }
  }
}

/** How many events there are in lines. */
function eventsOf(lines: Uint8Array): number {
  let events = 0;
  for (let at = 0; at < lines.length; at = lines.indexOf(LINE_END, at) + 1) {
    // No link has a quotation mark.
    const end = lines.indexOf(QUOTE, at + LINK.length);
    events += lines[end + 3] === SALT && lines[at + 2] === LINK.charCodeAt(2) ? 1 : 0;
  }
  return events;
}

const ALGORITHM = "AES-GCM";
/** A key seals one thing, so that nothing else has to be different. */
const SEAL = { name: ALGORITHM, iv: new Uint8Array(12) };

/** So many bytes more has what is sealed. */
export const overhead = 16;

/** A key for one thing. */
export const sealingKey = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32));

/** Seals it. */
export async function sealed(key: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt(SEAL, imported, bytes));
}

/** What was sealed with this key; none where it is anything else. */
export async function unsealed(key: Uint8Array<ArrayBuffer>, bytes: ArrayBuffer): Promise<Uint8Array | undefined> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(SEAL, imported, bytes));
  } catch {
    return undefined;
  }
}
