/** What files need beyond `node:fs`: errors that say what to do, and names that last. */

import { open } from "node:fs/promises";
import process from "node:process";
import { CountersignError } from "../error.js";

/** That something with a file failed, by the system's own code. */
export function fileError(cause: unknown, path: string, what: string): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const code = codeOf(cause);
  const message = `${what}: ${path}${code === undefined ? "" : ` (${code})`}`;
  if (isFull(cause)) {
    return new CountersignError("outbox.full", message, { hint: "make room on the disk, or raise its quota", cause });
  }
  return new CountersignError("outbox.failed", message, { hint: HINTS[code ?? ""] ?? "see the cause", cause });
}

const PERMISSION = "the process needs to read and write this file, and to make files in its folder";
const HINTS: Record<string, string> = {
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  NotCapable: "Deno needs --allow-read, --allow-write and --allow-net, the last for a Unix socket beside the file",
  EROFS: "the file system is read-only: give a path on another",
  ENOENT: "the folder has to be there already: create it, or give another path",
  ENOTDIR: "a part of the path is a file: give another path",
  EISDIR: "this is a folder: give the path of a file in it",
  EMFILE: "the process has too many files open: raise its limit, or find what leaves them open",
  EIO: "the disk fails: look into the system's log",
};

/** Whether there was no room. */
export function isFull(cause: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(cause) ?? "");
}

/** The system's word for an error: `ENOSPC`. */
export function codeOf(cause: unknown): string | undefined {
  // Deno's own errors have a name where Node's have a code.
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === "string" ? code : name === "NotCapable" ? name : undefined;
}

/** Makes the names in a folder durable: a file that was created or renamed. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot, and need not.
  if (process.platform === "win32") {
    return;
  }
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
