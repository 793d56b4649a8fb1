/**
 * The entry `countersign`: everything that works in every runtime without a framework.
 *
 * @module
 */

export { auditFetch, type FetchHandler, type FetchOptions } from "./adapters/fetch.js";
export type { HttpOptions } from "./adapters/http-request.js";
export { defineEvents, type EventsOf, type Schema, type Schemas } from "./catalog/define.js";
export { type Changed, change } from "./change/change.js";
export {
  type AsyncContextOptions,
  type AsyncStorage,
  type AsyncStorageClass,
  asyncContext,
} from "./context/context.js";
export { type ManyOptions, type ManyProgress, recordMany } from "./many/many.js";
export * from "./record/record.js";
