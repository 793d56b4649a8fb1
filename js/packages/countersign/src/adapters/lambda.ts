/** The adapter for AWS Lambda. */

import { CountersignError, must, mustBeMillis, refused } from "../error.js";
import { ownOptions } from "../known.js";
import { field } from "../own.js";
import type { Audit } from "../record/audit.js";
import { createLazyRecorder, startRecorder } from "../record/lazy.js";
import type { RecorderOptions } from "../record/options.js";
import { type HttpOptions, handled, type RefusedResponse, type RequestView, recordingOf } from "./http-request.js";
import { mustBeSame } from "./request-host.js";

/** The parts of Lambda's context that are used. */
export interface LambdaContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** Options of `auditLambda`. */
export interface LambdaOptions<Event = unknown> {
  /**
   * Makes an invocation fail if its events could not be delivered, or if the recorder can't use its outbox. By default, it succeeds and `onError` is called; the
   * events wait in memory for the environment's next invocation, and are lost if there is none.
   *
   * @default false
   * @example
   * ```ts
   * required: true
   * ```
   */
  required?: boolean | undefined;
  /**
   * Milliseconds to retry failed deliveries, limited by the invocation's remaining time.
   *
   * @default 5000
   * @example
   * ```ts
   * retryForMs: 2_000
   * ```
   */
  retryForMs?: number | undefined;
  /**
   * Records each request of API Gateway, function URLs, and load balancers as `http.request`, and applies `gate` if
   * given. Callbacks receive the event. A gate rejects other requests, such as those of WebSockets, with status 400.
   * Other events, such as messages of a queue, don't pass the gate.
   *
   * @default false
   * @example
   * ```ts
   * http: true
   * ```
   */
  http?: HttpOptions<Event> | boolean | undefined;
}

/** Milliseconds before an invocation's deadline at which it responds at the latest. */
const MARGIN_MS = 500;

/**
 * Passes a recorder to a handler as its last argument. An environment has one recorder, created by its first
 * invocation. Events are delivered before the invocation responds, because the environment is frozen afterwards.
 *
 * @example
 * ```ts
 * export const handler = auditLambda(() => ({ key: process.env.AUDIT_KEY, to, log }), async (event, context, audit) => {
 *   audit.record({ action: "job.delete", target: { type: "job", id: event.id } });
 * });
 * ```
 */
