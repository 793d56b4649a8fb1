/** Finds `AsyncLocalStorage` in any runtime that has it. */

/** The parts of an `AsyncLocalStorage` that are used. */
export interface AsyncStorage<Value> {
  getStore(): Value | undefined;
  run<Result>(value: Value, work: () => Result): Result;
}

/** The class `AsyncLocalStorage` from `node:async_hooks`. */
export type AsyncStorageClass = new () => AsyncStorage<unknown>;

/** Returns the global of edge runtimes, or the class of the Node.js module that Workers with `nodejs_compat` have. */
export function foundStorage(): AsyncStorageClass | undefined {
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: AsyncStorageClass;
    process?: { getBuiltinModule?: (name: string) => { AsyncLocalStorage?: AsyncStorageClass } | undefined };
  };
  return AsyncLocalStorage ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
}
