import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Phrases } from "countersign/verify";

/** What the search selects, as far as that is known when something is printed. */
export interface Searched {
  /** Empty if all events are selected. */
  readonly query: string;
  /** `error` if the search is refused or fails: what it selects isn't known then. */
  readonly state: "ready" | "waiting" | "error";
  /** Why there is an error. */
  readonly why?: string | undefined;
  readonly phrases?: Phrases | undefined;
}

/** Returns what is printed of a selection: the query in the search box, whether or not it is applied. */
export function searchedOf(selection: Selection): Searched {
  const { state, boxQuery: query } = selection;
  if (state === "error") {
    const { message: why, phrases } = selection.refusal ?? {};
    return { query, state, why, phrases };
  }
  return { query, state: state === "ready" ? "ready" : "waiting" };
}
