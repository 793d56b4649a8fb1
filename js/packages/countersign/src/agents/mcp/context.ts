/** The parts of MCP's messages and contexts that are used, in both generations of the TypeScript SDK. */

import { field } from "../../own.js";
import type { AgentCall, CallEnd, CallOrigin } from "../call.js";
import { reasonOf } from "../call.js";
import { delegation } from "../delegation.js";

/** A verified access token, as the SDK passes it to handlers. */
export interface McpAuthInfo {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Claims of the token: `sub`, `act`, and `jti` are read. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** The SDK's context of a request: `extra` of `@modelcontextprotocol/sdk`, `ctx` of `@modelcontextprotocol/server`. */
export interface McpContext {
  readonly sessionId?: string | undefined;
  readonly authInfo?: McpAuthInfo | undefined;
  readonly http?: { readonly authInfo?: McpAuthInfo | undefined } | undefined;
}

/** A name and a version that a client or server states about itself. */
export interface McpImplementation {
  readonly name: string;
  readonly version: string;
}

/** The request that a context belongs to. */
export interface RequestContext {
  readonly id: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** The envelope of protocol revisions without sessions, whose requests carry the client's name and capabilities. */
  readonly envelope: object | undefined;
  readonly inputResponses: unknown;
  readonly elicitInput: unknown;
}

/** Returns the request of a context. */
export function requestOf(context: unknown): RequestContext {
  const request = field(context, "mcpReq");
  const read = (name: string) => field(request ?? context, name);
  const id = read("id") ?? read("requestId");
  const signal = read("signal");
  const envelope = read("envelope");
  return {
    id: id === undefined ? undefined : String(id),
    signal: isSignal(signal) ? signal : undefined,
    envelope: typeof envelope === "object" && envelope !== null ? envelope : undefined,
    inputResponses: read("inputResponses"),
    elicitInput: read("elicitInput"),
  };
}

/** True if the value is an `AbortSignal`, also of another realm. */
export function isSignal(value: unknown): value is AbortSignal {
  return typeof field(value, "aborted") === "boolean";
}

/** Returns who makes a request: the OAuth client and its user, or else the client that connected. */
export function originOf(context: McpContext, client: McpImplementation | undefined): CallOrigin {
  const auth = context.authInfo ?? context.http?.authInfo;
  const name = text(client?.name);
  const origin = { session: text(context.sessionId), version: text(client?.version) };
  const stated = name === undefined ? undefined : ({ type: "agent", id: name } as const);
  if (auth === undefined) {
    return { ...origin, actor: stated };
  }
  const scope = Array.isArray(auth.scopes) ? auth.scopes.join(" ") : undefined;
  const { actor, on_behalf_of } = delegation({ client_id: auth.clientId, scope, ...auth.extra });
  if (actor?.type !== "agent") {
    // The token names no client. The person isn't the agent.
    return { ...origin, actor: stated, onBehalfOf: actor };
  }
  return {
    ...origin,
    actor: { ...actor, ...(name === undefined ? {} : { name }) },
    onBehalfOf: on_behalf_of,
  };
}

/** A request of MCP, as a part of a call. */
export type McpRequest = Pick<AgentCall<unknown>, "action" | "name" | "arguments">;

/** Returns the call that a request makes; undefined for requests that aren't recorded. */
export function callOf(method: unknown, params: unknown): McpRequest | undefined {
  const named = (name: string) => String(field(params, name));
  switch (method) {
    case "tools/call":
      return { action: "tool.call", name: named("name"), arguments: field(params, "arguments") };
    case "resources/read":
      return { action: "resource.read", name: named("uri") };
    case "prompts/get":
      return { action: "prompt.get", name: named("name"), arguments: field(params, "arguments") };
    default:
      return undefined;
  }
}

/** Returns the end that a result stands for. A result that asks for input, or starts a task, isn't an end. */
export function endOf(result: unknown): CallEnd {
  if (field(result, "resultType") === "input_required") {
    return { reason: "the tool asked for input" };
  }
  if (field(result, "task") !== undefined) {
    return { reason: "the tool started a task", result };
  }
  return field(result, "isError") === true
    ? { outcome: "failure", reason: errorOf(result) ?? "the tool returned an error", result }
    : { outcome: "success", result };
}

/** Returns the first text of an error, which is the message if the tool threw. */
function errorOf(result: unknown): string | undefined {
  const content = field(result, "content");
  const texts = Array.isArray(content) ? content.map((part) => field(part, "text")) : [];
  return reasonOf(texts.find((part) => typeof part === "string"));
}

/** The code of JSON-RPC errors that servers define. */
const REFUSED = -32_000;

/** Returns the result of a refused tool call, which the model sees. Throws for other requests, whose results have no errors. */
export function refusedResult(action: string, message: string): object {
  if (action === "tool.call") {
    return { content: [{ type: "text", text: message }], isError: true };
  }
  throw Object.assign(new Error(message), { code: REFUSED });
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
