import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Phrases } from "countersign/verify";

/** The search as printed, with the details known at that time. */
export interface PrintedSearch {
  /** Empty if all events are selected. */
  readonly query: string;
  /** `error` if the search is invalid or failed, so that its events aren't known. */
  readonly state: "ready" | "waiting" | "error";
  /** Numbers of events selected and searched, once known. */
  readonly counts?: { readonly events: number; readonly of: number } | undefined;
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
  if (state !== "ready") return { query, state: "waiting" };
  const { events, of } = selection;
  return { query, state, counts: { events, of } };
}
