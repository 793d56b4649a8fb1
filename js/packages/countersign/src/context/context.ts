/**
 * Recorders that add a scope to all events recorded in a function and its asynchronous calls, using
 * `AsyncLocalStorage`.
 */

import { foundStorage } from "#context";
import { CountersignError, must } from "../error.js";
import { field } from "../own.js";
import type { Audit, Scope } from "../record/audit.js";
import type { EventInput } from "../record/event.js";
import { type EventScope, eventScope, joined, Scoped } from "../record/scope.js";
import type { AsyncStorage, AsyncStorageClass } from "./storage.js";

export type { AsyncStorage, AsyncStorageClass } from "./storage.js";

/** Options of `asyncContext`. */
export interface AsyncContextOptions {
  /**
   * The class from `node:async_hooks`. Pass it in a Worker with the flag `nodejs_als`.
   *
   * @default the runtime's class
   * @example
   * ```ts
   * AsyncLocalStorage // import { AsyncLocalStorage } from "node:async_hooks"
   * ```
   */
  AsyncLocalStorage?: AsyncStorageClass | undefined;
}

/** Returns a recorder whose `with(scope, work)` adds the scope to everything that `work` calls and awaits. */
export function asyncContext<Event = EventInput>(audit: Audit<Event>, options: AsyncContextOptions = {}): Audit<Event> {
  // A namespace import of the module is also accepted.
  must(Object(options) === options, undefined, "options must be an object", "pass { AsyncLocalStorage }, or omit it");
  const Storage = (field(options, "AsyncLocalStorage") as AsyncStorageClass | undefined) ?? foundStorage();
  if (typeof Storage !== "function") {
    throw new CountersignError("context.unavailable", "AsyncLocalStorage is not available in this runtime", {
      member: "AsyncLocalStorage",
      hint: "in a Worker, set the compatibility flag nodejs_compat, or set nodejs_als and pass asyncContext the class from node:async_hooks; in a browser, record with the result of audit.with({ … })",
    });
  }
  return new AsyncScoped(
    audit as unknown as Audit,
    new Storage() as AsyncStorage<EventScope>,
  ) as unknown as Audit<Event>;
}

class AsyncScoped extends Scoped {
  readonly #storage: AsyncStorage<EventScope>;

  constructor(audit: Audit, storage: AsyncStorage<EventScope>) {
    super(audit, {}, () => storage.getStore());
    this.#storage = storage;
  }

  override with(scope: Scope): Audit;
  override with<Result>(scope: Scope, work: (audit: Audit) => Result): Result;
  override with<Result>(scope: Scope, work?: (audit: Audit) => Result): Audit | Result {
    const inner = eventScope(scope);
    return work === undefined
      ? new Scoped(this, inner)
      : this.#storage.run(joined(this.#storage.getStore(), inner), () => work(this));
  }
}
