/** A transport into a file, for Node, Deno and Bun. */

import { CountersignError } from "../error.js";
import { AppendFile, createdFile } from "../files/append-file.node.js";
import { fileError, pathOf } from "../files/files.node.js";
import { inTurn } from "../promises.js";
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
  // What is under way has the file until it is done.
  const next = inTurn();
  const guarded = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    next(work).catch((cause: unknown) => {
      throw fileError(cause, given, `the export could not be ${what}`, "transport");
    });
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
  const real = await createdFile(path);
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
  readonly #file: AppendFile;
  readonly #next = inTurn();

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  static async open(path: string): Promise<Export> {
    const file = await AppendFile.open(path);
    if (file === undefined) {
      throw new CountersignError("transport.failed", `another process writes to this export: ${path}`, {
        hint: "give each process a file of its own, or wait until the one before has ended",
      });
    }
    try {
      await file.cut(await wholeLines(file));
      return new Export(file);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** How many bytes of whole lines there are. */
  get size(): number {
    return this.#file.size;
  }

  /** The last lines. */
  end(): Promise<Uint8Array> {
    return this.#next(() => endOf(this.#file));
  }

  /** Appends the lines that are not there yet, and waits for the disk. Where it throws, none of them is there. */
  append(chunk: Uint8Array, tail: Tail): Promise<void> {
    return this.#next(async () => {
      const lines = tail.fresh(this.size === 0 ? chunk : headless(chunk));
      if (lines.length === 0) {
        return;
      }
      const standing = await this.#file.standing();
      if (standing === "altered") {
        throw new CountersignError("transport.failed", "something else wrote to the export's file", {
          hint: "let one recorder's process write to it, and start the process again",
        });
      }
      if (standing === "deleted") {
        throw new CountersignError("transport.failed", "the export's file was deleted", {
          hint: "start the process again: a new file needs a header; to rotate, give each recorder a path of its own",
        });
      }
      if (standing === "doubtful") {
        await this.#file.cut(this.size);
      }
      await this.#file.append(lines);
    });
  }

  /** Lets go of the file, after what was asked for before. */
  close(): Promise<void> {
    return this.#next(() => this.#file.close());
  }
}

function endOf(file: AppendFile): Promise<Uint8Array> {
  const length = Math.min(file.size, TAIL);
  return file.read(file.size - length, length);
}

/** How long the file is without a line that was cut off. */
async function wholeLines(file: AppendFile): Promise<number> {
  const end = await endOf(file);
  const whole = file.size - end.length + end.lastIndexOf(LF) + 1;
  const start = new TextDecoder().decode(await file.read(0, Math.min(file.size, HEADER.length)));
  if (!HEADER.startsWith(start) || whole <= file.size - TAIL) {
    throw new CountersignError("transport.failed", `the file is not an export: ${file.path}`, {
      hint: "give another path; nothing was written to it",
    });
  }
  return whole;
}
