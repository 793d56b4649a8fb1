/** What the tabs Inventory and Exposure are made by: it is unpacked with the first of them that is opened. */

import * as inlined from "virtual:overview";
import { createOverview } from "@countersign/ui/overview/create-overview.js";
import type { Endpoints, Overview } from "@countersign/ui/overview/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { once, starter } from "../src/tools.ts";

export async function overview(): Promise<Overview> {
  return createOverview({ module: once(inlined.overviewModule), worker: await starter(inlined.overview) });
}

/** Takes the events of the segments that came since, and tells how many of these are known now. */
export async function taken(session: Session, endpoints: Endpoints, known: number): Promise<number> {
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

/** A text that somebody brought. */
export interface Brought {
  readonly name: string;
  readonly text: string;
}

/** More is no scenario and no description. */
const LONGEST = 32 << 20;

/** Reads files that somebody chose. What is too long or no text is left out, by its name. */
export async function bring(files: readonly File[]): Promise<{ brought: Brought[]; refused: string[] }> {
  const brought: Brought[] = [];
  const refused: string[] = [];
  for (const file of files) {
    try {
      if (file.size > LONGEST) throw new RangeError("too long");
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      brought.push({ name: file.name, text });
    } catch {
      refused.push(file.name);
    }
  }
  return { brought, refused };
}
