/** What a Worker's own types say, as far as it is needed here. */
declare module "cloudflare:workers" {
  export abstract class DurableObject<Env = unknown> {
    protected ctx: import("./platform.js").ObjectState;
    protected env: Env;
    constructor(ctx: import("./platform.js").ObjectState, env: Env);
  }
}
