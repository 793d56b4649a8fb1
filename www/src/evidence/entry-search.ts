import type { EventIndex } from "@countersign/ui/index/types.js";

/**
 * Returns the entries of the events that a query selects, ascending, and the number of its rows. It becomes the current
 * query of the index. Relative times in it count from `at`, in milliseconds since 1970.
 */
export async function searchEntries(
  index: Pick<EventIndex, "ask" | "indexes">,
  query: string,
  at: number,
): Promise<{ readonly entries: Float64Array; readonly rows: number }> {
  const answer = await index.ask(query, { by: "place", descending: false }, () => {}, at);
  if ("code" in answer) throw new Error(answer.message);
  return { entries: await index.indexes(), rows: answer.rows };
}
