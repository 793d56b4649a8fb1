/** Typed calls between a host and its workers, and between workers. Either side calls the other's methods. */

import { type Deferred, deferred } from "../promises.js";
import { deserializeError, type Peer, serializeError, unknownMethod, type WireError } from "./errors.js";

/** A port to the other side: a `Worker`, its global scope, Node's `parentPort`, or a `MessagePort`. */
export interface Port {
  postMessage(message: unknown, transfer: TransferItem[]): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
}

/** A value that can be moved with a message instead of being copied. */
export type TransferItem = ArrayBuffer | TransferPort;

/** A `MessagePort`. Not all of Node.js's types name it. */
export type TransferPort = InstanceType<typeof MessagePort>;

/** The other side's methods, as they are called from here. */
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

/** Marks what moves with a value when it is sent as an argument or a result. The sender can't use these items afterwards. */
export function transfer<T extends object>(value: T, ...items: (Uint8Array | TransferItem)[]): T {
  const moved = items.map((item) => (item instanceof Uint8Array ? (item.buffer as ArrayBuffer) : item));
  transfers.set(value, [...new Set(moved)]);
  return value;
}

/** The next call's number. None is reused: a worker that is kept may still respond to earlier calls. */
let nextId = 0;

/**
 * Serves `methods`, the object's own ones, to the other side, and returns the other side's methods. Errors name `peer`,
 * the other side. Calls to a worker that has ended are never answered; `WorkerGroup` rejects them.
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
      // With a `then`, a remote that an async function returns would be taken for a promise.
      typeof method === "symbol" || method === "then"
        ? undefined
        : (...args: readonly unknown[]) => request(method, args),
  });
}
