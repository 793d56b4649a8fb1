/** A context that follows asynchronous calls, wherever there is an `AsyncLocalStorage`. */

import { type AsyncStorageClass, following } from "./following.js";

/** A global of the edge runtimes, or a module of Node.js's as a Worker with `nodejs_compat` has it. */
function found(): AsyncStorageClass | undefined {
  const { AsyncLocalStorage, process } = globalThis as {
    AsyncLocalStorage?: AsyncStorageClass;
    process?: { getBuiltinModule?: (name: string) => { AsyncLocalStorage?: AsyncStorageClass } | undefined };
  };
  return AsyncLocalStorage ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
}

export type { Audit, NamedRequest, Scope } from "../record/audit.js";
export type { AsyncContextOptions, AsyncStorage, AsyncStorageClass } from "./following.js";

/** A recorder whose `with(scope, work)` follows what `work` calls and waits for. */
export const asyncContext = following(found);
