import type { EventIndex } from "@countersign/ui/index/types.js";
import type { Finding, Report } from "countersign/verify";
import { linesOf, parseLine, type RawLine, statedFacts } from "../state/lines.ts";

/** Maximum number of altered events that are read. */
const MAX_READ = 200;

/** An altered event that claims to be one that was asked about. */
export interface Claim {
  readonly index: number;
  readonly line: number;
}

/** Altered events that claim to match a question. */
export interface Claims {
  readonly claims: readonly Claim[];
  /** Number of altered events in the file, whatever they claim. */
  readonly altered: number;
  /** Number of altered events that couldn't be read. */
  readonly unread: number;
}

/** Returns the altered events that the report lists. */
export function alteredEvents({ findings }: Report): readonly Finding[] {
  return findings.filter(({ code }) => code === "payload.mismatch");
}

/** A search to repeat among the altered events of a file. */
export interface ClaimSearch {
  readonly query: string;
  /** Time from which relative times in the query count, in milliseconds since 1970 [default: now]. */
  readonly at?: number;
  readonly report: Report;
  readonly file: Blob;
}

/**
 * Searches the altered events of a file, as far as they can be parsed, in an index of their own: they are never among the
 * verified ones. Undefined if the file has none. Rejects if they can't be searched.
 */
export async function readClaims(
  { query, at, report, file }: ClaimSearch,
  createIndex: () => EventIndex,
): Promise<Claims | undefined> {
  const altered = report.finding_counts["payload.mismatch"] ?? 0;
  if (altered === 0) return undefined;
  const listed = alteredEvents(report).slice(0, MAX_READ);
  // Some browsers can't decompress every file. Then no altered event can be read.
  const raw = await linesOf(
    file,
    listed.map(({ line }) => line),
  ).catch(() => new Map<number, RawLine>());
  const events = listed.flatMap(({ line, index = 0 }) => {
    const text = raw.get(line)?.text;
    const event = text === undefined ? undefined : parseLine(text)?.event;
    if (text === undefined || typeof event !== "object" || event === null) return [];
    return { line, index, time: statedFacts(text).time ?? "1970-01-01T00:00:00.000Z", event };
  });
  const unread = altered - events.length;
  if (events.length === 0) return { claims: [], altered, unread };
  const index = createIndex();
  try {
    await index.add(batchOf(events));
    await index.settle();
    const found = await index.ask(query, { by: "place", descending: false }, () => {}, at);
    // Without a search, nothing is known about what they claim.
    if ("code" in found) throw new Error(found.message);
    const entries = new Set(await index.indexes());
    const claims = events
      .filter(({ index }) => entries.has(index))
      .map(({ index, line }) => ({ index, line }));
    return { claims, altered, unread };
  } finally {
    index.close();
  }
}

interface AlteredEvent extends Claim {
  readonly time: string;
  readonly event: object;
}

/** Writes events as the verifier does, with a chain and a key that stand for none. */
function batchOf(events: readonly AlteredEvent[]): Uint8Array<ArrayBuffer> {
  const lines = events.map(({ line, index, time, event }) => {
    const place = { line, index, chain: "0".repeat(32), seq: index, time, authorized: false, vkey: "" };
    return `${JSON.stringify({ ...place, event })}\n`;
  });
  return new TextEncoder().encode(lines.join(""));
}
