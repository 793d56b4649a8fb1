import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Phrases } from "countersign/verify";

/** The search as printed, with the details known at that time. */
export interface PrintedSearch {
  /** Empty if all events are selected. */
  readonly query: string;
  /** `error` if the search is invalid or failed, so that its events aren't known. */
  readonly state: "ready" | "waiting" | "error";
  /** Message of the error. */
  readonly why?: string | undefined;
  readonly phrases?: Phrases | undefined;
}

/** Returns how a selection is printed: with the query in the search box, whether or not it is applied. */
export function searchedOf(selection: Selection): PrintedSearch {
  const { state, boxQuery: query } = selection;
  if (state === "error") {
    const { message: why, phrases } = selection.refusal ?? {};
    return { query, state, why, phrases };
  }
  return { query, state: state === "ready" ? "ready" : "waiting" };
}
