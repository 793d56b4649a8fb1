/**
 * The entry `countersign/read`: verified events of a log server.
 *
 * @module
 */

export { CountersignError, type ErrorCode } from "./error.js";
export {
  type EventsOptions,
  type OpenLog,
  type OpenLogOptions,
  openLog,
  type Position,
  type VerifiedEvents,
} from "./read/log.js";
export type { Json, VerifiedEvent } from "./verify/batch.js";
