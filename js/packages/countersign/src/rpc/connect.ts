/** Typed remote calls between a host and its workers, or between workers. Each side can call the other's methods. */

import { type Deferred, deferred } from "../promises.js";
import { deserializeError, type Peer, serializeError, unknownMethod, type WireError } from "./errors.js";

/** A port to the other side: a `Worker`, its global scope, Node's `parentPort`, or a `MessagePort`. */
export interface Port {
  postMessage(message: unknown, transfer: TransferItem[]): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
}

/** A value that is moved with a message instead of being copied. */
export type TransferItem = ArrayBuffer | TransferPort;

/** A `MessagePort`, whose type is missing in some versions of Node.js's types. */
export type TransferPort = InstanceType<typeof MessagePort>;

/** The other side's methods, as called from here. */
export type Remote<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
};

/** A call, if it has a method, or the response to one. */
interface Message {
  readonly id: number;
  readonly method?: string;
  readonly args?: readonly unknown[];
  readonly value?: unknown;
  readonly error?: WireError;
  /** True if the other side has no such method. */
  readonly isUnknown?: boolean;
}

interface Call {
  readonly method: string;
  readonly response: Deferred<unknown>;
}

const transfers = new WeakMap<object, TransferItem[]>();

/**
 * Marks items to be moved with a value that is sent as an argument or a result. The sender can't use them afterwards.
 */
export function transfer<T extends object>(value: T, ...items: (Uint8Array | TransferItem)[]): T {
  const moved = items.map((item) => (item instanceof Uint8Array ? (item.buffer as ArrayBuffer) : item));
  transfers.set(value, [...new Set(moved)]);
  return value;
}

/**
 * The number of the next call. Numbers are never reused, because a reused worker may still respond to earlier calls.
 */
let nextId = 0;

/**
 * Serves the own properties of `methods` to the other side, and returns the other side's methods. Errors name the other
 * side as `peer`. Calls to a worker that has ended never settle; `WorkerGroup` rejects them.
 */
export function connect<Theirs extends object>(port: Port, methods: object, peer: Peer): Remote<Theirs> {
  const calls = new Map<number, Call>();
  const post = (message: Message, values: readonly unknown[]) =>
    port.postMessage(
      message,
      values.flatMap((value) => transfers.get(value as object) ?? []),
    );
  const respond = async (id: number, name: string, args: readonly unknown[] = []) => {
    const method = Object.hasOwn(methods, name) ? (methods as Record<string, unknown>)[name] : undefined;
    if (typeof method !== "function") {
      post({ id, isUnknown: true }, []);
      return;
    }
    try {
      const value: unknown = await method.apply(methods, args);
      post({ id, value }, [value]);
    } catch (error) {
      post({ id, error: serializeError(error) }, []);
    }
  };
  port.onmessage = ({ data }) => {
    const { id, method, args, value, error, isUnknown } = data as Message;
    if (method !== undefined) {
      void respond(id, method, args);
      return;
    }
    const call = calls.get(id);
    calls.delete(id);
    if (isUnknown === true) {
      call?.response.reject(unknownMethod(peer, call.method));
    } else if (error !== undefined) {
      call?.response.reject(deserializeError(error, peer));
    } else {
      call?.response.resolve(value);
    }
  };
  const request = async (method: string, args: readonly unknown[]): Promise<unknown> => {
    const id = nextId++;
    const response = deferred<unknown>();
    post({ id, method, args }, args);
    calls.set(id, { method, response });
    return response.promise;
  };
  return new Proxy({} as Remote<Theirs>, {
    get: (_, method) =>
      // With a `then`, a remote returned by an async function would be treated as a promise.
      typeof method === "symbol" || method === "then"
        ? undefined
        : (...args: readonly unknown[]) => request(method, args),
  });
}
