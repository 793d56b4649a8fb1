/**
 * The entry `countersign/testing`: recorders for testing code that records events.
 *
 * @module
 */

export type { Recorder } from "./record/recorder.js";
export { type AuditMatchers, assertRecorded, matchers } from "./testing/matchers.js";
export {
  createTestRecorder,
  type RecordedEvent,
  type TestClock,
  type TestRecorder,
  type TestRecorderOptions,
} from "./testing/recorder.js";
