/** A transport into a file, for Node, Deno and Bun. */

import { CountersignError } from "../error.js";
import { AppendFile, createdFile } from "../files/append-file.node.js";
import { fileError, pathOf } from "../files/files.node.js";
import { inTurn } from "../promises.js";
import { HEADER, headless, Tail } from "./tail.js";
import type { StoringTransport } from "./transport.js";

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
export function fileTransport(path: string | URL): StoringTransport {
  const given = pathOf(path, "to");
  let use: Awaited<ReturnType<typeof begin>> | undefined;
  let tail: Tail | undefined;
  // What is under way has the file until it is done.
  const next = inTurn();
  const guarded = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    next(work).catch((cause: unknown) => {
      throw fileError(cause, given, `the export could not be ${what}`, "transport");
    });
  const used = async () => {
    use ??= await begin(given);
    return use;
  };
  return {
    begun: () => guarded("read", async () => (await used()).file.size > 0),
    write: (chunk) =>
      guarded("written", async () => {
        const { file, next } = await used();
        const before = tail ?? new Tail(await next(() => endOf(file)));
        tail = undefined;
        await next(() => append(file, chunk, before));
        tail = before;
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

/** An export that this process writes to. */
interface Shared {
  /** There is none before the first use, and none after the last. */
  file: AppendFile | undefined;
  /** How many transports use it. */
  users: number;
  /** What is done with it, one after the other. */
  readonly next: ReturnType<typeof inTurn>;
}

/** Those that are open, by their real paths. */
const open = new Map<string, Shared>();

/** A transport's use of an export: its file, what is done with it in turn, and what ends the use. */
async function begin(path: string) {
  const real = await createdFile(path);
  const shared = open.get(real) ?? { file: undefined, users: 0, next: inTurn() };
  open.set(real, shared);
  shared.users += 1;
  // With the last one the file is closed, after what was asked for before.
  const end = async () => {
    shared.users -= 1;
    await shared.next(async () => {
      if (shared.users > 0) {
        return;
      }
      const { file } = shared;
      shared.file = undefined;
      try {
        await file?.close();
      } finally {
        if (shared.users === 0) {
          open.delete(real);
        }
      }
    });
  };
  try {
    const file = await shared.next(async () => {
      shared.file ??= await opened(real);
      return shared.file;
    });
    return { file, next: shared.next, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Opens an export's file, which is this process's alone until it is closed. */
async function opened(path: string): Promise<AppendFile> {
  const file = await AppendFile.open(path);
  if (file === undefined) {
    throw new CountersignError("transport.failed", `another process writes to this export: ${path}`, {
      hint: "give each process a file of its own, or wait until the one before has ended",
    });
  }
  try {
    await file.cut(await wholeLines(file));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Appends the lines that are not there yet, and waits for the disk. Where it throws, none of them is there. */
async function append(file: AppendFile, chunk: Uint8Array, tail: Tail): Promise<void> {
  const lines = tail.fresh(file.size === 0 ? chunk : headless(chunk));
  if (lines.length === 0) {
    return;
  }
  const standing = await file.standing();
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
    await file.cut(file.size);
  }
  await file.append(lines);
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
