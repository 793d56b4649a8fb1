/** What files need beyond `node:fs`: errors that say what to do, and names that last. */

import { open } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CountersignError, must } from "../error.js";

/** The path of a file, whatever the working directory is later. `member` is what it was given for. */
export function pathOf(path: string | URL, member: "outbox" | "to"): string {
  const hint = "give a path or a file: URL; is a variable of the environment missing?";
  if (path instanceof URL || (typeof path === "string" && path.startsWith("file:"))) {
    must(new URL(path).protocol === "file:", member, "no URL of a file", hint);
    return fileURLToPath(path);
  }
  must(typeof path === "string" && path !== "", member, "no path of a file", hint);
  return resolve(path);
}

/** That something with a file failed, by the system's own code. */
export function fileError(cause: unknown, path: string, what: string, kind: "outbox" | "transport"): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const code = codeOf(cause);
  const message = `${what}: ${path}${code === undefined ? "" : ` (${code})`}`;
  const hint = HINTS[code ?? ""] ?? "see the cause";
  return new CountersignError(kind === "outbox" && isFull(cause) ? "outbox.full" : `${kind}.failed`, message, {
    hint,
    cause,
  });
}

const PERMISSION = "the process needs to read and write this file, and to make files in its folder";
const FULL = "make room on the disk, or raise the quota";
const HINTS: Record<string, string> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  ERR_ACCESS_DENIED:
    "Node.js's permissions deny it: --allow-fs-read and --allow-fs-write for the file's folder, and --allow-net for a socket beside it; where it is fsync that is disabled, no option allows it: do without --permission",
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
  const { code, name, message } = (cause ?? {}) as { code?: unknown; name?: unknown; message?: unknown };
  if (typeof code === "string") {
    return code;
  }
  // Deno has a name or a number for some.
  return name === "NotCapable" ? name : NUMBERS[/\(os error (\d+)\)/.exec(String(message))?.[1] ?? ""];
}

const NUMBERS: Record<string, string> = { 5: "EIO", 27: "EFBIG", 69: "EDQUOT", 122: "EDQUOT" };

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
