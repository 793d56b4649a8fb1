/** Recorders for tests of what records. */

export type { Recorder } from "./record/recorder.js";
export { type AuditMatchers, assertRecorded, matchers } from "./testing/matchers.js";
export {
  createTestRecorder,
  type RecordedEvent,
  type TestClock,
  type TestRecorder,
  type TestRecorderOptions,
} from "./testing/recorder.js";