export function auditLambda<Event, Context extends LambdaContext, Answer>(
  options: () => RecorderOptions | Promise<RecorderOptions>,
  handler: (event: Event, context: Context, audit: Audit) => Answer | Promise<Answer>,
  settings: LambdaOptions<Event> = {},
): (event: Event, context: Context) => Promise<Answer> {
  for (const [member, given] of Object.entries({ options, handler })) {
    if (typeof given !== "function") {
      const hint = "call auditLambda(() => ({ key, to, log }), async (event, context, audit) => { … })";
      throw refused(member, `\`${member}\` must be a function`, hint);
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
    const left = Math.max(0, context.getRemainingTimeInMillis() - MARGIN_MS);
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
    const hint = "pass both of Lambda's arguments: handler(event, context)";
    must(
      typeof context?.getRemainingTimeInMillis === "function",
      "context",
      "`context` must be Lambda's context",
      hint,
    );
    await startRecorder(recorder, required);
    let answer: Answer;
    try {
      const { awsRequestId: id } = context;
      const view = requestOf(event) ?? (recording?.isGated && isRequest(event) ? UNJUDGED : undefined);
      answer = await handled(recorder, id, (audit) =>
        recording === undefined || view === undefined
          ? handler(event, context, audit)
          : recording.handle<Answer>(
              recorder,
              event,
              { ...view, id },
              {
                answer: (audit) => handler(event, context, audit),
                statusOf,
                refusal: (refused) => answerOf(refused) as Answer,
              },
            ),
      );
    } catch (error) {
      // The handler's error says more than a failed delivery.
      await deliver(context).catch((failure) => recorder.report(failure));
      throw error;
    }
    await deliver(context);
    return answer;
  };
}

/** The fields of request events that are used. */
interface RequestEvent {
  readonly httpMethod?: unknown;
  readonly path?: unknown;
  readonly rawPath?: unknown;
  readonly resource?: unknown;
  readonly routeKey?: unknown;
  readonly headers?: Readonly<Record<string, unknown>> | null;
  /** All values of each header. Load balancers send this instead of `headers`, if configured so. */
  readonly multiValueHeaders?: Readonly<Record<string, unknown>> | null;
  readonly requestContext?: {
    readonly http?: { readonly method?: unknown; readonly sourceIp?: unknown };
    readonly identity?: { readonly sourceIp?: unknown };
  };
}

/** Returns the request that an event represents; undefined if it isn't a request. */
export function requestOf(event: unknown): RequestView | undefined {
  if (typeof event !== "object" || event === null) {
    return undefined;
  }
  const { httpMethod, path, rawPath, resource, routeKey, headers, multiValueHeaders, requestContext } =
    event as RequestEvent;
  const method = text(requestContext?.http?.method) ?? text(httpMethod);
  const actual = text(rawPath) ?? text(path);
  if (method === undefined || actual === undefined) {
    return undefined;
  }
  const valuesOf = (name: string) => {
    const found = [multiValueHeaders, headers]
      .flatMap((all) => Object.entries(all ?? {}))
      .flatMap(([written, values]) => (written.toLowerCase() === name ? values : []));
    return [...new Set(found.flatMap((value) => text(value) ?? []))];
  };
  // Repeated headers are one list (RFC 9110, section 5.3).
  const header = (name: string) => text(valuesOf(name).join(", "));
  const [, template] = /^\S+ (\/.*)$/.exec(text(routeKey) ?? "") ?? [];
  return {
    method,
    template: () => text(resource) ?? template,
    path: () => actual,
    check: () => mustBeSame(valuesOf("host")),
    host: () => header("host"),
    ip: () => text(requestContext?.http?.sourceIp) ?? text(requestContext?.identity?.sourceIp),
    header,
  };
}

/** The view of a request that no gate can judge, such as a message of a WebSocket. */
const UNJUDGED: RequestView = {
  // The method and the path aren't known. A recorded request needs both.
  method: "*",
  path: () => "*",
  check: () => {
    throw new CountersignError("event.invalid", "the event isn't an HTTP request of a known kind", {
      hint: "invoke the function from API Gateway's REST or HTTP APIs, a function URL, or a load balancer",
    });
  },
  host: () => undefined,
  ip: () => undefined,
  header: () => undefined,
};

/** Names of fields of events that stand for requests: those of API Gateway, VPC Lattice, and agents of Bedrock. */
const REQUEST_FIELDS = [
  "requestContext",
  "httpMethod",
  "rawPath",
  "raw_path",
  "apiPath",
  "headers",
  "multiValueHeaders",
];

/** True if the event is one of a request, even of a kind that `requestOf` doesn't know. Others are jobs or messages. */
function isRequest(event: unknown): boolean {
  if (Array.isArray(event)) {
    // Requests of AppSync's batch resolvers.
    return event.some(isRequest);
  }
  const [first] = [field(event, "Records")].flat();
  return (
    REQUEST_FIELDS.some((name) => field(event, name) !== undefined) ||
    // AppSync's resolvers, and Lambda@Edge.
    field(field(event, "request"), "headers") !== undefined ||
    // S3 Object Lambda.
    field(event, "userRequest") !== undefined ||
    field(first, "cf") !== undefined
  );
}

/** Returns the status of a result. A result without one is a body, which Lambda sends with 200. */
export function statusOf(answer: unknown): number {
  const { statusCode } = (typeof answer === "object" && answer !== null ? answer : {}) as { statusCode?: unknown };
  const status = Number(statusCode);
  return Number.isInteger(status) ? status : 200;
}

/** Returns the result for a refused request. */
export function answerOf({ status, headers, body }: RefusedResponse) {
  return { statusCode: status, headers, body };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
