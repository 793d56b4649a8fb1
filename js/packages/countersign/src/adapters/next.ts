/** Next.js. */

import { refused } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import type { Audit } from "../record/audit.js";
import { createLazyRecorder, startRecorder } from "../record/lazy.js";
import type { RecorderOptions } from "../record/options.js";
import { type FetchOptions, noAddress, recorded } from "./fetch.js";
import { handled, recordingOf } from "./http-request.js";
import { Invocation, inIsolate, isWorker } from "./invocation.js";

/** What Next.js has for what is done when the answer is given: `after` of `next/server`. */
export type After = (work: Promise<unknown>) => unknown;

/** How the adapter itself behaves. */
export interface NextOptions {
  /** `after` of `next/server`. */
  after: After;
  /**
   * Whether a handler fails without a recorder. By default it goes on: what it records waits, and the next one tries
   * again; what there is no room for is dropped and counted.
   */
  required?: boolean | undefined;
  /** Has each request of a route handler recorded as `http.request`, and decided on where `gate` is given. */
  http?: FetchOptions<[]> | boolean | undefined;
}

/**
 * Gives route handlers and server actions a recorder as their last argument. A server has one, made at the first call,
 * and not when `next build` loads the module. What a call records is delivered after its answer, by way of `after`. A
 * route handler is always given two arguments, so that its third is the recorder; TypeScript wants it annotated.
 *
 *     export const audited = auditNext(() => ({ key: process.env.AUDIT_KEY, to, log }), { after });
 *
 *     export const DELETE = audited(async (request, { params }, audit: Audit) => { … });
 */
export function auditNext(options: () => RecorderOptions | Promise<RecorderOptions>, next: NextOptions) {
  if (typeof options !== "function") {
    throw refused(
      "options",
      "no function",
      "give () => ({ key, to, log }): they are read at the first call, not when this is built",
    );
  }
  if (typeof field(next, "after") !== "function") {
    throw refused("after", "no function", 'give { after } of "next/server"');
  }
  const { after, required = false, http } = ownOptions(next, ["after", "required", "http"]);
  if (field(http, "ip") === true) {
    throw noAddress('ip: (request) => request.headers.get("x-real-ip") ?? undefined, where your platform sets it');
  }
  const recording = recordingOf<Request>(http);
  const recorder = isWorker()
    ? createLazyRecorder({ read: async () => inIsolate(await options()), isShared: false, required })
    : createLazyRecorder({ read: async () => options(), isShared: true, required });
  return <Args extends unknown[], Answer>(handler: (...args: [...Args, Audit]) => Answer | Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      const invocation = new Invocation(recorder, { waitUntil: (work) => void after(work) });
      invocation.begin();
      try {
        await startRecorder(recorder, required);
        const [first] = args;
        const answer = (audit: Audit) => handler(...args, audit);
        if (!isRequest(first)) {
          return await answer(invocation);
        }
        if (recording === undefined) {
          return await handled(invocation, first, answer);
        }
        const asking = { waitUntil: (work: Promise<unknown>) => void after(work) };
        const answered = answer as unknown as (audit: Audit) => Response;
        return (await recorded(recording, invocation, first, () => undefined, answered, asking)) as Answer;
      } finally {
        invocation.end();
      }
    };
}

/** A server action is given something else. */
function isRequest(first: unknown): first is Request {
  return typeof first === "object" && first !== null && "headers" in first && typeof first.headers === "object";
}
