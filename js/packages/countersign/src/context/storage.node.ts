/** Finds `AsyncLocalStorage` in Node.js, Deno, and Bun, including versions without `process.getBuiltinModule`. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { AsyncStorageClass } from "./storage.js";

/** Returns the class from `node:async_hooks`. */
export const foundStorage = (): AsyncStorageClass => AsyncLocalStorage;
