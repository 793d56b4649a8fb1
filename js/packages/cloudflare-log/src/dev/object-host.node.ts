/** Runs a log's object outside of Workers, and creates it again after it has aborted. */

import { LogObject } from "../object.js";
import type { LogEnv, ObjectId, ObjectState } from "../platform.js";
import type { LogSettings } from "../settings.js";
import { MemoryStorage } from "./storage.node.js";

class LocalLog extends LogObject {
  readonly #settings: LogSettings;

  constructor(module: WebAssembly.Module, ctx: ObjectState, settings: LogSettings) {
    // The settings replace the environment, and there are no buckets.
    super(module, ctx, {} as LogEnv);
    this.#settings = settings;
  }

  protected override settings(): LogSettings {
    return this.#settings;
  }
}

export class ObjectHost {
  readonly #module: WebAssembly.Module;
  readonly #settings: LogSettings;
  readonly #storage = new MemoryStorage(() => void this.#object().alarm());
  #current: LocalLog | undefined;

  constructor(module: WebAssembly.Module, settings: LogSettings) {
    this.#module = module;
    this.#settings = settings;
  }

  /** Handles a request. */
  fetch(request: Request): Promise<Response> {
    return this.#object().fetch(request);
  }

  /** Ends the log, and deletes it. */
  close(): void {
    this.#current = undefined;
    this.#storage.close();
  }

  #object(): LocalLog {
    const id: ObjectId = { toString: () => "local", equals: (other) => other === id };
    const abort = () => {
      this.#current = undefined;
    };
    this.#current ??= new LocalLog(this.#module, { id, storage: this.#storage, abort }, this.#settings);
    return this.#current;
  }
}
