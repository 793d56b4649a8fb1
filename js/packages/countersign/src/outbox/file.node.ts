/** An outbox in a file, for Node.js, Deno, and Bun. */

import { CountersignError } from "../error.js";
import { AppendFile, createdFile } from "../files/append-file.node.js";
import { fileError, isFull, isUnwritable, pathOf } from "../files/files.node.js";
import { Groups } from "./groups.js";
import { Journal } from "./journal.node.js";
import type { Outbox } from "./outbox.js";
import { fileValues } from "./values.node.js";

/**
 * Stores undelivered events in a file, which survives a kill of the process and, if the disk syncs reliably, a power
 * loss. The file is created if needed, readable by its owner only, in an existing, writable folder.
 *
 * Only one program can use a file at a time. Give each of several processes its own path, and the same one after a
 * restart. Recorders of one program with the same options share the file.
 *
 * With the option `tenants`, a folder next to the file has the newest heads of tenants' logs: `FILE.values`, with a file
 * of about 3 kB for each tenant. Copy or move both together.
 *
 * A damaged file is renamed and kept, `onError` receives what could and could not be read, and the recorder continues
 * with the readable entries.
 */
export function fileOutbox(path: string | URL): Outbox {
  const absolute = pathOf(path, "outbox");
  let opened: ReturnType<typeof openOutbox> | undefined;
  let journal: Journal | undefined;
  return {
    key: `file:${absolute}`,
    values: fileValues(() => journal?.path),
    async open(report) {
      if (opened !== undefined) {
        throw inUse(absolute);
      }
      opened = openOutbox(absolute, report);
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
        throw outboxError(cause, absolute, "writing the outbox's file failed");
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

function outboxError(cause: unknown, path: string, what: string): CountersignError {
  return fileError(cause, path, what, isFull(cause) ? "outbox.full" : "outbox.failed");
}

const SERVERLESS =
  "on Vercel, AWS Lambda, and Netlify, omit `outbox`, and await delivered() for events that must not be lost: only /tmp is writable there, and it isn't kept";

async function openOutbox(path: string, report?: (problem: CountersignError) => void) {
  const failed = (what: string) => (cause: unknown) => {
    throw outboxError(cause, path, `the outbox's file could not be ${what}`);
  };
  const open = async () => {
    const file = await heldFile(path);
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

/** Creates the file if needed, and holds it. */
async function heldFile(path: string): Promise<AppendFile> {
  let file: AppendFile | undefined;
  try {
    file = await AppendFile.open(await createdFile(path));
  } catch (cause) {
    // Failures in reading the file are different: the outbox exists, and may contain events.
    throw isUnwritable(cause)
      ? fileError(cause, path, "the outbox's file could not be opened", "outbox.unavailable", SERVERLESS)
      : cause;
  }
  if (file === undefined) {
    throw inUse(path);
  }
  return file;
}

function inUse(path: string): CountersignError {
  return new CountersignError("outbox.in_use", `another recorder uses this outbox: ${path}`, {
    hint: "wait until the other process has ended, or give each process and each worker thread its own path; events wait in memory meanwhile",
  });
}
