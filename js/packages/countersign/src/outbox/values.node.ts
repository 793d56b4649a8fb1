/**
 * Values in a folder next to an outbox's file, one file each, which are read one by one. Lists name the files that exist, so
 * that the loss of one is noticed. docs/outbox-files.md describes the format.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CountersignError } from "../error.js";
import { codeOf, fileError, isFull, syncFolder } from "../files/files.node.js";
import type { ValueStore } from "./outbox.js";

const HEADER = "countersign outbox value v1\n";
/** Length of a checksum in hex characters. */
const CHECKSUM = 16;

/** Returns the values of an outbox. `path` returns the real path of its file while it is open. */
export function fileValues(path: () => string | undefined): ValueStore {
  const folderOf = () => {
    const file = path();
    if (file === undefined) {
      throw new CountersignError("outbox.failed", "the outbox is not open", { hint: "open it first" });
    }
    return `${file}.values`;
  };
  return {
    get(name) {
      const file = fileOf(folderOf(), name);
      let bytes: Buffer;
      try {
        bytes = readFileSync(file);
      } catch (cause) {
        if (codeOf(cause) !== "ENOENT") {
          throw fileError(cause, file, "a value of the outbox could not be read", "outbox.failed");
        }
        if (!isListed(file)) {
          return undefined;
        }
        throw new CountersignError("outbox.damaged", `a value of the outbox is missing: ${file}`, {
          hint: "put the file back if you have it; otherwise check the disk, and what else writes to the folder",
        });
      }
      const start = HEADER.length + CHECKSUM + 1;
      const value = new Uint8Array(bytes.subarray(start));
      if (bytes.toString("latin1", 0, start) !== headOf(name, value)) {
        throw new CountersignError("outbox.damaged", `a value of the outbox has a wrong checksum: ${file}`, {
          hint: "check the disk, and whether other code writes to the folder",
        });
      }
      return value;
    },
    async set(name, value) {
      const folder = folderOf();
      const file = fileOf(folder, name);
      try {
        await createFolder(folder);
        await createFolder(dirname(file));
        // In this order, no file exists that isn't listed. After a kill in between, the value is still among the entries.
        await addToList(file);
        await replace(file, Buffer.concat([Buffer.from(headOf(name, value), "latin1"), value]));
      } catch (cause) {
        const code = isFull(cause) ? "outbox.full" : "outbox.failed";
        throw fileError(cause, file, "a value of the outbox could not be written", code);
      }
    },
  };
}

/** Returns the path of a value's file. The folders have at most 256 folders, and few enough files for any file system. */
function fileOf(folder: string, name: string): string {
  const hash = createHash("sha256").update(name).digest("hex");
  return join(folder, hash.slice(0, 2), hash.slice(2, 42));
}

/** Returns the path of the list that names a value's file, next to the file's folder. */
function listOf(file: string): string {
  return `${dirname(file)}.list`;
}

/** Returns the line of a list that names a value's file. Text before it on the line, from an incomplete write, is ignored. */
function lineOf(file: string): string {
  return `${basename(file)}\n`;
}

/** True if a value was set, even if its file no longer exists. */
function isListed(file: string): boolean {
  const list = listOf(file);
  try {
    return readFileSync(list, "latin1").includes(lineOf(file));
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") {
      return false;
    }
    throw fileError(cause, list, "a list of the outbox's values could not be read", "outbox.failed");
  }
}

/** Names a value's file in its list, durably, unless the list names it already. */
async function addToList(file: string): Promise<void> {
  const list = listOf(file);
  const text = await readFile(list, "latin1").catch((cause) => {
    if (codeOf(cause) === "ENOENT") {
      return undefined;
    }
    throw cause;
  });
  if (text?.includes(lineOf(file))) {
    return;
  }
  const handle = await open(list, "a", 0o600);
  try {
    await handle.appendFile(lineOf(file));
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (text === undefined) {
    await syncFolder(dirname(list));
  }
}

/** Returns the bytes before a value: the header, and a line with the beginning of the SHA-256 of `name`, LF, and `value`. */
function headOf(name: string, value: Uint8Array): string {
  const hash = createHash("sha256").update(name).update("\n").update(value).digest("hex");
  return `${HEADER}${hash.slice(0, CHECKSUM)}\n`;
}

/** Creates a folder that only its owner can read, unless it exists. */
async function createFolder(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined) {
    await syncFolder(dirname(path));
  }
}

/** Writes a file that has either its old or its new content after a kill. */
async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  const handle = await open(unfinished, "wx", 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(unfinished, path);
  await syncFolder(dirname(path));
}
