/**
 * Parts that differ between runtimes, such as WebAssembly modules. The package's `imports` map each runtime to its own.
 */

declare module "#recorder" {
  export const artifact: import("./load.js").ModuleSource;
  /** Reports the runtime's shutdown to a recorder. */
  export const lifecycle: import("../record/lifecycle.js").Lifecycle;
  /** Reads a private key's text, in runtimes that sign natively. Elsewhere, the WebAssembly module signs. */
  export const readKey: import("../record/create.js").Variant["readKey"];
}

declare module "#verifier" {
  export const artifact: import("./load.js").ModuleSource;
  /** Starts a worker, in runtimes that have them. */
  export const worker: (() => import("../rpc/worker-group.js").WorkerLike) | undefined;
}

declare module "#gate" {
  export const artifact: import("./load.js").ModuleSource;
}

declare module "#context" {
  /** Returns the class `AsyncLocalStorage`, if the runtime has one. */
  export const foundStorage: () => import("../context/storage.js").AsyncStorageClass | undefined;
}
