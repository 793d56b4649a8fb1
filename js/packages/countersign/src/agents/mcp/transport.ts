/**
 * Sits between a transport and the SDK, where every JSON-RPC message passes, whichever method of the SDK sends or handles
 * it.
 */

import { field } from "../../own.js";
import { unref } from "../../timers.js";

/** A transport of the SDK. */
export interface McpTransport {
  send(message: unknown, options?: unknown): Promise<void>;
  onmessage?: ((message: unknown, extra?: unknown) => void) | undefined;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  readonly sessionId?: string | undefined;
}

/** A JSON-RPC request, or a notification if it has no ID. */
export interface RpcRequest {
  readonly jsonrpc: "2.0";
  readonly id?: string | number;
  readonly method: string;
  readonly params?: unknown;
}

/** A response, with the result or the error. */
export interface RpcResponse {
  readonly result?: unknown;
  readonly error?: unknown;
}

/** A request on its way. */
export interface Exchange {
  /** A copy of the request, which only this exchange has; undefined if it has no JSON form. */
  readonly copy: RpcRequest | undefined;
  /** The details that the server's transport passes along with the request. */
  readonly extra: unknown;
  /** The session of the transport. */
  readonly sessionId: string | undefined;
  /** Aborts when the caller cancels the request or disconnects. */
  readonly signal: AbortSignal;
  /** Passes the request on. Returns the response; undefined if none can arrive. */
  run(request: RpcRequest): Promise<RpcResponse | undefined>;
}

/** Decides on a request, and returns its response. Returns undefined for requests that it doesn't handle. */
export type RequestGuard = (
  request: RpcRequest,
  exchange: () => Exchange,
) => Promise<RpcResponse | undefined> | undefined;

/** Milliseconds to wait for the response to a request whose caller has left. */
const ABORTED_PATIENCE_MS = 5_000;

/** Codes of JSON-RPC errors. */
const INVALID_REQUEST = -32_600;
const INTERNAL_ERROR = -32_603;

/** Passes a message on in its direction. */
type Pass = (message: unknown) => Promise<unknown>;

/** Sends the response to a request back. */
type Reply = (response: object, id: string | number) => Promise<unknown>;

/** A request that a guard handles. */
class OpenExchange {
  readonly abort = new AbortController();
  /** Settles when the request has been passed on. */
  readonly passing: Promise<unknown>;
  /** The response to send, once the guard has returned it. */
  readonly final: Promise<RpcResponse | undefined>;
  isPassed = false;
  finish!: (response: RpcResponse | undefined) => void;
  settle: (response: RpcResponse | undefined) => void = () => {};
  readonly #pass: Pass;
  #begin!: (passing: Promise<unknown>) => void;

  constructor(pass: Pass) {
    this.#pass = pass;
    this.passing = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.final = new Promise((resolve) => {
      this.finish = resolve;
    });
  }

