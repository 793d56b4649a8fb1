/** Asks a log server for the log of a tenant (SPEC section 16.9). */

import type { LogServerResponse } from "../deliver/log-server.js";
import { readResponse } from "../deliver/response.js";
import { CountersignError } from "../error.js";
import { within } from "../timers.js";
import { type Core, inCore } from "./core.js";
import { signNote } from "./signed-note.js";
import { type KeyHandle, SIGNER_PREFIX, type Signer, type Signing } from "./signer.js";

/** A key as given, and as read. */
export interface ReadKey {
  readonly given: string | KeyHandle | Signer;
  readonly signing: Signing;
}

/** Returns a signed request of this time for the log of a tenant. */
export async function tenantRequest(
  core: Core,
  { key, sign, signNow }: Signing,
  root: string,
  tenant: string,
  date: Date,
  timeout: number,
): Promise<string> {
  const time = date.toISOString();
  if (key.startsWith(SIGNER_PREFIX)) {
    return inCore(() => core.signTenantRequest(key, root, tenant, time));
  }
  const late = () => new Error(`no signature within ${timeout} ms`);
  return signNote(
    `countersign/v1 tenant\n${root}\n${tenant}\n${time}\n`,
    key,
    (bytes) => signNow?.(bytes) ?? (sign ? within(timeout, sign(bytes), late) : new Uint8Array()),
  );
}

/** A log that a server has created for a tenant. */
export interface CreatedLog {
  readonly origin: string;
  /** The tick from which on the log exists; 0 if the server doesn't say. */
  readonly since: number;
}

/** Returns the tenant's log in a response. Undefined if the server refuses this tenant for good. */
export function readTenant(response: LogServerResponse): CreatedLog | undefined {
  const { status, body, from } = response;
  const { origin, since } = body ?? {};
  if (status === 200 && typeof origin === "string") {
    return { origin, since: Number.isSafeInteger(since) && (since as number) >= 0 ? (since as number) : 0 };
  }
  if (status === 202) {
    throw new CountersignError(
      "log_server.busy",
      "the log server has created the log, which waits for its first tick",
      {
        hint: "wait; if this continues, check that the log server reaches its witnesses",
      },
    );
  }
  const code = (body?.error as { code?: unknown } | undefined)?.code;
  if (status === 400 && code === "tenant.invalid") {
    return undefined;
  }
  if (status === 404) {
    throw new CountersignError("log_server.unexpected", `${from} returned HTTP status 404`, {
      hint: "check the URL, and run the log as `countersign serve --tenants` of the native program; `npx countersign dev` has no tenants",
    });
  }
  const read = readResponse(response);
  throw "failure" in read
    ? read.failure.error
    : new CountersignError("log_server.unexpected", `${from} returned no origin`, { hint: "check the URL" });
}
