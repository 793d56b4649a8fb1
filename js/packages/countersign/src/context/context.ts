/** Recorders that add a scope to all that is recorded within some work, by `AsyncLocalStorage`. */

import { foundStorage } from "#context";
import { CountersignError, must } from "../error.js";
import { field } from "../own.js";
import type { Audit, Scope } from "../record/audit.js";
import type { EventInput } from "../record/event.js";
import { joined, type Said, Scoped, said } from "../record/scope.js";
import type { AsyncStorage, AsyncStorageClass } from "./storage.js";

export type { AsyncStorage, AsyncStorageClass } from "./storage.js";

/** Options of `asyncContext`. */
export interface AsyncContextOptions {
  /** The class of `node:async_hooks`. Default: the runtime's. A Worker whose only flag is `nodejs_als` needs it. */
  AsyncLocalStorage?: AsyncStorageClass | undefined;
}

/** Returns a recorder whose `with(scope, work)` adds the scope to whatever `work` calls and awaits. */
export function asyncContext<Event = EventInput>(audit: Audit<Event>, options: AsyncContextOptions = {}): Audit<Event> {
  // The whole module may be given.
  must(
    Object(options) === options,
    undefined,
    "no options by their names",
    "give { AsyncLocalStorage }, or leave it out",
  );
  const Storage = (field(options, "AsyncLocalStorage") as AsyncStorageClass | undefined) ?? foundStorage();
  if (typeof Storage !== "function") {
    throw new CountersignError("context.unavailable", "there is no AsyncLocalStorage here", {
      member: "AsyncLocalStorage",
      hint: "in a Worker set the compatibility flag nodejs_compat, or nodejs_als and give asyncContext the class of node:async_hooks; in a browser record with what audit.with({ … }) gives",
    });
  }
  return new Following(audit as unknown as Audit, new Storage() as AsyncStorage<Said>) as unknown as Audit<Event>;
}

class Following extends Scoped {
  readonly #storage: AsyncStorage<Said>;

  constructor(audit: Audit, storage: AsyncStorage<Said>) {
    super(audit, {}, () => storage.getStore());
    this.#storage = storage;
  }

  override with(scope: Scope): Audit;
  override with<Result>(scope: Scope, work: (audit: Audit) => Result): Result;
  override with<Result>(scope: Scope, work?: (audit: Audit) => Result): Audit | Result {
    const inner = said(scope);
    return work === undefined
      ? new Scoped(this, inner)
      : this.#storage.run(joined(this.#storage.getStore(), inner), () => work(this));
  }
}
