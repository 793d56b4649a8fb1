/** What a Worker's own types say, as far as it is needed here. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    protected ctx: import("./platform.js").ObjectState;
    protected env: Env;
    constructor(ctx: import("./platform.js").ObjectState, env: Env);
  }
  /** Older runtimes have none. It throws outside of requests. */
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
}

/** A WebAssembly file, which wrangler compiles on import. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
