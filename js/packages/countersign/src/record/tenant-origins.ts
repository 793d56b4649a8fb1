/** Finds the origins of tenants' logs by the application's IDs, and remembers them. */

import { CountersignError, coded } from "../error.js";

/** Asks the application or the log server for an origin. Undefined if there is none. */
export type Lookup = (tenant: string) => string | undefined | PromiseLike<string | undefined>;

/** The parts of tenant origins. */
export interface TenantOriginsParts {
  /** The origin of the root log. */
  readonly root: string;
  readonly lookup: Lookup;
  /** The origins that an outbox remembers. */
  readonly pinned: ReadonlyMap<string, string>;
  /** True if callers that ask at the same time share one lookup. */
  readonly isShared: boolean;
}

/** Maximum number of remembered tenants. The least recently used one is forgotten. */
const MAX_REMEMBERED = 10_000;
/** Maximum length of a tenant's ID in bytes, as in log servers. */
const MAX_ID_BYTES = 255;

export class TenantOrigins {
  readonly #parts: TenantOriginsParts;
  readonly #pinned: Map<string, string>;
  /** Looked-up origins, the least recently used first. */
  readonly #known = new Map<string, string>();
  readonly #running = new Map<string, Promise<string>>();

  constructor(parts: TenantOriginsParts) {
    this.#parts = parts;
    this.#pinned = new Map(parts.pinned);
  }

  /** The origin that an outbox remembers. */
  pinned(tenant: string): string | undefined {
    return this.#pinned.get(tenant);
  }

  /** Remembers an origin until it is unpinned. */
  pin(tenant: string, origin: string): void {
    this.#pinned.set(tenant, origin);
  }

  /** Forgets an origin, which the outbox still has. */
  unpin(tenant: string): void {
    this.#pinned.delete(tenant);
  }

  /** Returns the origin if it was looked up before. */
  known(tenant: string): string | undefined {
    const known = this.#known.get(tenant);
    if (known !== undefined) {
      this.#known.delete(tenant);
      this.#known.set(tenant, known);
    }
    return known;
  }

  /**
   * Returns the origin of the tenant's log, as a promise if it isn't known yet. Throws, or rejects with,
   * `tenant.unknown` or `tenant.changed`, or `tenant.failed` if another attempt may succeed.
   */
  find(tenant: string): string | Promise<string> {
    const known = this.known(tenant);
    if (known !== undefined) {
      return known;
    }
    const running = this.#running.get(tenant);
    if (running !== undefined && this.#parts.isShared) {
      return running;
    }
    const found = this.#lookup(tenant);
    if (typeof found !== "object") {
      return this.#checked(tenant, found);
    }
    const asked = Promise.resolve(found).then(
      (origin) => this.#checked(tenant, origin),
      (cause) => Promise.reject(lookupError(tenant, cause)),
    );
    this.#running.set(tenant, asked);
    const ended = () => {
      if (this.#running.get(tenant) === asked) {
        this.#running.delete(tenant);
      }
    };
    asked.then(ended, ended);
    return asked;
  }

  #lookup(tenant: string): string | undefined | PromiseLike<string | undefined> {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: log servers reject these.
    if (/[\u0000-\u001f\u007f-\u009f]/.test(tenant) || new TextEncoder().encode(tenant).length > MAX_ID_BYTES) {
      return undefined;
    }
    try {
      return this.#parts.lookup(tenant);
    } catch (cause) {
      throw lookupError(tenant, cause);
    }
  }

  #checked(tenant: string, origin: unknown): string {
    const { root } = this.#parts;
    if (origin === undefined || origin === null) {
      throw tenantError("tenant.unknown", tenant, "the tenant has no log", {
        hint: "create one with `countersign tenant add`, or check the option `tenants`",
      });
    }
    const isOfRoot = typeof origin === "string" && origin.startsWith(`${root}/t/`);
    if (!isOfRoot || !/^[0-9a-f]{32}$/.test(origin.slice(root.length + 3))) {
      const shown = typeof origin === "string" ? JSON.stringify(origin.slice(0, 300)) : `a ${typeof origin}`;
      throw tenantError("tenant.unknown", tenant, `the origin of its log is ${shown}`, {
        hint: `\`tenants\` must return an origin such as ${root}/t/8f000000000000000000000000000001`,
      });
    }
    const pinned = this.#pinned.get(tenant);
    if (pinned !== undefined && pinned !== origin) {
      throw tenantError("tenant.changed", tenant, `its log is now ${origin}, but was ${pinned}`, {
        hint: "find out why the tenant has another log; if that is intended, deliver what is in the outbox, and start with a new one",
      });
    }
    this.#known.set(tenant, origin);
    if (this.#known.size > MAX_REMEMBERED) {
      for (const first of this.#known.keys()) {
        this.#known.delete(first);
        break;
      }
    }
    return origin;
  }
}

/** Returns the error for a tenant whose log could not be found. Another attempt may succeed. */
export function lookupError(tenant: string, cause: unknown): CountersignError {
  if (cause instanceof CountersignError && cause.tenant !== undefined) {
    return cause;
  }
  const { message, hint } = coded(cause, "tenant.failed", `${cause}`, "check the function `tenants`");
  return tenantError("tenant.failed", tenant, `its log could not be found: ${message}`, { hint, cause });
}

/** Returns an error that concerns one tenant. */
export function tenantError(
  code: "tenant.unknown" | "tenant.changed" | "tenant.failed",
  tenant: string,
  message: string,
  { hint, cause }: { hint?: string | undefined; cause?: unknown },
): CountersignError {
  return ofTenant(tenant, new CountersignError(code, message, { hint, cause }));
}

/** Returns the same error with the tenant that it concerns. */
export function ofTenant(tenant: string, error: CountersignError): CountersignError {
  if (error.tenant !== undefined) {
    return error;
  }
  const { code, message, hint, line, member, phrases, evidence, cause } = error;
  const about = `tenant ${JSON.stringify(tenant.slice(0, 100))}: ${message}`;
  return Object.assign(new CountersignError(code, about, { hint, line, member, phrases, evidence, cause }), { tenant });
}
