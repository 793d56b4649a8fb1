/**
 * A file that keeps entries: lines, each a change that was made whole. A change that only puts is a line for each entry.
 * docs/outbox-files.md describes the format.
 *
 *     countersign outbox v1
 *     5f0c… {"put":[[1,"aGVsbG8="]],"remove":[]}
 *     a81b… {"put":[[2,"d29ybGQ="]],"remove":[1]}
 *
 * A line begins with a checksum of itself and of the line before. It is in the file, and the file on the disk, before
 * the next is written; so only the last one can be torn.
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
/** Hex characters of a checksum. */
const CHECKSUM = 16;
/** A file smaller than this is not worth writing anew. */
const SMALL = 1 << 20;

/** An entry as its line has it. */
type Stored = readonly [id: number, base64: string];

/** Lines of a journal. */
interface Lines {
  readonly text: string;
  /** The last line's checksum. */
  readonly last: string;
}

/** A change as its line has it: first it removes, then it puts. */
interface Step {
  put: readonly Stored[];
  remove: readonly number[];
}

/** What is in a journal at some point. */
class Live {
  readonly entries: Map<number, string>;
  /** About as many bytes as a journal of them alone has. */
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

  after(step: Step): Live {
    const live = new Live(this.entries, this.size);
    live.apply(step);
    return live;
  }
}

/** A journal that is open. Nothing is asked of it before the last answer. */
export class Journal {
  readonly #file: AppendFile;
  readonly #live: Live;
  /** The last line's checksum. */
  #last: string;
  /** The change that is being made, and its lines once they are being appended. */
  #step: Step | undefined;
  #lines: Lines | undefined;
  /** Above this size the file is written anew, if most of it is dead. */
  #rewriteAbove = SMALL;

  private constructor(file: AppendFile, { live, last }: Content) {
    this.#file = file;
    this.#live = live;
    this.#last = last;
  }

