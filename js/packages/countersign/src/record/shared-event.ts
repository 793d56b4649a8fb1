/** Events that concern several tenants: one copy for each tenant's log, linked by a random value (SPEC section 12). */

import { CountersignError } from "../error.js";
import { field } from "../own.js";
import type { AuditEvent } from "./event.js";
import { copyOf, isFields } from "./fields.js";
import { type Handle, invalidHandle } from "./handle.js";
import { invalid } from "./serialize.js";
import { ofTenant } from "./tenant-origins.js";

/** An event's JSON for the log of one tenant. */
export type Copy = readonly [tenant: string, json: string];

/** The field of `metadata` that the copies of an event have in common. */
export const SHARED_ID = "shared_id";
/** Maximum number of tenants of an event: as many as can have an open chain. */
const MAX_TENANTS = 64;

/**
 * Returns the tenants that an event names in `tenants`, without repetitions; undefined if it has no `tenants`. Throws
 * `event.invalid` if they can't all have a copy.
 */
export function tenantsOf(event: object): readonly string[] | undefined {
  const given = field(event, "tenants");
  if (given === undefined) {
    return undefined;
  }
  const hint = "pass an array of tenants' IDs, or set `tenant` for one tenant";
  if (!Array.isArray(given) || given.length === 0) {
    throw invalid("`tenants` must be an array of at least one tenant", hint, "tenants");
  }
  if (given.length > MAX_TENANTS) {
    const fewer = "record what concerns everyone in a log of your own";
    throw invalid(`\`tenants\` has more than ${MAX_TENANTS} tenants`, fewer, "tenants");
  }
  for (const [nth, tenant] of given.entries()) {
    if (typeof tenant !== "string" || tenant === "") {
      throw invalid(`tenants.${nth} must be a tenant's ID`, hint, `tenants.${nth}`);
    }
  }
  if (isPresent(field(event, "tenant"))) {
    throw invalid("the event has both `tenant` and `tenants`", "set only one of them", "tenants");
  }
  const metadata = field(event, "metadata");
  if (isFields(metadata) && isPresent(field(metadata, SHARED_ID))) {
    const member = `metadata.${SHARED_ID}`;
    throw invalid(`the recorder sets ${member} of an event with \`tenants\``, "use another name", member);
  }
  return [...new Set(given as string[])];
}

/** Returns the tenants in an event's JSON; undefined unless they are valid and several. */
export function severalTenantsIn(json: string): readonly string[] | undefined {
  if (!json.includes('"tenants":')) {
    return undefined;
  }
  try {
    const tenants = tenantsOf(JSON.parse(json));
    return tenants === undefined || tenants.length < 2 ? undefined : tenants;
  } catch {
    return undefined;
  }
}

/**
 * Returns the copies of an event for these tenants. They name only their own tenant, and have the same random
 * `metadata.shared_id`, unless there is only one.
 */
export function copiesOf(
  event: object,
  tenants: readonly string[],
  random: (bytes: Uint8Array<ArrayBuffer>) => unknown,
): Copy[] {
  const shared = copyOf(event);
  delete shared.tenants;
  if (tenants.length > 1) {
    const bytes = new Uint8Array(16);
    random(bytes);
    const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    const metadata = field(shared, "metadata") ?? {};
    // Anything else is rejected as in any other event.
    shared.metadata = isFields(metadata) ? { ...metadata, [SHARED_ID]: id } : metadata;
  }
  return tenants.map((tenant) => [tenant, JSON.stringify({ ...shared, tenant })]);
}

/** Returns the handle of an event with `tenants`, given the handles of its copies. */
export function sharedHandle(tenants: ReadonlyMap<string, Handle>): Handle {
  const all = async <T>(work: (handle: Handle) => Promise<T>): Promise<T> => {
    const works = Array.from(tenants, ([tenant, handle]) =>
      work(handle).catch((cause) => {
        throw cause instanceof CountersignError ? ofTenant(tenant, cause) : cause;
      }),
    );
    const [first] = await Promise.all(works);
    return first as T;
  };
  return {
    stored: () => all((handle) => handle.stored()),
    delivered: () => all((handle) => handle.delivered()),
    tenants,
  };
}

/** Returns the handle of an event with `tenants` that waits for its recorder to start. */
export function earlyHandle(tenants: readonly string[], recorded: () => Promise<Handle>): Handle {
  const copy = async (tenant: string): Promise<Handle> => {
    const handle = await recorded();
    // Without the option `tenants`, the recorder has one log.
    return handle.tenants === undefined ? handle : (handle.tenants.get(tenant) ?? removed());
  };
  const early = (tenant: string): Handle => ({
    stored: async () => (await copy(tenant)).stored(),
    delivered: async () => (await copy(tenant)).delivered(),
  });
  return {
    stored: async () => (await recorded()).stored(),
    delivered: async () => (await recorded()).delivered(),
    tenants: new Map(tenants.map((tenant) => [tenant, early(tenant)])),
  };
}

function removed(): Handle {
  const hint = "check whether `beforeRecord` changed `tenants`";
  return invalidHandle(invalid("the event was not recorded for this tenant", hint, "tenants"));
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== "";
}

/** Returns an event's object if JSON text contains one. */
export function eventIn(json: string): AuditEvent | undefined {
  try {
    const event: unknown = JSON.parse(json);
    return isFields(event) ? (event as AuditEvent) : undefined;
  } catch {
    // The pipeline of the default tenant rejects it.
    return undefined;
  }
}
