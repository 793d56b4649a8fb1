/** A file that one holder alone appends to: whole writes, on the disk before they count, and nothing of those that failed. */

import { fdatasyncSync, fstatSync, writeSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./files.node.js";
import { hold, type Release } from "./hold.node.js";

/** How a file is, against what was written to it. */
export type Standing =
  | "sound"
  /** What is behind its end, or on the disk, is not known since a write failed. */
  | "doubtful"
  /** Something else wrote to it, or cut it off. */
  | "altered"
  | "deleted";

/** The real path of a file, which is created where there is none, readable by its owner alone. */
export async function createdFile(path: string): Promise<string> {
  await (await open(path, "a", 0o600)).close();
  const real = await realpath(path);
  await syncFolder(dirname(real));
  return real;
}

/** All that are open, so that none is collected, and its file closed, while its path is held. */
const all = new Set<AppendFile>();

const NOTHING = new Uint8Array();

export class AppendFile {
  /** Its real path. */
  readonly path: string;
  #handle: FileHandle;
  readonly #release: Release;
  /** The bytes up to here are sound; nothing is wanted of those after. */
  size: number;
  #isDoubtful = false;
  /** Bytes that are being appended. */
  #appending: Uint8Array = NOTHING;
  /** True while another file is put in the place of this one. */
  #isMoving = false;

  private constructor(path: string, handle: FileHandle, release: Release, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#release = release;
    this.size = size;
  }

  /** Opens the file of a real path and holds it until it is closed or the process ends; undefined where another does. */
  static async open(path: string): Promise<AppendFile | undefined> {
    const release = await hold(path);
    if (release === undefined) {
      return undefined;
    }
    try {
      const handle = await open(path, "r+");
      const file = new AppendFile(path, handle, release, (await handle.stat()).size);
      all.add(file);
      return file;
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** How the file is now. */
  async standing(): Promise<Standing> {
    const { nlink, size } = await this.#handle.stat();
    if (nlink === 0) {
      return "deleted";
    }
    if (this.#isDoubtful) {
      return "doubtful";
    }
    return size === this.size ? "sound" : "altered";
  }

  /** Bytes from a place on; fewer where the file ends before. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    for (let read = 1; read > 0 && done < length; done += read) {
      read = (await this.#handle.read(bytes, done, length - done, position + done)).bytesRead;
    }
    return bytes.subarray(0, done);
  }

  /** Appends bytes and waits for the disk. Where it throws, none of them counts. */
  async append(bytes: Uint8Array): Promise<void> {
    let isWritten = false;
    this.#appending = bytes;
    try {
      await writeAll(this.#handle, bytes, this.size);
      isWritten = true;
      await this.#handle.datasync();
    } catch (cause) {
      this.#isDoubtful = true;
      this.#appending = NOTHING;
      await this.#handle.truncate(this.size).then(
        // The kernel may forget what it could not bring to the disk, and say nothing the next time.
        () => {
          this.#isDoubtful = isWritten;
        },
        () => {},
      );
      throw cause;
    }
    // `appendNow` counted them, if there was one.
    if (this.#appending === bytes) {
      this.#appending = NOTHING;
      this.size += bytes.length;
    }
  }

  /**
   * Appends bytes, and waits for nothing but the disk: the process ends, and nothing more is written after. An `append`
   * that is under way is repeated before them, byte for byte: it may still reach the file, or never.
   */
  appendNow(bytes: Uint8Array): void {
    const { nlink, size } = fstatSync(this.#handle.fd);
    const whole = this.size + this.#appending.length;
    if (this.#isMoving || this.#isDoubtful || nlink === 0 || size < this.size || size > whole) {
      throw new Error("the file is being rewritten, or is not as it was written");
    }
    writeAllSync(this.#handle.fd, this.#appending, this.size);
    writeAllSync(this.#handle.fd, bytes, whole);
    fdatasyncSync(this.#handle.fd);
    this.size = whole + bytes.length;
    this.#appending = NOTHING;
  }

  /** Ends the file there, and waits for the disk. It needs no room, unlike all else. */
  async cut(size: number): Promise<void> {
    this.#isDoubtful = true;
    await this.#handle.truncate(size);
    await this.#handle.sync();
    this.size = size;
    this.#isDoubtful = false;
  }

  /** Puts a file in the place of this one. Where it throws, this one is as it was, or the new one is doubtful. */
  async replace(pieces: Iterable<Uint8Array>): Promise<void> {
    this.#isMoving = true;
    try {
      await this.#replace(pieces);
    } finally {
      this.#isMoving = false;
    }
  }

  async #replace(pieces: Iterable<Uint8Array>): Promise<void> {
    const path = `${this.path}.new`;
    await rm(path, { force: true });
    const handle = await open(path, "wx+", 0o600);
    let size = 0;
    try {
      for (const piece of pieces) {
        await writeAll(handle, piece, size);
        size += piece.length;
      }
      await handle.sync();
      await rename(path, this.path);
    } catch (cause) {
      await handle.close().catch(() => {});
      await rm(path, { force: true }).catch(() => {});
      throw cause;
    }
    await this.#handle.close().catch(() => {});
    this.#handle = handle;
    this.size = size;
    this.#isDoubtful = true;
    await syncFolder(dirname(this.path));
    this.#isDoubtful = false;
  }

  /** Closes the file, and lets go of it. */
  async close(): Promise<void> {
    all.delete(this);
    await this.#handle.close().finally(() => this.#release());
  }
}

function writeAllSync(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(file, bytes, done, bytes.length - done, position + done);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
