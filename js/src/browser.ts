/** What only browsers have: their storage. */

export { type IndexedDbOutboxOptions, indexedDbOutbox } from "./outbox/indexeddb.js";
export type { Outbox } from "./outbox/outbox.js";
