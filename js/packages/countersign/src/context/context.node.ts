/** A context that follows asynchronous calls: Node.js, Deno and Bun. */

import { AsyncLocalStorage } from "node:async_hooks";
import { following } from "./following.js";

export type { Audit, NamedRequest, Scope } from "../record/audit.js";
export type { AsyncContextOptions, AsyncStorage, AsyncStorageClass } from "./following.js";

/** A recorder whose `with(scope, work)` follows what `work` calls and waits for. */
export const asyncContext = following(() => AsyncLocalStorage);
