/** A file that only one holder appends to. Writes are synced before they count, and failed ones are rolled back. */

import { fdatasyncSync, fstatSync, writeSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./files.node.js";
import { hold, type Release } from "./hold.node.js";

/** The state of a file compared to what was written. */
export type FileState =
  | "sound"
  /** After a failed write, the bytes after `size`, or those on the disk, are unknown. */
  | "doubtful"
  /** Another program wrote to the file or truncated it. */
  | "altered"
  | "deleted";

/** Creates the file, readable by its owner only, unless it exists, and returns its real path. */
export async function createdFile(path: string): Promise<string> {
  await (await open(path, "a", 0o600)).close();
  const real = await realpath(path);
  await syncFolder(dirname(real));
  return real;
}

/** Prevents open files from being garbage collected, and so closed, while their path is held. */
const all = new Set<AppendFile>();

const NOTHING = new Uint8Array();

/** An append-only file that is held exclusively until it is closed. */
export class AppendFile {
  /** The file's real path. */
  readonly path: string;
  #handle: FileHandle;
  readonly #release: Release;
  /** Number of valid bytes. Bytes after them are ignored. */
  size: number;
  #isDoubtful = false;
  /** Bytes that are being appended. */
  #appending: Uint8Array = NOTHING;
  /** True while the file is being replaced. */
  #isMoving = false;

  private constructor(path: string, handle: FileHandle, release: Release, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#release = release;
    this.size = size;
  }

  /**
   * Opens a file by its real path and holds it until it is closed or the process ends. Returns undefined if it's held
   * elsewhere.
   */
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

  /** Checks the state of the file. */
  async state(): Promise<FileState> {
    const { nlink, size } = await this.#handle.stat();
    if (nlink === 0) {
      return "deleted";
    }
    if (this.#isDoubtful) {
      return "doubtful";
    }
    return size === this.size ? "sound" : "altered";
  }

  /** Reads bytes at a position; fewer at the end of the file. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let done = 0;
    for (let read = 1; read > 0 && done < length; done += read) {
      read = (await this.#handle.read(bytes, done, length - done, position + done)).bytesRead;
    }
    return bytes.subarray(0, done);
  }

  /** Appends bytes and syncs them. If it throws, none of them count. */
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
        // After a failed sync, the kernel may drop the data and report success the next time.
        () => {
          this.#isDoubtful = isWritten;
        },
        () => {},
      );
      throw cause;
    }
    // `appendNow` may have counted them already.
    if (this.#appending === bytes) {
      this.#appending = NOTHING;
      this.size += bytes.length;
    }
  }

  /**
   * Appends bytes synchronously because the process is ending. An unfinished `append` may or may not reach the file, so
   * its bytes are written again first, at the same position.
   */
  appendNow(bytes: Uint8Array): void {
    const { nlink, size } = fstatSync(this.#handle.fd);
    const appendAt = this.size + this.#appending.length;
    if (this.#isMoving || this.#isDoubtful || nlink === 0 || size < this.size || size > appendAt) {
      throw new Error("the file is being rewritten, or was changed by another program");
    }
    writeAllSync(this.#handle.fd, this.#appending, this.size);
    writeAllSync(this.#handle.fd, bytes, appendAt);
    fdatasyncSync(this.#handle.fd);
    this.size = appendAt + bytes.length;
    this.#appending = NOTHING;
  }

  /** Truncates the file and syncs it. Unlike other writes, it needs no free space. */
  async cut(size: number): Promise<void> {
    this.#isDoubtful = true;
    await this.#handle.truncate(size);
    await this.#handle.sync();
    this.size = size;
    this.#isDoubtful = false;
  }

  /** Replaces the file's contents. If it throws, the file is unchanged, or the new one is doubtful. */
  async replace(chunks: Iterable<Uint8Array>): Promise<void> {
    this.#isMoving = true;
    try {
      await this.#replace(chunks);
    } finally {
      this.#isMoving = false;
    }
  }

  async #replace(chunks: Iterable<Uint8Array>): Promise<void> {
    const path = `${this.path}.new`;
    await rm(path, { force: true });
    const handle = await open(path, "wx+", 0o600);
    let size = 0;
    try {
      for (const chunk of chunks) {
        await writeAll(handle, chunk, size);
        size += chunk.length;
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
