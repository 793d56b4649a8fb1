/** Where an `AsyncLocalStorage` is found without importing it, which not every bundler and runtime would bear. */

import type { AsyncStorageClass } from "./following.js";

/** A global of the edge runtimes, or a module of Node.js's as a Worker with `nodejs_compat` has it. */
export function found(): AsyncStorageClass | undefined {
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: AsyncStorageClass;
    process?: { getBuiltinModule?: (name: string) => { AsyncLocalStorage?: AsyncStorageClass } | undefined };
  };
  return AsyncLocalStorage ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
}
