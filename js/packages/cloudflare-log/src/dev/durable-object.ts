/** The base class of Durable Objects, for logs that run outside of Workers. */

export abstract class DurableObject<Env = unknown, State = unknown> {
  protected readonly ctx: State;
  protected readonly env: Env;

  constructor(ctx: State, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }
}
