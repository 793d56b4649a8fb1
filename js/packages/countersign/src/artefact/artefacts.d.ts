/** The artefacts, which each runtime loads in its own way: the package's `imports` say how. */

declare module "#recorder" {
  export const artefact: import("./load.js").ModuleSource;
  /** What the runtime tells a recorder about its end. */
  export const lifecycle: import("../record/lifecycle.js").Lifecycle;
  /** How it signs with a signer key's text, where the artefact does not. */
  export const readKey: import("../record/create.js").Variant["readKey"];
}

declare module "#verifier" {
  export const artefact: import("./load.js").ModuleSource;
  /** Starts a worker, where there are any. */
  export const worker: (() => import("../rpc/worker-group.js").WorkerLike) | undefined;
}

declare module "#gate" {
  export const artefact: import("./load.js").ModuleSource;
}
