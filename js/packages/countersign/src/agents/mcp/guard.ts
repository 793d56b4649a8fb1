/** Decides which requests of MCP are handled as calls, and which pass. */

import { CountersignError } from "../../error.js";
import type { AgentCall } from "../call.js";
import type { AgentRecording } from "../recording.js";
import { callOf, endOf, type McpRequest, refusedResponse } from "./context.js";
import { NOTIFICATIONS, PASSED } from "./methods.js";
import type { Exchange, RequestGuard, RpcRequest, RpcResponse } from "./transport.js";

/** A call without the parts that its request states. */
type CallDetails<Source> = Omit<AgentCall<Source>, keyof McpRequest>;

/** The two sides of a call: what is known about it, and the response to a refused one. */
export interface CallSide<Source> {
  /** The request to pass on. */
  readonly request: RpcRequest;
  readonly details: CallDetails<Source>;
  /** Returns the response of a refusal that isn't final; undefined for the usual response. */
  readonly refused?: (() => RpcResponse | undefined) | undefined;
}

/** The code of the JSON-RPC error for methods that don't exist. */
const METHOD_NOT_FOUND = -32_601;

/** The parameters of a request without a JSON form, which isn't passed on. */
const EMPTY: RpcRequest = { jsonrpc: "2.0", method: "" };

/**
 * Returns a guard that records calls. With a gate, requests and notifications that MCP doesn't define are rejected, unless
 * the caller named their method as ungated: nothing says what they run.
 */
export function callGuard<Source>(
  recording: AgentRecording<Source>,
  sideOf: (request: RpcRequest, exchange: Exchange) => Promise<CallSide<Source>>,
): RequestGuard {
  return (request, exchangeOf) => {
    const { method } = request;
    if (callOf(request, undefined) === undefined) {
      const isKnown =
        (isNotification(request) ? NOTIFICATIONS : PASSED).includes(method) || recording.isUngated(method);
      return isKnown || !recording.isGated ? undefined : Promise.resolve(unknownMethod(recording, method));
    }
    return handleCall(recording, request, exchangeOf(), sideOf);
  };
}

/** True unless the message has an ID, of any type. */
function isNotification({ id }: RpcRequest): boolean {
  return id === undefined;
}

async function handleCall<Source>(
  recording: AgentRecording<Source>,
  request: RpcRequest,
  exchange: Exchange,
  sideOf: (request: RpcRequest, exchange: Exchange) => Promise<CallSide<Source>>,
): Promise<RpcResponse | undefined> {
  const { copy, signal } = exchange;
  const { request: judged, details, refused } = await sideOf(copy ?? EMPTY, exchange);
  const call = callOf(request, copy && judged) as McpRequest;
  return recording.handle<RpcResponse | undefined>(
    { ...details, ...call, signal },
    {
      work: () => {
        if (signal.aborted) {
          throw new Error("the caller canceled the call before it ran");
        }
        return exchange.run(judged);
      },
      endOf,
      refused: ({ message }) => refused?.() ?? refusedResponse(call.action, message),
    },
  );
}

function unknownMethod<Source>(recording: AgentRecording<Source>, method: string): RpcResponse {
  const shown = JSON.stringify(method.slice(0, 64));
  recording.report(
    new CountersignError("options.invalid", `the gate rejected a message with the unknown method ${shown}`, {
      member: "ungated",
      hint: `if your program handles this method, pass ungated: [${shown}]`,
    }),
  );
  return { error: { code: METHOD_NOT_FOUND, message: "Method not found" } };
}
