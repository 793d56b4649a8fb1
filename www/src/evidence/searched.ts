import type { Viewer } from "@countersign/viewer/viewer.js";

/** What the search of the page's viewer selects, as far as that is known. */
export interface Searched {
  /** Empty if all events are selected. */
  readonly query: string;
  /** `error` if the search is refused or fails: what it selects isn't known then. */
  readonly state: "ready" | "waiting" | "error";
  /** Why there is an error. */
  readonly why?: string | undefined;
}

/** The events by which a viewer says that the search, or the answer to it, is another. */
export const SEARCH_EVENTS = ["countersign-query", "countersign-answer"] as const;

/** Returns what is selected now. Whatever is printed goes by this alone. */
export function searchedOf(viewer: Viewer | undefined): Searched {
  if (viewer === undefined) return { query: "", state: "waiting" };
  const { query, isBusy, problem } = viewer.searched;
  return { query, state: problem === undefined ? (isBusy ? "waiting" : "ready") : "error", why: problem };
}
