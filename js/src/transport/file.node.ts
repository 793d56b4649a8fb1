/** A transport into a file, for Node, Deno and Bun. */

import { type FileHandle, open, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { CountersignError } from "../error.js";
import { fileError, pathOf, readUpTo, syncFolder, writeAll } from "../files/files.node.js";
import { hold, type Release } from "../files/hold.node.js";
import { HEADER, headless, Tail } from "./tail.js";
import type { TransportObject } from "./transport.js";

/** How much of the end of a file may be given again: more than a recorder keeps where nothing else is said. */
const TAIL = 32 << 20;
const LF = 0x0a;

/**
 * Keeps an export in a file, to which it appends; a chunk is on the disk when it counts as taken. The file is created
 * where there is none, readable by its owner alone. One process at a time writes to it, until its recorders are closed.
 *
 * A line that was cut off when the process before was killed is removed, and what that process wrote without learning
 * of it is not written again.
 */
export function fileTransport(path: string | URL): TransportObject {
  const given = pathOf(path, "to");
  let use: Use | undefined;
  let tail: Tail | undefined;
  let last: Promise<unknown> = Promise.resolve();
  /** Does one thing at a time: what is under way has the file until it is done. */
  const guarded = <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const done = last.then(work).catch((cause: unknown) => {
      throw fileError(cause, given, `the export could not be ${what}`, "transport");
    });
    last = done.catch(() => {});
    return done;
  };
  const used = async (): Promise<Export> => {
    use ??= await begin(given);
    return use.file;
  };
  return {
    begun: () => guarded("read", async () => (await used()).size > 0),
    write: (chunk) =>
      guarded("written", async () => {
        const file = await used();
        tail ??= new Tail(await file.end());
        try {
          await file.append(chunk, tail);
        } catch (error) {
          tail = undefined;
          throw error;
        }
      }),
    close: () =>
      guarded("closed", async () => {
        const ended = use;
        use = undefined;
        tail = undefined;
        await ended?.end();
      }),
  };
}

/** A transport's use of an export. */
interface Use {
  readonly file: Export;
  /** Ends it; with the last one the file is closed. */
  end(): Promise<void>;
}

/** The exports that this process writes to, by their real paths, and how many transports use each. */
const exports = new Map<string, { readonly file: Promise<Export>; users: number }>();
/** Those that are being closed. */
const closing = new Map<string, Promise<void>>();

async function begin(path: string): Promise<Use> {
  const real = await realpath(path).catch(async () => {
    await (await open(path, "a", 0o600)).close();
    await syncFolder(dirname(path));
    return realpath(path);
  });
  while (closing.has(real)) {
    await closing.get(real);
  }
  const shared = exports.get(real) ?? { file: Export.open(real), users: 0 };
  exports.set(real, shared);
  shared.users += 1;
  const leave = () => {
    shared.users -= 1;
    if (shared.users === 0) {
      exports.delete(real);
    }
    return shared.users === 0;
  };
  try {
    const file = await shared.file;
    const end = async () => {
      if (leave()) {
        const closed = file.close();
        const over = closed.catch(() => {}).finally(() => closing.delete(real));
        closing.set(real, over);
        await closed;
      }
    };
    return { file, end };
  } catch (error) {
    leave();
    throw error;
  }
}

/** An export's file, which is this process's alone until it is closed. */
class Export {
  readonly #handle: FileHandle;
  /** The bytes up to here are whole lines; nothing is wanted of those after. */
  size: number;
  readonly #release: Release;
  #isTorn = false;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(handle: FileHandle, size: number, release: Release) {
    this.#handle = handle;
    this.#release = release;
    this.size = size;
  }

  static async open(path: string): Promise<Export> {
    const release = await hold(path);
    if (release === undefined) {
      throw new CountersignError("transport.failed", `another process writes to this export: ${path}`, {
        hint: "give each process a file of its own, or wait until the one before has ended",
      });
    }
    try {
      const handle = await open(path, "r+");
      try {
        return new Export(handle, await wholeLines(handle, path), release);
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** The last lines. */
  end(): Promise<Uint8Array> {
    const length = Math.min(this.size, TAIL);
    return this.#next(() => readUpTo(this.#handle, length, this.size - length));
  }

  /** Appends the lines that are not there yet, and waits for the disk. Where it throws, none of them is there. */
  append(chunk: Uint8Array, tail: Tail): Promise<void> {
    return this.#next(async () => {
      const lines = tail.fresh(this.size === 0 ? chunk : headless(chunk));
      if (lines.length === 0) {
        return;
      }
      const { nlink, size } = await this.#handle.stat();
      if (nlink > 0 && size !== this.size && !this.#isTorn) {
        throw new CountersignError("transport.failed", "something else wrote to the export's file", {
          hint: "let one recorder's process write to it, and start the process again",
        });
      }
      if (nlink === 0) {
        throw new CountersignError("transport.failed", "the export's file was deleted", {
          hint: "start the process again: a new file needs a header; to rotate, give each recorder a path of its own",
        });
      }
      if (this.#isTorn) {
        await this.#mend();
      }
      try {
        await writeAll(this.#handle, lines, this.size);
        await this.#handle.datasync();
      } catch (cause) {
        this.#isTorn = true;
        await this.#mend().catch(() => {});
        throw cause;
      }
      this.size += lines.length;
    });
  }

  /** Lets go of the file, after what was asked for before. */
  close(): Promise<void> {
    return this.#next(() => this.#handle.close().finally(() => this.#release()));
  }

  /** Takes back what was written of a chunk. */
  async #mend(): Promise<void> {
    await this.#handle.truncate(this.size);
    this.#isTorn = false;
  }

  /** Does one thing at a time. */
  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

/** How long the file is without a line that was cut off, which is removed. */
async function wholeLines(handle: FileHandle, path: string): Promise<number> {
  const { size } = await handle.stat();
  const length = Math.min(size, TAIL);
  const whole = size - length + (await readUpTo(handle, length, size - length)).lastIndexOf(LF) + 1;
  const start = new TextDecoder().decode(await readUpTo(handle, Math.min(size, HEADER.length), 0));
  if (!HEADER.startsWith(start) || whole <= size - TAIL) {
    throw new CountersignError("transport.failed", `the file is no export: ${path}`, {
      hint: "give another path; nothing was written to it",
    });
  }
  if (whole < size) {
    await handle.truncate(whole);
  }
  await handle.sync();
  return whole;
}
