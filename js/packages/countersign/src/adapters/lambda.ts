/** AWS Lambda. */

import { must, mustBeMillis, refused } from "../error.js";
import { ownOptions } from "../known.js";
import type { Audit } from "../record/audit.js";
import { createLazyRecorder, startRecorder } from "../record/lazy.js";
import type { RecorderOptions } from "../record/options.js";
import { type Asked, type HttpOptions, handled, type Refused, recordingOf } from "./http-request.js";

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
  /** Milliseconds for which failed deliveries are retried, at most as long as the invocation has. Default: 5000. */
  retryForMs?: number | undefined;
  /**
   * Has each request recorded as `http.request`, and decided on where `gate` is given: those of API Gateway, of function
   * URLs and of load balancers. The callbacks are called with the event.
   */
  http?: HttpOptions<Event> | boolean | undefined;
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
  settings: LambdaOptions<Event> = {},
): (event: Event, context: Context) => Promise<Answer> {
  for (const [member, given] of Object.entries({ options, handler })) {
    if (typeof given !== "function") {
      const hint = "auditLambda(() => ({ key, to, log }), async (event, context, audit) => { … })";
      throw refused(member, "no function", hint);
    }
  }
  const { required = false, retryForMs = 5_000, http } = ownOptions(settings, ["required", "retryForMs", "http"]);
  mustBeMillis(retryForMs, "retryForMs");
  const recording = recordingOf<Event>(http);
  const recorder = createLazyRecorder({
    // Timers stand still while an environment is frozen.
    read: async () => ({ ...(await options()), autoFlush: false }),
    isShared: true,
    required,
  });
  const deliver = async (context: Context) => {
    if (recorder.waiting === 0 && recorder.status().dropped === 0) {
      return;
    }
    const left = Math.max(0, context.getRemainingTimeInMillis() - MARGIN);
    try {
      await recorder.flush({ retryForMs: Math.min(retryForMs, left) });
    } catch (error) {
      if (required) {
        throw error;
      }
      recorder.report(error);
    }
  };
  return async (event, context) => {
    const hint = "hand on what Lambda gives: handler(event, context)";
    must(typeof context?.getRemainingTimeInMillis === "function", "context", "no context of Lambda's", hint);
    await startRecorder(recorder, required);
    let answer: Answer;
    try {
      const { awsRequestId: id } = context;
      const asked = requestOf(event);
      answer = await handled(recorder, id, (audit) =>
        recording === undefined || asked === undefined
          ? handler(event, context, audit)
          : recording.answered<Answer>(
              recorder,
              event,
              { ...asked, id },
              {
                answer: (audit) => handler(event, context, audit),
                statusOf,
                refusal: (refused) => answerOf(refused) as Answer,
              },
            ),
      );
    } catch (error) {
      // Why it failed says more than that nothing could be delivered.
      await deliver(context).catch((failure) => recorder.report(failure));
      throw error;
    }
    await deliver(context);
    return answer;
  };
}

/** What there is of them. */
interface RequestEvent {
  readonly httpMethod?: unknown;
  readonly path?: unknown;
  readonly rawPath?: unknown;
  readonly resource?: unknown;
  readonly routeKey?: unknown;
  readonly headers?: Readonly<Record<string, unknown>> | null;
  readonly requestContext?: {
    readonly http?: { readonly method?: unknown; readonly sourceIp?: unknown };
    readonly identity?: { readonly sourceIp?: unknown };
  };
}

/** The request that an event is of; nothing where it is of none. */
export function requestOf(event: unknown): Asked | undefined {
  if (typeof event !== "object" || event === null) {
    return undefined;
  }
  const { httpMethod, path, rawPath, resource, routeKey, headers, requestContext } = event as RequestEvent;
  const method = text(requestContext?.http?.method) ?? text(httpMethod);
  const actual = text(rawPath) ?? text(path);
  if (method === undefined || actual === undefined) {
    return undefined;
  }
  const header = (name: string) => {
    const found = Object.entries(headers ?? {}).find(([written]) => written.toLowerCase() === name);
    return text(found?.[1]);
  };
  const [, template] = /^\S+ (\/.*)$/.exec(text(routeKey) ?? "") ?? [];
  return {
    method,
    template: () => text(resource) ?? template,
    path: () => actual,
    host: () => header("host"),
    ip: () => text(requestContext?.http?.sourceIp) ?? text(requestContext?.identity?.sourceIp),
    header,
  };
}

/** The status of an answer: one without is a body, and was answered with 200. */
export function statusOf(answer: unknown): number {
  const { statusCode } = (typeof answer === "object" && answer !== null ? answer : {}) as { statusCode?: unknown };
  const status = Number(statusCode);
  return Number.isInteger(status) ? status : 200;
}

/** What is answered to a request that was refused. */
export function answerOf({ status, headers, body }: Refused) {
  return { statusCode: status, headers, body };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
