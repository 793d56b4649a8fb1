/** A context that follows asynchronous calls, wherever there is an `AsyncLocalStorage`. */

import { following } from "./following.js";
import { foundStorage } from "./storage.js";

export type { Audit, NamedRequest, Scope } from "../record/audit.js";
export type { AsyncContextOptions, AsyncStorage, AsyncStorageClass } from "./following.js";

/** A recorder whose `with(scope, work)` follows what `work` calls and waits for. */
export const asyncContext = following(foundStorage);
