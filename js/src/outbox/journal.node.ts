/**
 * A file that keeps entries: lines, each a change that was made whole.
 *
 *     countersign outbox v1
 *     5f0c… {"put":[[1,"aGVsbG8="],[2,"d29ybGQ="]],"remove":[]}
 *     a81b… {"put":[],"remove":[1]}
 *
 * A line begins with a checksum of itself and of the line before. It is in the file, and the file on the disk, before
 * the next is written; so only the last one can be torn.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { CountersignError } from "../error.js";
import type { AppendFile } from "../files/append-file.node.js";
import { isFull } from "../files/files.node.js";
import type { Change, Entry } from "./outbox.js";

const HEADER = "countersign outbox v1\n";
/** Hex characters of a checksum. */
const CHECKSUM = 16;
/** A file smaller than this is not worth writing anew. */
const SMALL = 1 << 20;

/** An entry as its line has it. */
type Stored = readonly [id: number, base64: string];

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
  /** The change that is being made, and its line once that is being appended. */
  #step: Step | undefined;
  #text: string | undefined;
  /** Above this size the file is written anew, if most of it is dead. */
  #rewriteAbove = SMALL;

  private constructor(file: AppendFile, { live, last }: Content) {
    this.#file = file;
    this.#live = live;
    this.#last = last;
  }

  /** What a file holds; it is made a journal where there is nothing in it. */
  static async open(file: AppendFile): Promise<Journal> {
    // Deno loads what this needs when it is first used, and runs other work meanwhile: not in `writeNow`.
    checksum("", "");
    const { buffer, byteOffset, length } = await file.read(0, file.size);
    const bytes = Buffer.from(buffer, byteOffset, length);
    const content = parse(bytes, file.path);
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
      this.#text = undefined;
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
    const [step, before] = [stepOf(change), this.#text];
    const text = line(before === undefined ? this.#last : before.slice(0, CHECKSUM), step);
    this.#file.appendNow(Buffer.from(text, "latin1"));
    if (before !== undefined && this.#step !== undefined) {
      this.#live.apply(this.#step);
      this.#step = undefined;
      this.#text = undefined;
    }
    this.#live.apply(step);
    this.#last = text.slice(0, CHECKSUM);
  }

  async #make(step: Step): Promise<void> {
    if ((await this.#file.standing()) !== "sound") {
      // What it held is known here.
      await this.#rewrite(this.#live.after(step));
      return;
    }
    const text = line(this.#last, step);
    this.#text = text;
    try {
      await this.#file.append(Buffer.from(text, "latin1"));
      if (this.#text === text) {
        this.#last = text.slice(0, CHECKSUM);
      }
    } catch (cause) {
      this.#text = undefined;
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
        const text = line(last, { put, remove: [] });
        last = text.slice(0, CHECKSUM);
        yield Buffer.from(text, "latin1");
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

function damaged(path: string, line: number, message: string): CountersignError {
  return new CountersignError("outbox.damaged", `${message}: ${path}`, {
    line,
    hint: "keep the file, for what is in it was not delivered, and give another path",
  });
}

function stepOf({ put, remove }: Change): Step {
  return { put: put.map(({ id, bytes }): Stored => [id, encode(bytes)]), remove };
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
