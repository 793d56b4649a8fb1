/** What Lambda's events tell of a request: of API Gateway's two versions, of function URLs, and of load balancers. */

import type { Asked, Refused } from "./http-request.js";

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
    template: text(resource) ?? template,
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
