/** Queries that find the events behind a row of a table (docs/query.md). */

import type { Endpoint } from "@countersign/ui/overview/types.js";
import { quote } from "../src/evidence/question.ts";

/** The destination of a press on a row. */
export interface EventLink {
  readonly query: string;
  /** An entry to show if the query is invalid. */
  readonly entry?: number | undefined;
}

/** The fields in which a source records the method and the path of a request. */
interface RequestFields {
  /** Undefined if the source has more verbs than methods. */
  readonly method?: string;
  readonly path: string;
  /** True if the path may be followed by a query. */
  readonly hasQuery?: boolean;
}

const OWN_REQUEST: RequestFields = { method: "http.method", path: "http.path" };
const REQUESTS: Readonly<Record<string, RequestFields>> = {
  ECS: { method: "http.request.method", path: "url.path" },
  OCSF: { method: "http_request.http_method", path: "http_request.url.path" },
  Kubernetes: { path: "requestURI", hasQuery: true },
};
/** The method of a request whose method the inventory doesn't distinguish. */
const OTHER_METHOD = "OTHER";

/** The fields in which sources name the service of an operation. */
const SERVICES: Readonly<Record<string, string>> = {
  CloudTrail: "eventSource",
  "Google Cloud": "protoPayload.serviceName",
};

/** The fields in which sources record a session. */
const SESSIONS: Readonly<Record<string, string>> = {
  countersign: "actor.session",
  Okta: "authenticationContext.externalSessionId",
  Slack: "context.session_id",
};

/** Returns the query for the events of an actor, whose id may have its type before it. */
export function actorQuery(id: string): string {
  return `actor:${quote(id)}`;
}

/** Returns the query for the events that a key signed. */
export function signerQuery(name: string): string {
  return `signer:${quote(name)}`;
}

/** Returns the query for a session's events. Without a parser's name, it asks all fields that contain sessions. */
export function sessionQuery(id: string, parser: string | undefined): string {
  const field = parser === undefined ? undefined : SESSIONS[parser];
  const fields = field === undefined ? Object.values(SESSIONS) : [field];
  return fields.map((field) => `${field}==${quote(id)}`).join(" OR ");
}

/** Returns the query for the calls of an endpoint. */
export function endpointQuery(
  { method, path, service, operation }: Pick<Endpoint, "method" | "path" | "service" | "operation">,
  parser: string | undefined,
): string {
  if (method === undefined || path === undefined) {
    const field = parser === undefined ? undefined : SERVICES[parser];
    const isParser = service !== undefined && service === parser;
    const of =
      service === undefined || (field === undefined && !isParser)
        ? ""
        : `${isParser ? "as" : field}:${quote(service)} `;
    return `${of}action:${quote(operation ?? "")}`;
  }
  const fields = (parser === undefined ? undefined : REQUESTS[parser]) ?? OWN_REQUEST;
  const hasMethod = fields.method !== undefined && method !== OTHER_METHOD;
  return [...(hasMethod ? [`${fields.method}:${quote(method)}`] : []), ...pathConditions(fields, path)].join(
    " ",
  );
}

/** A parameter in a template, such as `{number}`. */
const PARAMETER = /\{[^{}]*\}/g;
/** Characters of a path that a value with stars can't contain, because it has no quotes. */
const UNQUOTABLE = /[^\p{L}\p{N}._~/*-]/gu;

/** Returns the conditions for the paths of a template: a parameter is one segment, but a star also matches slashes. */
function pathConditions({ path: field, hasQuery = false }: RequestFields, path: string): readonly string[] {
  if (!path.includes("{") && !hasQuery) return [`${field}:${quote(path)}`];
  const pattern = path.replace(PARAMETER, "*").replace(UNQUOTABLE, "*") + (hasQuery ? "*" : "");
  const stars = [...pattern.matchAll(/\*/g)].map(({ index }) => index);
  const longer = stars.map((at) => `${pattern.slice(0, at)}*/*${pattern.slice(at + 1)}`);
  return [`${field}:${pattern}`, ...longer.map((pattern) => `-${field}:${pattern}`)];
}

/** Returns the fragment of a viewer with this search. `prefix` precedes the names of the viewer's state. */
export function searchFragment(fragment: string, prefix: string, query: string): string {
  const params = new URLSearchParams(fragment.replace(/^#/, ""));
  for (const name of ["filter", "line"]) params.delete(prefix + name);
  params.set(`${prefix}q`, query);
  return `#${params}`;
}
