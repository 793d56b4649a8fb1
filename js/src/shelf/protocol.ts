/** What a page and its shelf's worker say to each other. */

import type { Mark } from "../verify/marks.js";
import type { Doubts } from "./standing.js";
import type { Column, Found, Order, Query, SavedAs } from "./types.js";

/** What is answered once. */
export type Request =
  | { readonly type: "add"; readonly batch: Uint8Array<ArrayBuffer> }
  | { readonly type: "mark"; readonly marks: readonly Mark[] }
  | { readonly type: "settle" }
  | { readonly type: "rows"; readonly from: number; readonly to: number }
  | { readonly type: "values"; readonly column: Column | undefined; readonly text: string }
  | { readonly type: "rowOf"; readonly line: number }
  | { readonly type: "lineOf"; readonly index: number }
  | { readonly type: "indexes" }
  | { readonly type: "coverage" }
  | { readonly type: "save"; readonly as: SavedAs; readonly doubts: Doubts | undefined };

/** From the page. `id` is a number that no other request and no other question has. */
export type ToShelf =
  | { readonly id: number; readonly request: Request }
  | { readonly type: "ask"; readonly question: number; readonly query: Query; readonly order: Order }
  | { readonly type: "cancel"; readonly id: number };

/** From the worker. */
export type FromShelf =
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string }
  | { readonly type: "found"; readonly found: Found }
  | { readonly type: "saving"; readonly id: number; readonly events: number };

/** A port to the page: a worker's global scope, for one. */
export interface PagePort {
  postMessage(message: FromShelf, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToShelf>) => void) | null;
}
