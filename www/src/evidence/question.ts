import type { EventIndex } from "@countersign/ui/index/types.js";

/** Time that a question is about: the time that events state, or the time of recording that their signer signed. */
export type TimeBasis = "happened" | "recorded";

/** An auditor's question about events. */
export interface Question {
  readonly who: string;
  /** Names of actions, separated by commas. */
  readonly actions: string;
  readonly target: string;
  /** First and last day, such as `2026-11-20`, both included, in UTC. */
  readonly from: string;
  readonly until: string;
  readonly basis: TimeBasis;
}

const NOTHING: Question = { who: "", actions: "", target: "", from: "", until: "", basis: "happened" };

/** Returns the query for a question (docs/query.md); empty if the question has no condition. */
export function queryOf({ who, actions, target, from, until, basis }: Question): string {
  const [since, time] = basis === "happened" ? ["since", "time"] : ["recorded-since", "recorded"];
  const chosen = namesOf(actions);
  return [
    who.trim() === "" ? "" : `actor:${quoted(who.trim())}`,
    from === "" ? "" : `${since}:${from}`,
    until === "" ? "" : `${time}:*..${until}`,
    chosen.length === 0 ? "" : `action:${chosen.map(starred).join(",")}`,
    target.trim() === "" ? "" : `target:${quoted(target.trim())}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** A name in a question that no event has, which may be why nothing was found. */
export interface UnknownName {
  readonly part: "who" | "actions" | "target";
  readonly name: string;
}

/** Returns the names in a question that no event has. */
export async function unknownNames(
  { who, actions, target }: Question,
  index: Pick<EventIndex, "count">,
): Promise<readonly UnknownName[]> {
  const named = [
    { part: "who", name: who.trim() },
    ...namesOf(actions).map((name) => ({ part: "actions", name }) as const),
    { part: "target", name: target.trim() },
  ] as const;
  const asked = named.filter(({ name }) => name !== "");
  const counts = await Promise.all(
    asked.map((one) => index.count(queryOf({ ...NOTHING, [one.part]: one.name }))),
  );
  return asked.filter((_, nth) => counts[nth] === 0);
}

/** Returns the names of a list separated by commas. */
export function namesOf(list: string): readonly string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/** Quotes a string, so that a query contains it as it is. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\*]/g, "\\$&")}"`;
}

/** Quotes a string unless it contains a wildcard, which must not be quoted. */
function starred(text: string): string {
  return /^[\p{L}\p{N}._*-]+$/u.test(text) && !text.startsWith("-") ? text : quoted(text);
}
