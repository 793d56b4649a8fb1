/** An outbox in a file, for Node, Deno and Bun. */

import { open, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { CountersignError } from "../error.js";
import { fileError, pathOf, syncFolder } from "../files/files.node.js";
import { hold, type Release } from "../files/hold.node.js";
import { Groups } from "./groups.js";
import { Journal } from "./journal.node.js";
import type { Change, Entry, Outbox } from "./outbox.js";

/**
 * Keeps what is not yet delivered in a file, which survives a kill of the process and, as far as the disk keeps its
 * word, a loss of power. The file is created where there is none, readable by its owner alone; its folder has to be
 * there, and be writable.
 *
 * One recorder at a time has it. For several processes give each a path of its own, which it finds again when it
 * comes back.
 */
export function fileOutbox(path: string | URL): Outbox {
  return new FileOutbox(pathOf(path, "outbox"));
}

class FileOutbox implements Outbox {
  readonly #path: string;
  #held: Promise<Held> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<readonly Entry[]> {
    if (this.#held !== undefined) {
      throw inUse(this.#path);
    }
    this.#held = take(this.#path);
    this.#held.catch(() => {
      this.#held = undefined;
    });
    const { journal } = await this.#held;
    return journal.entries();
  }

  async write(change: Change): Promise<void> {
    const held = this.#held;
    if (held === undefined) {
      throw new CountersignError("outbox.failed", `the outbox is not open: ${this.#path}`, { hint: "open it first" });
    }
    const { groups } = await held;
    await groups.write(change);
  }

  async close(): Promise<void> {
    const opened = this.#held;
    this.#held = undefined;
    if (opened === undefined) {
      return;
    }
    const held = await opened;
    await held.groups.idle();
    await held.journal.close();
    await held.release();
    all.delete(held);
  }
}

/** All that are held, so that none is collected, and its file closed, while its path is held. */
const all = new Set<Held>();

interface Held {
  journal: Journal;
  groups: Groups;
  release: Release;
}

async function take(given: string): Promise<Held> {
  const [path, release] = await holdFile(given).catch((cause) => {
    throw fileError(cause, given, "the outbox's file could not be opened", "outbox");
  });
  if (release === undefined) {
    throw inUse(given);
  }
  try {
    const journal = await Journal.open(path);
    const held = { journal, groups: new Groups((change) => journal.write(change)), release };
    all.add(held);
    return held;
  } catch (error) {
    await release();
    throw error;
  }
}

/** Holds the file that a path leads to, by whatever way. */
async function holdFile(given: string): Promise<[path: string, Release | undefined]> {
  const handle = await open(given, "a", 0o600);
  await handle.close();
  const path = await realpath(given);
  await syncFolder(dirname(path));
  return [path, await hold(path)];
}

function inUse(path: string): CountersignError {
  return new CountersignError("outbox.in_use", `another recorder has this outbox: ${path}`, {
    hint: "close it, wait until its process has ended, or give each process a path of its own",
  });
}
