/** The class `AsyncLocalStorage`, wherever there is one. */

/** What is needed of an `AsyncLocalStorage`. */
export interface AsyncStorage<Value> {
  getStore(): Value | undefined;
  run<Result>(value: Value, work: () => Result): Result;
}

/** The class `AsyncLocalStorage` of `node:async_hooks`. */
export type AsyncStorageClass = new () => AsyncStorage<unknown>;

/** Returns a global of the edge runtimes, or a module of Node.js's as a Worker with `nodejs_compat` has it. */
export function foundStorage(): AsyncStorageClass | undefined {
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: AsyncStorageClass;
    process?: { getBuiltinModule?: (name: string) => { AsyncLocalStorage?: AsyncStorageClass } | undefined };
  };
  return AsyncLocalStorage ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
}
