/** Classes of Workers: Durable Objects, and entrypoints. */

import { durableObjectOutbox, type ObjectStorage } from "../outbox/durable-object.js";
import type { Audit } from "../record/audit.js";
import { Invocation, type WaitingContext } from "./invocation.js";
import { remember } from "./of-context.js";
import { RecorderHolder } from "./recorder-holder.js";
import { readOptions, type WorkerOptionsOf } from "./worker-options.js";

/** A class that Workers makes: with `(ctx, env)`. */
export type ClassOf = abstract new (...args: never[]) => object;

/** The class, whose objects have a recorder. */
export type WithAudit<Class extends ClassOf> = abstract new (
  ...args: ConstructorParameters<Class>
) => InstanceType<Class> & {
  /** Records what the object does. */
  readonly audit: Audit;
};

/** What is needed of a Durable Object's `ctx`. */
interface ObjectContext extends WaitingContext {
  readonly storage: ObjectStorage;
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}

/** The class with `this.audit`. */
export function objectClass<Env>(
  options: WorkerOptionsOf<Env>,
  base: ClassOf,
  required: boolean,
  holderIn: (env: Env) => RecorderHolder,
): unknown {
  const Base = base as unknown as new (context: ObjectContext | WaitingContext, env: Env) => object;
  return class extends Base {
    constructor(context: ObjectContext | WaitingContext, env: Env) {
      super(context, env);
      const audit = "storage" in context ? ofObject(options, context, env, required) : ofCall(holderIn(env), context);
      remember(context, audit);
      // On the object itself, where no one can reach it by RPC.
      Object.defineProperty(this, "audit", { value: audit });
    }
  };
}

/** An object's recorder. All of its requests are one context, so that timers go on and its storage is its outbox. */
function ofObject<Env>(options: WorkerOptionsOf<Env>, context: ObjectContext, env: Env, required: boolean): Audit {
  const holder = new RecorderHolder({
    options: async () => {
      const given = await readOptions(options, env);
      return { ...given, outbox: given.outbox ?? durableObjectOutbox(context.storage) };
    },
    shared: true,
    required,
  });
  const started = context.blockConcurrencyWhile(() => holder.begin());
  started.catch(() => {
    // The object is reset, and whoever asked it is told.
  });
  return holder;
}

/** An entrypoint is made for each call. */
function ofCall(holder: RecorderHolder, context: WaitingContext): Audit {
  const invocation = new Invocation(holder, context);
  invocation.end();
  return invocation;
}
