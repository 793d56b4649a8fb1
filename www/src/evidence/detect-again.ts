import { CountersignError } from "@countersign/shared/error.js";
import type { DetectInExport } from "@countersign/ui/slice/types.js";
import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";

/** Returns a function that runs rules over the export of an evidence file again, apart from what the page shows. */
export function detectAgain(tools: Tools, signal?: AbortSignal): DetectInExport {
  return async (source, { rules, scope, trust, pins }) => {
    const { analysis } = tools;
    if (analysis === undefined) throw new Error("this page can't run detection rules");
    const ranged = { ...tools, analysis: (pack: string) => analysis(pack, scope) };
    const session = new Session(source, { trust, pins, rules: async () => rules }, ranged);
    const stop = () => session.close();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      signal?.throwIfAborted();
      await session.ended;
      const { detection } = session;
      if (session.phase !== "done" || detection === undefined)
        throw new Error("the export of the evidence file can't be read again");
      await finished(detection, signal);
      const { answers, failure } = detection;
      if (failure !== undefined)
        throw new CountersignError("evidence.invalid", failure.message, { hint: failure.hint });
      if (answers === undefined) throw new Error("the rules of the evidence file can't be run");
      return (await answers.filed()).detections;
    } finally {
      signal?.removeEventListener("abort", stop);
      session.close();
    }
  };
}

/** Resolves when the rules have examined all events, or have failed. Rejects if the signal aborts. */
function finished(detection: Detection, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    const check = () => {
      if (!detection.isFinal && detection.failure === undefined) return;
      detection.removeEventListener("change", check);
      resolve();
    };
    detection.addEventListener("change", check);
    check();
  });
}