  /**
   * What a file holds; it is made a journal where there is nothing in it. With `report` a damaged file is set aside, and
   * the journal holds what could be read.
   */
  static async open(file: AppendFile, report?: (problem: CountersignError) => void): Promise<Journal> {
    // Deno loads what this needs when it is first used, and runs other work meanwhile: not in `writeNow`.
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

  /** What is in it, in the order of ids. */
  entries(): Entry[] {
    return [...this.#live.entries]
      .sort(([a], [b]) => a - b)
      .map(([id, text]) => ({ id, bytes: new Uint8Array(Buffer.from(text, "base64")) }));
  }

  /** Makes a change, and waits for the disk. Where it throws, the change is not made. */
  async write(change: Change): Promise<void> {
    const step = stepOf(change);
    this.#step = step;
    try {
      await this.#make(step);
    } finally {
      this.#lines = undefined;
    }
    // `writeNow` applied it, if there was one.
    if (this.#step === step) {
      this.#step = undefined;
      this.#live.apply(step);
    }
    const { size } = this.#file;
    if (size > this.#rewriteAbove && size > 4 * this.#live.size) {
      // It goes on in the old file where there is no room for both.
      await (this.#live.entries.size === 0 ? this.#empty() : this.#rewrite(this.#live)).catch(() => {
        this.#rewriteAbove = 2 * size;
      });
    }
  }

  /** Makes a change at once, after the one that is being made. Nothing more is written after: the process ends. */
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
    if ((await this.#file.standing()) !== "sound") {
      // What it held is known here.
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

  /** Has the file hold what is alive and nothing else. */
  async #rewrite(live: Live): Promise<void> {
    let last = "";
    const pieces = function* () {
      yield Buffer.from(HEADER);
      for (const put of portions(live)) {
        const lines = linesOf(last, { put, remove: [] });
        last = lines.last;
        yield Buffer.from(lines.text, "latin1");
      }
    };
    await this.#file.replace(pieces());
    this.#last = last;
    this.#rewriteAbove = SMALL;
  }
}

/** What a file says, up to the end of its last sound line. */
interface Content {
  live: Live;
  size: number;
  last: string;
}

function parse(bytes: Buffer, path: string): Content {
  const content: Content = { live: new Live(), size: 0, last: "" };
  const header = bytes.subarray(0, HEADER.length);
  if (header.toString("latin1") !== HEADER) {
    // The file was created and no more: its first line is cut off, or never came to the disk.
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
      // Blocks of a file that never came to the disk read as zeros.
      if (end === bytes.length - 1 && text.includes("\0")) {
        break;
      }
      throw damaged(path, number, "a line of the outbox is not as it was written");
    }
    content.size = end + 1;
  }
  return content;
}

/** Makes a line's change; false where it is none. */
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

/** What a damaged file still says. */
interface Salvaged {
  readonly live: Live;
  /** The first line that is not as it was written. */
  readonly line: number;
  /** Entries of lines that can't be read, and that no later line removes. */
  readonly lost: number;
}

/**
 * Reads the lines of a damaged file whose checksums are right; undefined if there is none. Each line's checksum is of the
 * checksum before it too: that of a damaged line is the one that it has, or the one that its text has.
 */
function salvage(bytes: Buffer): Salvaged | undefined {
  const live = new Live();
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
    const made = before.map((last) => checksum(last, json));
    if (made.some((own) => text === `${own} ${json}`)) {
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
    // A header that is damaged was before nothing.
    before = at === 0 ? [""] : [text.slice(0, CHECKSUM), ...made];
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

/** The lines in one whose end was damaged: no entry holds what a line begins with. */
function partsOf(text: string): string[] {
  const begins = Array.from(text.matchAll(/[0-9a-f]{16} \{"put":\[/g), ({ index }) => index).filter((at) => at > 0);
  return [0, ...begins].map((begin, nth) => text.slice(begin, begins[nth] === undefined ? undefined : begins[nth] - 1));
}

/** The ids of entries in a line, as far as it shows any. */
function idsIn(text: string): number[] {
  const [, put = ""] = text.split('"put":');
  return Array.from(put.split('"remove":')[0]?.matchAll(/\[(\d{1,15}),"/g) ?? [], ([, id]) => Number(id));
}

/** Gives a damaged file another name beside its own, under which it stays. */
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
  const read = `${live.entries.size} entries could be read and will be delivered`;
  const message = `the outbox is damaged: ${path}: ${read}, ${lost} could not`;
  return new CountersignError("outbox.damaged", message, {
    line,
    hint: `keep ${aside}, which is the damaged file: \`countersign outbox salvage\` reads it. An entry is an event, or a batch of them; what was delivered while a damaged line was written may be recorded again`,
  });
}

function cutOff(path: string, torn: Buffer): CountersignError {
  const lost = idsIn(torn.toString("latin1")).length;
  const message = `the outbox's last line is cut off: ${path}: at least ${lost} entries in it could not be read`;
  return new CountersignError("outbox.damaged", message, {
    hint: "if the program was killed while it wrote, nobody was told that these were stored; if the file was cut off later, more may be missing",
  });
}

function damaged(path: string, line: number, message: string): CountersignError {
  return new CountersignError("outbox.damaged", `${message}: ${path}`, {
    line,
    hint: "keep the file, for what is in it was not delivered, and give another path",
  });
}

function stepOf({ put, remove }: Change): Step {
  return { put: put.map(({ id, bytes }): Stored => [id, encode(bytes)]), remove };
}

/**
 * A change's lines, and the last one's checksum. Entries that are put without anything removed have a line each: what
 * problems a line then costs one entry, and one without the others is no less true.
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

/** What is alive, in lines of no more than a mebibyte or one entry. */
function* portions(live: Live): Generator<Stored[]> {
  let portion: Stored[] = [];
  let size = 0;
  for (const entry of live.entries) {
    if (size + entry[1].length > SMALL && portion.length > 0) {
      yield portion;
      portion = [];
      size = 0;
    }
    portion.push(entry);
    size += entry[1].length;
  }
  if (portion.length > 0) {
    yield portion;
  }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
