/** The parts of MCP's messages that are used. */

import { field } from "../../own.js";
import type { AgentCall, CallEnd, CallOrigin } from "../call.js";
import { boundedName, endOfResult, reasonOf } from "../call.js";
import { delegation } from "../delegation.js";
import type { GATED } from "./methods.js";
import { parseUri } from "./resource-uri.js";
import type { RpcRequest, RpcResponse } from "./transport.js";

/** A verified access token, as the SDK passes it to handlers. */
export interface McpAuthInfo {
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Claims of the token: `sub`, `act`, and `jti` are read. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

/** A request to a server, as callbacks receive it. */
export interface McpContext {
  /** The session of the transport. */
  readonly sessionId: string | undefined;
  /** The verified access token. */
  readonly authInfo: McpAuthInfo | undefined;
  /** The details that the transport passes along: the SDK's `MessageExtraInfo`, such as `request` or `requestInfo`. */
  readonly extra: unknown;
}

/** A name and a version that a client or server states about itself. */
export interface McpImplementation {
  readonly name: string;
  readonly version: string;
}

/** Returns who makes a request: the OAuth client and its user, or else the client that connected. */
export function originOf(context: McpContext, client: McpImplementation | undefined): CallOrigin {
  const { authInfo: auth } = context;
  // The client chose them. The actor's ID must not make events invalid.
  const name = text(boundedName(client?.name));
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
export type McpRequest = Pick<AgentCall<unknown>, "action" | "name" | "arguments" | "malformed">;

/** The action of each gated request, and the parameter that names its target. */
const ACTIONS = {
  "tools/call": ["tool.call", "name"],
  "resources/read": ["resource.read", "uri"],
  "prompts/get": ["prompt.get", "name"],
} as const satisfies Record<(typeof GATED)[number], unknown>;

/** Returns the call that a request makes; undefined for requests that aren't gated. `copy` is what is passed on. */
export function callOf({ method }: RpcRequest, copy: RpcRequest | undefined): McpRequest | undefined {
  if (!Object.hasOwn(ACTIONS, method)) {
    return undefined;
  }
  const [action, parameter] = ACTIONS[method as keyof typeof ACTIONS];
  const given = field(copy?.params, parameter);
  const uri = action === "resource.read" && typeof given === "string" ? parseUri(given) : undefined;
  const name = action === "resource.read" ? uri?.id : given;
  return {
    action,
    name: String(name ?? given),
    arguments: uri?.details ?? field(copy?.params, "arguments"),
    malformed: typeof name === "string" ? undefined : problemWith(copy, parameter, given),
  };
}

function problemWith(copy: RpcRequest | undefined, parameter: string, given: unknown): string {
  if (copy === undefined) {
    return "the request has no JSON form";
  }
  return typeof given === "string" ? "the URI is not in normal form" : `the parameter ${parameter} is not a string`;
}

/** Returns the end of a call with this response. */
export function endOf(response: RpcResponse | undefined): CallEnd {
  if (response === undefined) {
    return {};
  }
  const { result, error } = response;
  return error === undefined
    ? endWith(result)
    : { outcome: "failure", reason: reasonOf(field(error, "message")) ?? "the server returned an error" };
}

/** Returns the end that a result stands for. A result that asks for input, or starts a task, isn't an end. */
function endWith(result: unknown): CallEnd {
  if (field(result, "resultType") === "input_required") {
    return { reason: "the tool asked for input" };
  }
  if (field(result, "task") !== undefined) {
    return { reason: "the tool started a task", result };
  }
  return endOfResult(result);
}

/** The code of JSON-RPC errors that servers define. */
const REFUSED = -32_000;

/** Returns the response to a refused request. A tool call has a result, which the model sees; others have an error. */
export function refusedResponse(action: string, message: string): RpcResponse {
  return action === "tool.call"
    ? { result: { content: [{ type: "text", text: message }], isError: true } }
    : { error: { code: REFUSED, message } };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
