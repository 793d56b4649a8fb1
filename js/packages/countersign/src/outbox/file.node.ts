/** An outbox in a file, for Node, Deno and Bun. */

import { CountersignError } from "../error.js";
import { AppendFile, createdFile } from "../files/append-file.node.js";
import { fileError, pathOf } from "../files/files.node.js";
import { Groups } from "./groups.js";
import { Journal } from "./journal.node.js";
import type { Outbox } from "./outbox.js";

/**
 * Keeps what is not yet delivered in a file, which survives a kill of the process and, as far as the disk keeps its
 * word, a loss of power. The file is created where there is none, readable by its owner alone; its folder has to be
 * there, and be writable.
 *
 * A file that was damaged is set aside, `onError` is told what could be read of it and what not, and the recorder goes on
 * with what could.
 *
 * One recorder at a time has it. For several processes give each a path of its own, which it finds again when it
 * comes back.
 */
export function fileOutbox(path: string | URL): Outbox {
  const absolute = pathOf(path, "outbox");
  let opened: ReturnType<typeof openedAt> | undefined;
  let journal: Journal | undefined;
  return {
    key: `file:${absolute}`,
    async open(report) {
      if (opened !== undefined) {
        throw inUse(absolute);
      }
      opened = openedAt(absolute, report);
      opened.catch(() => {
        opened = undefined;
      });
      ({ journal } = await opened);
      return journal.entries();
    },
    async write(change) {
      if (opened === undefined) {
        throw new CountersignError("outbox.failed", `the outbox is not open: ${absolute}`, { hint: "open it first" });
      }
      const { groups } = await opened;
      await groups.write(change);
    },
    writeNow(change) {
      if (journal === undefined) {
        throw new CountersignError("outbox.failed", `the outbox is not open: ${absolute}`, { hint: "open it first" });
      }
      try {
        journal.writeNow(change);
      } catch (cause) {
        throw fileError(cause, absolute, "the outbox's file could not be written", "outbox");
      }
    },
    async close() {
      const closing = opened;
      opened = undefined;
      journal = undefined;
      if (closing !== undefined) {
        const { groups, file } = await closing;
        await groups.idle();
        await file.close();
      }
    },
  };
}

async function openedAt(path: string, report?: (problem: CountersignError) => void) {
  const failed = (what: string) => (cause: unknown) => {
    throw fileError(cause, path, `the outbox's file could not be ${what}`, "outbox");
  };
  const open = async () => {
    const file = await AppendFile.open(await createdFile(path));
    if (file === undefined) {
      throw inUse(path);
    }
    try {
      const journal = await Journal.open(file, report);
      const groups = new Groups((change) => journal.write(change).catch(failed("written")));
      return { file, journal, groups };
    } catch (error) {
      await file.close();
      throw error;
    }
  };
  return open().catch(failed("opened"));
}

function inUse(path: string): CountersignError {
  return new CountersignError("outbox.in_use", `another recorder has this outbox: ${path}`, {
    hint: "close it, wait until its process has ended, or give each process a path of its own",
  });
}
