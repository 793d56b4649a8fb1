/** File helpers beyond `node:fs`: errors with hints, and durable names. */

import { open } from "node:fs/promises";
import { resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CountersignError, type ErrorCode, must } from "../error.js";

/** Returns the absolute path of a file. `member` is the option that it was passed for. */
export function pathOf(path: string | URL, member: "outbox" | "to"): string {
  const hint = "pass a path or a file: URL; check that the environment variable is set";
  if (path instanceof URL || (typeof path === "string" && path.startsWith("file:"))) {
    must(new URL(path).protocol === "file:", member, `\`${member}\` must be a file: URL`, hint);
    return fileURLToPath(path);
  }
  must(typeof path === "string" && path !== "", member, `\`${member}\` must be the path of a file`, hint);
  return resolve(path);
}

/** Returns the error for a failed file operation, with a hint for the system's error code, and `advice` after it. */
export function fileError(
  cause: unknown,
  path: string,
  what: string,
  failure: ErrorCode,
  advice?: string,
): CountersignError {
  if (cause instanceof CountersignError) {
    return cause;
  }
  const code = codeOf(cause);
  const message = `${what}: ${path}${code === undefined ? "" : ` (${code})`}`;
  const known = HINTS[code ?? ""] ?? "see the cause";
  const hint = advice === undefined ? known : `${known}; ${advice}`;
  return new CountersignError(failure, message, { hint, cause });
}

const PERMISSION = "allow the process to read and write this file and to create files in its folder";
const FULL = "free disk space, or raise the quota";
const HINTS: Record<string, string> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  ERR_ACCESS_DENIED:
    "run Node.js with --allow-fs-read and --allow-fs-write for the file's folder, and --allow-net for a socket next to the file; if fsync is disabled, run without --permission",
  NotCapable:
    "run Deno with --allow-read, --allow-write, and --allow-net; the last is for a Unix socket next to the file",
  EROFS: "use a path on a writable file system",
  ENOENT: "create the folder, or use another path",
  ENOTDIR: "use another path; a component of this one is a file",
  EISDIR: "use the path of a file in this folder",
  EMFILE: "raise the process's limit of open files, or find what leaves them open",
  EIO: "check the system log for disk failures",
};

/** True if the disk or the quota is full. */
export function isFull(cause: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(cause) ?? "");
}

/** True if this process can't have a file at the path: its place is read-only, not permitted, or missing. */
export function isUnwritable(cause: unknown): boolean {
  return UNWRITABLE.includes(codeOf(cause) ?? "");
}

const UNWRITABLE = [
  "EROFS",
  "EACCES",
  "EPERM",
  "ERR_ACCESS_DENIED",
  "NotCapable",
  "ENOENT",
  "ENOTDIR",
  "EISDIR",
  "ENAMETOOLONG",
];

/** Returns the system's error code, such as `ENOSPC`. */
export function codeOf(cause: unknown): string | undefined {
  const { code, name, message } = (cause ?? {}) as { code?: unknown; name?: unknown; message?: unknown };
  if (typeof code === "string") {
    return code;
  }
  // Some Deno errors have only a name or a number.
  return name === "NotCapable" ? name : NUMBERS[/\(os error (\d+)\)/.exec(String(message))?.[1] ?? ""];
}

const NUMBERS: Record<string, string> = { 5: "EIO", 27: "EFBIG", 69: "EDQUOT", 122: "EDQUOT" };

/** Syncs a folder, so that created and renamed files in it are durable. */
export async function syncFolder(path: string): Promise<void> {
  // Windows has no such operation, and doesn't need it.
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
