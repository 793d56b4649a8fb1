/**
 * The phase of a session:
 *
 * - `verifying`: being read, with an end;
 * - `indexing`: verified, and there is a report; its events are still being added to the index;
 * - `live`: being read, without an end;
 * - `done`: there is a report of everything read; for a live source, up to where it was stopped;
 * - `canceled`, `failed`: not read to the end, so there is no result.
 */
export type Phase = "verifying" | "indexing" | "live" | "done" | "canceled" | "failed";
