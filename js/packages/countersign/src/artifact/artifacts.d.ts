/** The artifacts and other parts that differ between runtimes: the package's `imports` say how each gets its own. */

declare module "#recorder" {
  export const artifact: import("./load.js").ModuleSource;
  /** What the runtime tells a recorder about its end. */
  export const lifecycle: import("../record/lifecycle.js").Lifecycle;
  /** How it signs with a signer key's text, where the artifact does not. */
  export const readKey: import("../record/create.js").Variant["readKey"];
}

declare module "#verifier" {
  export const artifact: import("./load.js").ModuleSource;
  /** Starts a worker, where there are any. */
  export const worker: (() => import("../rpc/worker-group.js").WorkerLike) | undefined;
}

declare module "#gate" {
  export const artifact: import("./load.js").ModuleSource;
}

declare module "#context" {
  /** Returns the class `AsyncLocalStorage`, if the runtime has one. */
  export const foundStorage: () => import("../context/storage.js").AsyncStorageClass | undefined;
}
