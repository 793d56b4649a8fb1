/**
 * A journal file of entries. Each line is a complete change; a change that only adds entries has a line per entry.
 * docs/outbox-files.md describes the format.
 *
 *     countersign outbox v1
 *     5f0c… {"put":[[1,"aGVsbG8="]],"remove":[]}
 *     a81b… {"put":[[2,"d29ybGQ="]],"remove":[1]}
 *
 * Each line begins with a checksum of itself and the previous one. A line is synced to disk before the next is written,
 * so only the last one can be torn.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { dirname } from "node:path";
import { CountersignError } from "../error.js";
import type { AppendFile } from "../files/append-file.node.js";
import { codeOf, isFull, syncFolder } from "../files/files.node.js";
import type { Change, Entry } from "./outbox.js";

const HEADER = "countersign outbox v1\n";
/** Length of a checksum in hex characters. */
const CHECKSUM = 16;
/** Files below this size, in bytes, are not rewritten. */
const MIN_REWRITE_BYTES = 1 << 20;

/** An entry as it is written in a line. */
type Stored = readonly [id: number, base64: string];

/** Lines of a journal and the last one's checksum. */
interface Lines {
  readonly text: string;
  readonly last: string;
}

/** A change as it is written in a line: removals first, then additions. */
interface Step {
  put: readonly Stored[];
  remove: readonly number[];
}

/** The entries of a journal at some point. */
class LiveEntries {
  readonly entries: Map<number, string>;
  /** Approximate size of a journal with only these entries, in bytes. */
  size: number;

  constructor(entries: Iterable<Stored> = [], size = 0) {
    this.entries = new Map(entries);
    this.size = size;
  }

  apply({ put, remove }: Step): void {
    for (const id of remove) {
      this.size -= this.entries.get(id)?.length ?? 0;
      this.entries.delete(id);
    }
    for (const [id, text] of put) {
      this.size += text.length - (this.entries.get(id)?.length ?? 0);
      this.entries.set(id, text);
    }
  }

  after(step: Step): LiveEntries {
    const live = new LiveEntries(this.entries, this.size);
    live.apply(step);
    return live;
  }
}

/** An open journal. It handles one call at a time. */
export class Journal {
  readonly #file: AppendFile;
  readonly #live: LiveEntries;
  /** The last line's checksum. */
  #last: string;
  /** The change being made, and its lines once they are being appended. */
  #step: Step | undefined;
  #lines: Lines | undefined;
  /** The file is rewritten above this size if most of it is obsolete. */
  #rewriteAbove = MIN_REWRITE_BYTES;

  private constructor(file: AppendFile, { live, last }: Content) {
    this.#file = file;
    this.#live = live;
    this.#last = last;
  }

  /**
   * Reads a journal, or initializes an empty file. With `report`, a damaged file is copied aside, and the journal
   * contains the readable entries.
   */
  static async open(file: AppendFile, report?: (problem: CountersignError) => void): Promise<Journal> {
    // Deno loads the hash implementation on first use and runs other work in the meantime, which must not happen in
    // `writeNow`.
    checksum("", "");
    const { buffer, byteOffset, length } = await file.read(0, file.size);
    const bytes = Buffer.from(buffer, byteOffset, length);
    let content: Content;
    try {
      content = parse(bytes, file.path);
    } catch (error) {
      const rest = report === undefined ? undefined : salvage(bytes);
      if (report === undefined || rest === undefined) {
        throw error;
      }
      const aside = await setAside(file.path);
      const journal = new Journal(file, { live: rest.live, size: file.size, last: "" });
      await journal.#rewrite(rest.live);
      report(damagedInPart(file.path, aside, rest));
      return journal;
    }
    const torn = bytes.subarray(content.size);
    if (report !== undefined && torn.some((byte) => byte !== 0)) {
      report(cutOff(file.path, torn));
    }
    await file.cut(content.size);
    if (content.size === 0) {
      await file.append(Buffer.from(HEADER));
    }
    return new Journal(file, content);
  }

  /** The real path of the file. */
  get path(): string {
    return this.#file.path;
  }

  /** Returns the entries in the order of their IDs. */
  entries(): Entry[] {
    return [...this.#live.entries]
      .sort(([a], [b]) => a - b)
      .map(([id, text]) => ({ id, bytes: new Uint8Array(Buffer.from(text, "base64")) }));
  }

  /** Makes a change and syncs it. If it throws, the change is not made. */
  async write(change: Change): Promise<void> {
    const step = stepOf(change);
    this.#step = step;
    try {
      await this.#make(step);
    } finally {
      this.#lines = undefined;
    }
    // `writeNow` may have applied it already.
    if (this.#step === step) {
      this.#step = undefined;
      this.#live.apply(step);
    }
    const { size } = this.#file;
    if (size > this.#rewriteAbove && size > 4 * this.#live.size) {
      // If there is no space for both files, the old one continues.
      await (this.#live.entries.size === 0 ? this.#empty() : this.#rewrite(this.#live)).catch(() => {
        this.#rewriteAbove = 2 * size;
      });
    }
  }

