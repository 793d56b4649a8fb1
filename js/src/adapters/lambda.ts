/** AWS Lambda. */

import { CountersignError } from "../error.js";
import type { Audit } from "../record/audit.js";
import type { RecorderOptions } from "../record/options.js";
import { createRecorder } from "../record/record.js";
import { RecorderHolder } from "./recorder-holder.js";

/** What is needed of Lambda's context. */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** How the adapter itself behaves. */
export interface LambdaOptions {
  /**
   * Whether an invocation fails where what it recorded could not be delivered. By default it answers, and `onError` is
   * told: the events wait in memory for the next invocation, and are lost where the environment has none.
   */
  required?: boolean | undefined;
  /** For how many milliseconds to try to deliver, at most as long as the invocation has. By default 5000. */
  patience?: number | undefined;
}

/** As long before an invocation's end its answer is given. */
const MARGIN = 500;

/**
 * Gives a handler a recorder as its last argument. An environment has one, made by its first invocation. What an
 * invocation records is delivered before it answers: then the environment is frozen, and nothing goes on.
 *
 *     export const handler = auditLambda(() => ({ key: process.env.AUDIT_KEY, to, log }), async (event, context, audit) => {
 *       audit.record({ action: "job.delete", target: { type: "job", id: event.id } });
 *     });
 */
export function auditLambda<Event, Context extends LambdaContext, Answer>(
  options: () => RecorderOptions | Promise<RecorderOptions>,
  handler: (event: Event, context: Context, audit: Audit) => Answer | Promise<Answer>,
  { required = false, patience = 5_000 }: LambdaOptions = {},
): (event: Event, context: Context) => Promise<Answer> {
  for (const [member, given] of Object.entries({ options, handler })) {
    if (typeof given !== "function") {
      throw new CountersignError("options.invalid", "no function", {
        member,
        hint: "auditLambda(() => ({ key, to, log }), async (event, context, audit) => { … })",
      });
    }
  }
  const holder = new RecorderHolder({
    create: createRecorder,
    options: async () => {
      const given = await options();
      // Timers stand still while an environment is frozen.
      return { ...given, flush: false, onFull: given.onFull ?? (required ? "throw" : "drop") };
    },
    shared: true,
    required,
  });
  const deliver = async (context: Context) => {
    if (holder.status().waiting === 0 && holder.status().dropped === 0) {
      return;
    }
    const left = Math.max(0, context.getRemainingTimeInMillis() - MARGIN);
    try {
      await holder.flush({ patience: Math.min(patience, left) });
    } catch (error) {
      if (required) {
        throw error;
      }
      holder.report(error);
    }
  };
  return async (event, context) => {
    if (required) {
      await holder.start();
    } else {
      await holder.start().catch((error) => holder.report(error));
    }
    let answer: Answer;
    try {
      answer = await handler(event, context, holder.with({ request: context.awsRequestId }));
    } catch (error) {
      // Why it failed says more than that nothing could be delivered.
      await deliver(context).catch((failure) => holder.report(failure));
      throw error;
    }
    await deliver(context);
    return answer;
  };
}
