/** What TypeScript must know of the package: compiled against the tarball, never run. */

import { type AuditEvent, CountersignError, createRecorder, type ErrorCode, memory, type Recorder } from "countersign";
import { recording } from "countersign/slim";
import { type FindingCode, type Report, verify } from "countersign/verify";

const recorder: Recorder = createRecorder({ key: "", origin: "", to: memory() });
recorder.record({ action: "job.delete", actor: { id: "u", type: "agent" }, occurred_at: new Date() });
recorder.record({ action: "anything.else", metadata: { any: [1, { thing: null }] } });
recorder.recordJson("{}");

// @ts-expect-error: an event needs its action
recorder.record({ actor: { id: "u" } });
// @ts-expect-error: an actor needs its id
recorder.record({ action: "a.b", actor: { name: "Ada" } });
// @ts-expect-error: there is no such outcome
recorder.record({ action: "a.b", outcome: "ok" } satisfies AuditEvent);
// @ts-expect-error: there is no such member
recorder.record({ action: "a.b", user: "u" });
// @ts-expect-error: nothing takes the lines
createRecorder({ key: "", origin: "" });

createRecorder({ key: { vkey: "", sign: async (bytes) => bytes }, origin: "", to: (chunk) => chunk.length });
recording(() => WebAssembly.compile(new Uint8Array())).createRecorder satisfies typeof createRecorder;

// The unions are closed: every code has to be dealt with here, and no other can be named.
export const severity = (report: Report): string => {
  switch (report.verdict) {
    case "altered":
    case "broken":
    case "not_checked":
    case "untrusted":
    case "partial":
      return "no";
    case "verified":
      return report.complete.by;
  }
};
// @ts-expect-error: there is no such finding
export const finding: FindingCode = "chain.unknown";
// @ts-expect-error: there is no such code
export const code: ErrorCode = "anything";

const { report, pin } = await verify(new Uint8Array(), { trust: "" });
export const shown: [string, string | null] = [report.verdict, pin];
export const hint = (error: unknown): string | undefined =>
  error instanceof CountersignError ? error.hint : undefined;
