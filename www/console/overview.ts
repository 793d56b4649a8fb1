/** The worker of the tabs "Inventory" and "Exposure", unpacked when the first of them is opened. */

import * as inlined from "virtual:overview";
import { createOverview } from "@countersign/ui/overview/create-overview.js";
import type { Endpoints, Overview } from "@countersign/ui/overview/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { once, starter } from "../src/tools.ts";

export async function overview(): Promise<Overview> {
  return createOverview({ module: once(inlined.overviewModule), worker: await starter(inlined.overview) });
}

/** Adds the events of new segments, and resolves to the number of segments added so far. */
export async function addNewEvents(session: Session, endpoints: Endpoints, known: number): Promise<number> {
  let segment = known;
  for (
    let lines = await session.index.lines(segment);
    lines !== undefined;
    lines = await session.index.lines(segment)
  ) {
    for (const part of lines) {
      await endpoints.add(part);
    }
    segment += 1;
  }
  return segment;
}

/** A text file that the reader chose. */
export interface LoadedFile {
  readonly name: string;
  readonly text: string;
}

/** Maximum size of a scenario or description, in bytes. */
const MAX_FILE_BYTES = 32 << 20;

/** Loads chosen files. Returns the names of those that are too long or not text separately. */
export async function loadFiles(
  files: readonly File[],
): Promise<{ loaded: LoadedFile[]; refused: string[] }> {
  const loaded: LoadedFile[] = [];
  const refused: string[] = [];
  for (const file of files) {
    try {
      if (file.size > MAX_FILE_BYTES) throw new RangeError("the file is too large");
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      loaded.push({ name: file.name, text });
    } catch {
      refused.push(file.name);
    }
  }
  return { loaded, refused };
}
