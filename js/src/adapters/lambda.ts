/** AWS Lambda. */

import { CountersignError } from "../error.js";
import type { Audit } from "../record/audit.js";
import type { RecorderOptions } from "../record/options.js";
import { createRecorder } from "../record/record.js";
import { type HttpOptions, HttpRecording } from "./http-request.js";
import { answerOf, requestOf, statusOf } from "./lambda-request.js";
import { RecorderHolder } from "./recorder-holder.js";

/** What is needed of Lambda's context. */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** How the adapter itself behaves. */
export interface LambdaOptions<Event = unknown> {
  /**
   * Whether an invocation fails where what it recorded could not be delivered. By default it answers, and `onError` is
   * told: the events wait in memory for the next invocation, and are lost where the environment has none.
   */
  required?: boolean | undefined;
  /** For how many milliseconds to try to deliver, at most as long as the invocation has. By default 5000. */
  patience?: number | undefined;
  /**
   * Has each request recorded as `http.request`, and decided on where `gate` is given: those of API Gateway, of function
   * URLs and of load balancers. The callbacks are called with the event.
   */
  http?: HttpOptions<Event> | true | undefined;
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
  { required = false, patience = 5_000, http }: LambdaOptions<Event> = {},
): (event: Event, context: Context) => Promise<Answer> {
  for (const [member, given] of Object.entries({ options, handler })) {
    if (typeof given !== "function") {
      throw new CountersignError("options.invalid", "no function", {
        member,
        hint: "auditLambda(() => ({ key, to, log }), async (event, context, audit) => { … })",
      });
    }
  }
  const recording = http === undefined ? undefined : new HttpRecording<Event>(http === true ? {} : http);
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
      const audit = holder.with({ request: context.awsRequestId });
      answer = await recorded(recording, holder, event, () => handler(event, context, audit));
    } catch (error) {
      // Why it failed says more than that nothing could be delivered.
      await deliver(context).catch((failure) => holder.report(failure));
      throw error;
    }
    await deliver(context);
    return answer;
  };
}

/** Records a request when its answer is there, or refuses it. */
async function recorded<Event, Answer>(
  recording: HttpRecording<Event> | undefined,
  audit: Audit,
  event: Event,
  answer: () => Answer | Promise<Answer>,
): Promise<Answer> {
  const asked = recording && requestOf(event);
  if (recording === undefined || asked === undefined) {
    return answer();
  }
  const done = recording.begin();
  const refused = await recording.refuse(event, asked);
  if (refused !== undefined) {
    done(audit, event, { ...asked, ...refused });
    return answerOf(refused) as Answer;
  }
  let given: Answer;
  try {
    given = await answer();
  } catch (error) {
    done(audit, event, { ...asked, status: 500, reason: "the handler threw" });
    throw error;
  }
  done(audit, event, { ...asked, status: statusOf(given) });
  return given;
}
