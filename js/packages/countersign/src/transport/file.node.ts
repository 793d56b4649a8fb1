/** A transport that writes to a file, for Node.js, Deno, and Bun. */

import { CountersignError } from "../error.js";
import { AppendFile, createdFile } from "../files/append-file.node.js";
import { fileError, pathOf } from "../files/files.node.js";
import { inTurn } from "../promises.js";
import { HEADER, Tail, withoutHeader } from "./tail.js";
import type { StoringTransport } from "./transport.js";

/** Bytes at the end of a file in which repeated lines are recognized; more than a recorder queues by default. */
const TAIL_BYTES = 32 << 20;
const LF = 0x0a;

/**
 * Appends an export to a file. A chunk counts as delivered once it is synced to disk. The file is created if needed,
 * readable by its owner only. One process at a time can write to it, until its recorders are closed.
 *
 * A line that was cut off by a kill is removed. Lines that the previous process wrote before it could confirm them are
 * not written again.
 */
export function fileTransport(path: string | URL): StoringTransport {
  const filePath = pathOf(path, "to");
  let use: Awaited<ReturnType<typeof begin>> | undefined;
  let tail: Tail | undefined;
  // Running work keeps the file open until it is done.
  const next = inTurn();
  const guarded = <T>(action: string, work: () => Promise<T>): Promise<T> =>
    next(work).catch((cause: unknown) => {
      throw fileError(cause, filePath, `the export could not be ${action}`, "transport.failed");
    });
  const used = async () => {
    use ??= await begin(filePath);
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
interface SharedFile {
  /** The open file; undefined before the first and after the last use. */
  file: AppendFile | undefined;
  /** Number of transports that use it. */
  users: number;
  /** Serializes work on the file. */
  readonly next: ReturnType<typeof inTurn>;
}

/** Open exports by their real paths. */
const open = new Map<string, SharedFile>();

/**
 * Starts a transport's use of an export. Returns its file, the queue for work on it, and a function that ends the use.
 */
async function begin(path: string) {
  const real = await createdFile(path);
  const shared = open.get(real) ?? { file: undefined, users: 0, next: inTurn() };
  open.set(real, shared);
  shared.users += 1;
  // The last user closes the file, after earlier work.
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
      shared.file ??= await openFile(real);
      return shared.file;
    });
    return { file, next: shared.next, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Opens an export's file exclusively for this process. */
async function openFile(path: string): Promise<AppendFile> {
  const file = await AppendFile.open(path);
  if (file === undefined) {
    throw new CountersignError("transport.failed", `another process writes to this export: ${path}`, {
      hint: "use a separate file per process, or wait until the other process has ended",
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

/** Appends the lines that the file does not contain yet, and syncs them. If it throws, none of them are in the file. */
async function append(file: AppendFile, chunk: Uint8Array, tail: Tail): Promise<void> {
  const lines = tail.fresh(file.size === 0 ? chunk : withoutHeader(chunk));
  if (lines.length === 0) {
    return;
  }
  const state = await file.state();
  if (state === "altered") {
    throw new CountersignError("transport.failed", "another program changed the export's file", {
      hint: "make sure that only one process writes to it, and restart the process",
    });
  }
  if (state === "deleted") {
    throw new CountersignError("transport.failed", "the export's file was deleted", {
      hint: "restart the process to create a new file with a header; to rotate files, use a new path per recorder",
    });
  }
  if (state === "doubtful") {
    await file.cut(file.size);
  }
  await file.append(lines);
}

function endOf(file: AppendFile): Promise<Uint8Array> {
  const length = Math.min(file.size, TAIL_BYTES);
  return file.read(file.size - length, length);
}

/** Returns the file's size without an incomplete last line. */
async function wholeLines(file: AppendFile): Promise<number> {
  const end = await endOf(file);
  const size = file.size - end.length + end.lastIndexOf(LF) + 1;
  const start = new TextDecoder().decode(await file.read(0, Math.min(file.size, HEADER.length)));
  if (!HEADER.startsWith(start) || size <= file.size - TAIL_BYTES) {
    throw new CountersignError("transport.failed", `the file is not an export: ${file.path}`, {
      hint: "use another path; the file was not changed",
    });
  }
  return size;
}
