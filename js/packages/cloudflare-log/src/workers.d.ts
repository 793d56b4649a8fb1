/** The parts of the Workers runtime's types that are used. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    protected ctx: import("./platform.js").ObjectState;
    protected env: Env;
    constructor(ctx: import("./platform.js").ObjectState, env: Env);
  }
  /** Missing in older runtimes. Throws outside of requests. */
  export const waitUntil: ((work: Promise<unknown>) => void) | undefined;
}

/** A WebAssembly file that wrangler compiles on import. */
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