  /**
   * Makes a change synchronously, after the running one, because the process is ending. Nothing is written afterwards.
   */
  writeNow(change: Change): void {
    const [step, before] = [stepOf(change), this.#lines];
    const { text, last } = linesOf(before?.last ?? this.#last, step);
    this.#file.appendNow(Buffer.from(text, "latin1"));
    if (before !== undefined && this.#step !== undefined) {
      this.#live.apply(this.#step);
      this.#step = undefined;
      this.#lines = undefined;
    }
    this.#live.apply(step);
    this.#last = last;
  }

  async #make(step: Step): Promise<void> {
    if ((await this.#file.state()) !== "sound") {
      // The contents are known from memory.
      await this.#rewrite(this.#live.after(step));
      return;
    }
    const lines = linesOf(this.#last, step);
    this.#lines = lines;
    try {
      await this.#file.append(Buffer.from(lines.text, "latin1"));
      if (this.#lines === lines) {
        this.#last = lines.last;
      }
    } catch (cause) {
      this.#lines = undefined;
      if (!isFull(cause)) {
        throw cause;
      }
      const live = this.#live.after(step);
      if (live.entries.size === 0) {
        await this.#empty();
      } else if (this.#live.entries.size === 0 && this.#file.size > HEADER.length) {
        await this.#empty();
        await this.#make(step);
      } else if (this.#file.size > 2 * live.size) {
        await this.#rewrite(live);
      } else {
        throw cause;
      }
    }
  }

  async #empty(): Promise<void> {
    await this.#file.cut(HEADER.length);
    this.#last = "";
  }

  /** Replaces the file's contents by these entries. */
  async #rewrite(live: LiveEntries): Promise<void> {
    let last = "";
    const chunks = function* () {
      yield Buffer.from(HEADER);
      for (const put of chunksOf(live)) {
        const lines = linesOf(last, { put, remove: [] });
        last = lines.last;
        yield Buffer.from(lines.text, "latin1");
      }
    };
    await this.#file.replace(chunks());
    this.#last = last;
    this.#rewriteAbove = MIN_REWRITE_BYTES;
  }
}

/** The contents of a file up to its last valid line. */
interface Content {
  live: LiveEntries;
  size: number;
  last: string;
}

function parse(bytes: Buffer, path: string): Content {
  const content: Content = { live: new LiveEntries(), size: 0, last: "" };
  const header = bytes.subarray(0, HEADER.length);
  if (header.toString("latin1") !== HEADER) {
    // The process ended right after creating the file: its first line is cut off, or never reached the disk.
    if (HEADER.startsWith(bytes.toString("latin1", 0, HEADER.length)) || !bytes.some((byte) => byte !== 0)) {
      return content;
    }
    throw damaged(path, 1, "the file is not an outbox");
  }
  content.size = HEADER.length;
  for (let number = 2; content.size < bytes.length; number += 1) {
    const end = bytes.indexOf(10, content.size);
    if (end === -1) {
      break;
    }
    const text = bytes.toString("latin1", content.size, end);
    if (!apply(text, content)) {
      // Blocks that never reached the disk read as zeros.
      if (end === bytes.length - 1 && text.includes("\0")) {
        break;
      }
      throw damaged(path, number, "a line of the outbox has a wrong checksum");
    }
    content.size = end + 1;
  }
  return content;
}

/** Applies a line's change. Returns false if the line is invalid. */
function apply(text: string, content: Content): boolean {
  const json = text.slice(CHECKSUM + 1);
  const last = checksum(content.last, json);
  if (text !== `${last} ${json}`) {
    return false;
  }
  content.live.apply(JSON.parse(json) as Step);
  content.last = last;
  return true;
}

/** The readable contents of a damaged file. */
interface Salvaged {
  readonly live: LiveEntries;
  /** The number of the first invalid line. */
  readonly line: number;
  /** Number of entries in unreadable lines that no later line removes. */
  readonly lost: number;
}

/**
 * Reads the lines of a damaged file that have valid checksums; returns undefined if there are none. A checksum also
 * covers the previous line's, so after a damaged line, both the checksum that it has and the one that its text should
 * have are tried.
 */
function salvage(bytes: Buffer): Salvaged | undefined {
  const live = new LiveEntries();
  const unread = new Set<number>();
  const removed = new Set<number>();
  let first = 0;
  let good = 0;
  let before: readonly string[] = [""];
  const lines = bytes.toString("latin1").split("\n");
  const isTorn = lines.pop() !== "";
  const parts = lines.flatMap((text, at) => partsOf(text).map((part) => [at, part] as const));
  for (const [at, text] of parts) {
    if (at === 0 && `${text}\n` === HEADER) {
      continue;
    }
    const json = text.slice(CHECKSUM + 1);
    const expected = before.map((last) => checksum(last, json));
    if (expected.some((own) => text === `${own} ${json}`)) {
      const step = JSON.parse(json) as Step;
      live.apply(step);
      for (const id of step.remove) {
        removed.add(id);
      }
      before = [text.slice(0, CHECKSUM)];
      good++;
      continue;
    }
    first ||= at + 1;
    // A damaged header has no checksum to chain from.
    before = at === 0 ? [""] : [text.slice(0, CHECKSUM), ...expected];
    for (const id of idsIn(text)) {
      unread.add(id);
    }
  }
  if (isTorn) {
    first ||= lines.length + 1;
  }
  const lost = [...unread].filter((id) => !live.entries.has(id) && !removed.has(id)).length;
  return good === 0 ? undefined : { live, line: first, lost };
}

/** Splits a line whose newline was damaged. No entry contains the text that a line begins with. */
function partsOf(text: string): string[] {
  const begins = Array.from(text.matchAll(/[0-9a-f]{16} \{"put":\[/g), ({ index }) => index).filter((at) => at > 0);
  return [0, ...begins].map((begin, nth) => text.slice(begin, begins[nth] === undefined ? undefined : begins[nth] - 1));
}

/** Returns the IDs of entries that are visible in a line. */
function idsIn(text: string): number[] {
  const [, put = ""] = text.split('"put":');
  return Array.from(put.split('"remove":')[0]?.matchAll(/\[(\d{1,15}),"/g) ?? [], ([, id]) => Number(id));
}

/** Copies a damaged file to a new name next to it. */
async function setAside(path: string): Promise<string> {
  const time = new Date().toISOString().replace(/[:.]/g, "-");
  for (let nth = 1; ; nth++) {
    const aside = `${path}.damaged-${time}${nth === 1 ? "" : `-${nth}`}`;
    try {
      await copyFile(path, aside, constants.COPYFILE_EXCL);
      await syncFolder(dirname(aside));
      return aside;
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST" || nth === 100) {
        throw cause;
      }
    }
  }
}

function damagedInPart(path: string, aside: string, { live, line, lost }: Salvaged): CountersignError {
  const counts = `recovered entries, which will be delivered: ${live.entries.size}; lost entries: ${lost}`;
  const message = `the outbox is damaged: ${path}; ${counts}`;
  return new CountersignError("outbox.damaged", message, {
    line,
    hint: `keep the damaged file, ${aside}, and read it with \`countersign outbox salvage\`. An entry is an event or a batch of events; events delivered around the time of a damaged line may be recorded again`,
  });
}

function cutOff(path: string, torn: Buffer): CountersignError {
  const lost = idsIn(torn.toString("latin1")).length;
  const message = `the outbox's last line is cut off: ${path}: at least ${lost} entries in it could not be read`;
  return new CountersignError("outbox.damaged", message, {
    hint: "check whether the file was truncated later, in which case more may be missing; if the program was only killed while writing, these entries were never reported as stored",
  });
}

function damaged(path: string, line: number, message: string): CountersignError {
  return new CountersignError("outbox.damaged", `${message}: ${path}`, {
    line,
    hint: "keep the file, which contains undelivered events, and use another path",
  });
}

function stepOf({ put, remove }: Change): Step {
  return { put: put.map(({ id, bytes }): Stored => [id, encode(bytes)]), remove };
}

/**
 * Returns a change's lines. Additions without removals get a line each, so that damage to a line costs only one entry,
 * and each line is valid on its own.
 */
function linesOf(before: string, { put, remove }: Step): Lines {
  if (remove.length > 0 || put.length < 2) {
    const text = line(before, { put, remove });
    return { text, last: text.slice(0, CHECKSUM) };
  }
  let last = before;
  const lines = put.map((entry) => {
    const text = line(last, { put: [entry], remove });
    last = text.slice(0, CHECKSUM);
    return text;
  });
  return { text: lines.join(""), last };
}

function line(last: string, { put, remove }: Step): string {
  const entries = put.map(([id, text]) => `[${id},"${text}"]`);
  const json = `{"put":[${entries.join()}],"remove":[${remove.join()}]}`;
  return `${checksum(last, json)} ${json}\n`;
}

function checksum(last: string, json: string): string {
  return createHash("sha256").update(last).update(json, "latin1").digest("hex").slice(0, CHECKSUM);
}

/** Splits entries into lines of at most a mebibyte, or a single entry. */
function* chunksOf(live: LiveEntries): Generator<Stored[]> {
  let chunk: Stored[] = [];
  let size = 0;
  for (const entry of live.entries) {
    if (size + entry[1].length > MIN_REWRITE_BYTES && chunk.length > 0) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push(entry);
    size += entry[1].length;
  }
  if (chunk.length > 0) {
    yield chunk;
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
