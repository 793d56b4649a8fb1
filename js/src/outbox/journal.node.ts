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
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CountersignError } from "../error.js";
import { fileError, isFull, syncFolder, writeAll } from "../files/files.node.js";
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

/** A journal that is open. Nobody else writes to the file, and nothing is asked of it before the last answer. */
export class Journal {
  readonly #path: string;
  #handle: FileHandle;
  readonly #live: Live;
  /** The bytes up to here are sound; nothing is wanted of those after. */
  #size: number;
  /** The last line's checksum. */
  #last: string;
  /** Whether the file may differ from what was written to it, so that only a new one will do. */
  #suspect = false;
  /** Above this size the file is written anew, if most of it is dead. */
  #rewriteAbove = SMALL;

  private constructor(path: string, handle: FileHandle, { live, size, last }: Content) {
    this.#path = path;
    this.#handle = handle;
    this.#live = live;
    this.#size = size;
    this.#last = last;
  }

  /** Opens a file that is there. An empty one becomes a journal. */
  static async open(path: string): Promise<Journal> {
    const handle = await open(path, "r+").catch((cause) => {
      throw fileError(cause, path, "the outbox's file could not be opened", "outbox");
    });
    try {
      const bytes = await handle.readFile();
      const content = parse(bytes, path);
      if (bytes.length > content.size) {
        await handle.truncate(content.size);
      }
      if (content.size === 0) {
        await writeAll(handle, Buffer.from(HEADER), 0);
        content.size = HEADER.length;
      }
      await handle.sync();
      await syncFolder(dirname(path));
      return new Journal(path, handle, content);
    } catch (cause) {
      await handle.close();
      throw fileError(cause, path, "the outbox's file could not be opened", "outbox");
    }
  }

  /** What is in it, in the order of ids. */
  entries(): Entry[] {
    return [...this.#live.entries]
      .sort(([a], [b]) => a - b)
      .map(([id, text]) => ({ id, bytes: new Uint8Array(Buffer.from(text, "base64")) }));
  }

  /** Makes a change, and waits for the disk. Where it throws, the change is not made. */
  async write({ put, remove }: Change): Promise<void> {
    const step = { put: put.map(({ id, bytes }): Stored => [id, encode(bytes)]), remove };
    try {
      await this.#make(step);
    } catch (cause) {
      throw fileError(cause, this.#path, "the outbox's file could not be written", "outbox");
    }
    this.#live.apply(step);
    if (this.#size > this.#rewriteAbove && this.#size > 4 * this.#live.size) {
      // It goes on in the old file where there is no room for both.
      await (this.#live.entries.size === 0 ? this.#empty() : this.#rewrite(this.#live)).catch(() => {
        this.#rewriteAbove = 2 * this.#size;
      });
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #make(step: Step): Promise<void> {
    const { nlink, size } = await this.#handle.stat();
    // Something else deleted the file, cut it off or wrote to it: what it held is known here.
    if (this.#suspect || nlink === 0 || size !== this.#size) {
      await this.#rewrite(this.#live.after(step));
      return;
    }
    try {
      await this.#append(line(this.#last, step));
    } catch (cause) {
      await this.#undo();
      if (!isFull(cause)) {
        throw cause;
      }
      const live = this.#live.after(step);
      if (live.entries.size === 0) {
        await this.#empty();
      } else if (this.#live.entries.size === 0 && this.#size > HEADER.length) {
        await this.#empty();
        await this.#make(step);
      } else if (this.#size > 2 * live.size) {
        await this.#rewrite(live);
      } else {
        throw cause;
      }
    }
  }

  async #append(line: string): Promise<void> {
    const bytes = Buffer.from(line, "latin1");
    await writeAll(this.#handle, bytes, this.#size);
    try {
      await this.#handle.datasync();
    } catch (cause) {
      // The kernel may forget what it could not write, and say nothing the next time.
      this.#suspect = true;
      throw cause;
    }
    this.#size += bytes.length;
    this.#last = line.slice(0, CHECKSUM);
  }

  /** Takes back what was written of a line. */
  async #undo(): Promise<void> {
    try {
      await this.#handle.truncate(this.#size);
    } catch {
      this.#suspect = true;
    }
  }

  /** Needs no room, unlike all else. */
  async #empty(): Promise<void> {
    this.#suspect = true;
    await this.#handle.truncate(HEADER.length);
    await this.#handle.datasync();
    this.#size = HEADER.length;
    this.#last = "";
    this.#suspect = false;
  }

  /** Puts a file in the place of this one that holds what is alive and nothing else. */
  async #rewrite(live: Live): Promise<void> {
    const path = `${this.#path}.new`;
    await rm(path, { force: true });
    const handle = await open(path, "wx+", 0o600);
    let size = HEADER.length;
    let last = "";
    try {
      await writeAll(handle, Buffer.from(HEADER), 0);
      for (const put of portions(live)) {
        const text = line(last, { put, remove: [] });
        await writeAll(handle, Buffer.from(text, "latin1"), size);
        size += text.length;
        last = text.slice(0, CHECKSUM);
      }
      await handle.sync();
      await rename(path, this.#path);
    } catch (cause) {
      await handle.close().catch(() => {});
      await rm(path, { force: true }).catch(() => {});
      throw cause;
    }
    await this.#handle.close().catch(() => {});
    this.#handle = handle;
    this.#size = size;
    this.#last = last;
    this.#rewriteAbove = SMALL;
    this.#suspect = true;
    await syncFolder(dirname(this.#path));
    this.#suspect = false;
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
    throw damaged(path, 1, "the file is no outbox");
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
