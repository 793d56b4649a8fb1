import type { EventIndex } from "@countersign/ui/index/types.js";
import type { PageTexts } from "../texts/en.ts";
import { alteredEvents, type Claims, readClaims } from "./claims.ts";
import type { Frame, Section } from "./frame.ts";

/** Altered events of the export behind an evidence file, which its answer can't count. */
export interface FiledClaims {
  /**
   * Source of the claims: this page searched the altered events in the file; the author of the file states the result,
   * because the file doesn't contain them; or only the report lists them, so that each may match.
   */
  readonly by: "page" | "author" | "report";
  readonly claims: readonly FiledClaim[];
  readonly altered: number;
  readonly unread: number;
}

/** An altered event that claims to match, with its line if the file contains it. */
export interface FiledClaim {
  readonly index: number;
  readonly line?: number;
}

/**
 * Returns the section that states which altered events of an export claim to match; none if no event is altered. Its data
 * is for readers that don't have the export.
 */
export function claimsSections(claims: Claims | undefined, t: PageTexts): readonly Section[] {
  if (claims === undefined) return [];
  const { ask, filed } = t.evidence;
  const { count } = t.viewer.figures;
  const { altered, unread } = claims;
  const entries = claims.claims.map(({ index }) => index);
  const blocks = [
    ...(entries.length === 0
      ? [{ text: filed.noClaims(altered - unread) }]
      : [{ text: ask.claims(entries.length) }, { list: entries.map((index) => ask.claim(count(index))) }]),
    ...(unread === 0 ? [] : [{ text: ask.unreadClaims(unread) }]),
  ];
  return [{ title: filed.claimsTitle, blocks, data: { altered_claims: { entries, unread } } }];
}

/** Returns the altered events behind an evidence file; undefined if there are none, or if it has no query. */
export async function filedClaims(
  frame: Frame,
  source: Blob,
  createIndex: () => EventIndex,
): Promise<FiledClaims | undefined> {
  const { query, slice, time, report, sections } = frame;
  const altered = report.finding_counts["payload.mismatch"] ?? 0;
  if (query === null || altered === 0) return undefined;
  const listed = alteredEvents(report).flatMap(({ index }) => (index === undefined ? [] : [{ index }]));
  const unknown: FiledClaims = { by: "report", claims: listed, altered, unread: 0 };
  if (slice !== null) return statedClaims(sections, altered) ?? unknown;
  const claims = await readClaims({ query, at: Date.parse(time), report, file: source }, createIndex).catch(
    () => undefined,
  );
  return claims === undefined ? unknown : { by: "page", ...claims };
}

/** Returns what the author states about altered events; undefined if that is nothing, or impossible. */
function statedClaims(sections: readonly Section[], altered: number): FiledClaims | undefined {
  for (const { data } of sections) {
    const { altered_claims: stated } = Object(data) as { readonly altered_claims?: unknown };
    const { entries, unread } = Object(stated) as Readonly<Record<string, unknown>>;
    if (!isCount(unread) || !Array.isArray(entries) || !entries.every(isCount)) continue;
    if (entries.length + unread > altered) continue;
    return { by: "author", claims: entries.map((index) => ({ index })), altered, unread };
  }
  return undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
