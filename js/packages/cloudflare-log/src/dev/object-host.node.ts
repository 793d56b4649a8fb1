/** Runs a log's object outside of Workers, and creates it again after it has aborted. */

import { LogObject } from "../object.js";
import type { LogEnv, ObjectId, ObjectState } from "../platform.js";
import type { LogSettings } from "../settings.js";
import { LocalStorage } from "./storage.node.js";

/** Status of a response if the log can't be opened. */
const UNAVAILABLE = 503;

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
  readonly #storage: LocalStorage;
  #settings: LogSettings;
  #current: LocalLog | undefined;

  /** Opens the log in this database file; `null` creates one in memory. */
  constructor(module: WebAssembly.Module, settings: LogSettings, file: string | null) {
    this.#module = module;
    this.#settings = settings;
    this.#storage = new LocalStorage(file, () => void this.#object().alarm());
  }

  /** Handles a request. */
  fetch(request: Request): Promise<Response> {
    return this.#object().fetch(request);
  }

  /**
   * Sets the text of the trust file. Returns false, and keeps the one before, if the log can't use it. No request may be in
   * progress: the object is created again.
   */
  async setTrust(trust: string): Promise<boolean> {
    const before = this.#settings;
    this.#settings = { ...before, trust };
    this.#current = undefined;
    const { status } = await this.fetch(new Request("http://localhost/checkpoint"));
    if (status !== UNAVAILABLE) {
      return true;
    }
    this.#settings = before;
    this.#current = undefined;
    return false;
  }

  /** Ends the log. One in memory is deleted. */
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
