/** The class `AsyncLocalStorage` in Node.js, Deno and Bun, also where they have no `process.getBuiltinModule`. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { AsyncStorageClass } from "./storage.js";

/** Returns the class of `node:async_hooks`. */
export const foundStorage = (): AsyncStorageClass => AsyncLocalStorage;