  /** Passes the request on, and returns its response. Notifications have none. */
  run(request: RpcRequest): Promise<RpcResponse | undefined> {
    this.isPassed = true;
    return new Promise((resolve, reject) => {
      this.settle = resolve;
      const passing = this.#pass(request);
      this.#begin(passing);
      passing.then(() => request.id === undefined && resolve(undefined), reject);
      // The SDK sends no response to a caller that has left.
      const { signal } = this.abort;
      const giveUp = () => unref(setTimeout(resolve, ABORTED_PATIENCE_MS, undefined));
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }
}

/** Guards the requests that pass a transport in one direction. */
export class GuardedTransport {
  readonly #transport: McpTransport;
  readonly #guard: RequestGuard;
  readonly #exchanges = new Map<unknown, OpenExchange>();
  /** Open requests that the guard doesn't handle, by ID. */
  readonly #unguarded = new Map<unknown, RpcRequest>();
  /**
   * Messages that passed, with their methods. Handlers of a transport that call each other don't have them judged again.
   */
  readonly #passed = new WeakMap<object, string>();

  private constructor(transport: McpTransport, guard: RequestGuard) {
    this.#transport = transport;
    this.#guard = guard;
    intercept(transport, "onclose", (onclose) => () => {
      for (const { abort } of this.#exchanges.values()) {
        abort.abort();
      }
      this.#unguarded.clear();
      onclose();
    });
  }

  /** Guards a server's transport: requests arrive, and responses are sent. */
  static forServer(transport: McpTransport, guard: RequestGuard): GuardedTransport {
    const guarded = new GuardedTransport(transport, guard);
    const send = transport.send.bind(transport);
    transport.send = (message, options) => guarded.#response(message, (one) => send(one, options));
    const reply: Reply = (response, id) => send(response, { relatedRequestId: id });
    intercept(transport, "onmessage", (onmessage) => (message, extra) => {
      const pass = async (one: unknown) => onmessage(one, extra);
      guarded.#request(message, extra, pass, reply).catch((error) => transport.onerror?.(error));
    });
    return guarded;
  }

  /** Guards a client's transport: requests are sent, and responses arrive. */
  static forClient(transport: McpTransport, guard: RequestGuard): GuardedTransport {
    const guarded = new GuardedTransport(transport, guard);
    const send = transport.send.bind(transport);
    const reply: Reply = async (response) => transport.onmessage?.(response);
    transport.send = (message, options) =>
      guarded.#request(message, undefined, (one) => send(one, options), reply) as Promise<void>;
    intercept(transport, "onmessage", (onmessage) => (message, extra) => {
      const forward = async (one: unknown) => onmessage(one, extra);
      guarded.#response(message, forward).catch((error) => transport.onerror?.(error));
    });
    return guarded;
  }

  /** Reports the end of a request's handler. It counts if the caller has left, because the SDK then sends no response. */
  ended(id: unknown, response: RpcResponse): void {
    const exchange = this.#exchanges.get(id);
    if (exchange?.abort.signal.aborted === true) {
      exchange.settle(response);
    }
  }

  /** Handles a message in the direction of requests. Resolves when it has been passed on, or answered. */
  async #request(message: unknown, extra: unknown, pass: Pass, reply: Reply): Promise<unknown> {
    if (Array.isArray(message)) {
      return await Promise.all(message.map((one) => this.#request(one, extra, pass, reply)));
    }
    const method = field(message, "method");
    if (typeof method !== "string" || this.#passed.get(message as object) === method) {
      return await pass(message);
    }
    if (method === "notifications/cancelled") {
      this.#cancel(field(field(message, "params"), "requestId"));
    }
    const request = message as RpcRequest;
    const id = typeof request.id === "string" || typeof request.id === "number" ? request.id : undefined;
    if (id !== undefined && (this.#exchanges.has(id) || this.#unguarded.has(id))) {
      // Responses could be mistaken for each other.
      const error = { code: INVALID_REQUEST, message: "the request's ID is in use" };
      return await reply({ jsonrpc: "2.0", id, error }, id);
    }
    const open = new OpenExchange(pass);
    const guarding = this.#guard(request, () => ({
      copy: copyOf(request),
      extra,
      sessionId: this.#transport.sessionId,
      signal: open.abort.signal,
      run: (judged) => {
        this.#passed.set(judged, judged.method);
        return open.run(judged);
      },
    }));
    if (guarding !== undefined) {
      return await this.#guarded(id, open, guarding, reply);
    }
    this.#passed.set(request, method);
    if (id === undefined) {
      return await pass(message);
    }
    this.#unguarded.set(id, request);
    try {
      return await pass(message);
    } catch (error) {
      this.#forget(id, request);
      throw error;
    }
  }

  #cancel(id: unknown): void {
    this.#exchanges.get(id)?.abort.abort();
    const request = this.#unguarded.get(id);
    if (request !== undefined) {
      // The SDK sends no response to a canceled request.
      unref(setTimeout(() => this.#forget(id, request), ABORTED_PATIENCE_MS));
    }
  }

  /** Closes a request that the guard doesn't handle. Its ID may be another request's by now. */
  #forget(id: unknown, request: RpcRequest): void {
    if (this.#unguarded.get(id) === request) {
      this.#unguarded.delete(id);
    }
  }

  async #guarded(
    id: RpcRequest["id"],
    open: OpenExchange,
    guarding: Promise<RpcResponse | undefined>,
    reply: Reply,
  ): Promise<unknown> {
    if (id !== undefined) {
      this.#exchanges.set(id, open);
    }
    const answering = guarding
      .catch((error) => ({ error: { code: codeOf(error), message: String(error?.message ?? error) } }))
      .then(async (response) => {
        this.#exchanges.delete(id);
        open.finish(response);
        const isExpected = id !== undefined && response !== undefined && !open.abort.signal.aborted;
        if (isExpected && !open.isPassed) {
          await reply({ jsonrpc: "2.0", id, ...response }, id);
        }
      });
    return await Promise.race([open.passing, answering]);
  }

  /** Handles a message in the direction of responses. The response to a guarded request is the guard's. */
  async #response(message: unknown, forward: Pass): Promise<void> {
    if (Array.isArray(message)) {
      await Promise.all(message.map((one) => this.#response(one, forward)));
      return;
    }
    const [id, result, error] = ["id", "result", "error"].map((name) => field(message, name));
    const isResponse = field(message, "method") === undefined && (result !== undefined || error !== undefined);
    const exchange = isResponse ? this.#exchanges.get(id) : undefined;
    if (isResponse) {
      this.#unguarded.delete(id);
    }
    if (exchange?.isPassed !== true) {
      await forward(message);
      return;
    }
    exchange.settle(error === undefined ? { result } : { error });
    const final = await exchange.final;
    if (final !== undefined) {
      await forward({ jsonrpc: "2.0", id, ...final });
    }
  }
}

/** Wraps the handlers that a transport gets, now and later. */
function intercept(
  transport: McpTransport,
  name: "onmessage" | "onclose",
  wrap: (handler: (...args: unknown[]) => void) => (...args: unknown[]) => void,
): void {
  type Handler = ((...args: unknown[]) => void) | undefined;
  const current = transport[name] as Handler;
  const accessor = accessorOf(transport, name);
  let wrapped: Handler;
  const set = (handler: Handler) => {
    wrapped = handler && wrap(handler);
    accessor?.set?.call(transport, wrapped);
  };
  Object.defineProperty(transport, name, { configurable: true, enumerable: true, get: () => wrapped, set });
  set(current);
}

/** Returns the accessor of a field, which some transports have instead of a value. */
function accessorOf(object: object, name: string): PropertyDescriptor | undefined {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const descriptor = Object.getOwnPropertyDescriptor(at, name);
    if (descriptor !== undefined) {
      return descriptor.set === undefined ? undefined : descriptor;
    }
  }
  return undefined;
}

/** Returns a copy of a request as it is sent; undefined if it has no JSON form. */
function copyOf(request: RpcRequest): RpcRequest | undefined {
  try {
    return JSON.parse(JSON.stringify(request));
  } catch {
    return undefined;
  }
}

function codeOf(error: unknown): number {
  const code = field(error, "code");
  return Number.isSafeInteger(code) ? (code as number) : INTERNAL_ERROR;
}
