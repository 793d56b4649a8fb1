/** A tenant of a root log's server, as `GET /tenants` lists it. */

import { rootOrigin } from "@countersign/ui/viewer/session/pin.js";
import type { TrustChoice } from "../../src/input/trust.ts";

/** Origin of a tenant log: a name of a key, which has no spaces, control characters, or plus signs, and an ID. */
const ORIGIN = /^[^\s\p{C}+]+\/t\/[0-9a-f]{32}$/u;

/** States of a tenant log. A state that is none of these is shown as the log server names it. */
export const TENANT_STATES = ["live", "new", "ended", "moved", "stopped"] as const;

export type TenantState = (typeof TENANT_STATES)[number];

export interface Tenant {
  readonly name: string;
  readonly origin: string;
  /** The last part of the origin. */
  readonly id: string;
  readonly state: string;
  /** Number of entries in the newest tick. */
  readonly size: number;
  /** The tick at which its log was created; undefined before. */
  readonly since: number | undefined;
  /** The code of the reason why the log server stopped the log, if it did. */
  readonly stopped: string | undefined;
}

/** Parses a line of the list; undefined if it doesn't describe a tenant. */
export function parseTenant(line: string): Tenant | undefined {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = Object(JSON.parse(line)) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  const { name, origin, state, size, since, stopped } = fields;
  if (typeof name !== "string" || typeof origin !== "string" || !ORIGIN.test(origin)) return undefined;
  if (typeof state !== "string" || !isCount(size) || !(since === null || isCount(since))) return undefined;
  const id = origin.slice(rootOrigin(origin).length + "/t/".length);
  const reason = typeof stopped === "string" ? stopped : undefined;
  const shown = reason === undefined ? state : "stopped";
  return { name, origin, id, state: shown, size, since: since ?? undefined, stopped: reason };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Returns the state if the console has words for it. */
export function knownState({ state }: Tenant): TenantState | undefined {
  return TENANT_STATES.find((known) => known === state);
}

/** Returns the address of a tenant log, next to that of its root log. */
export function addressOf({ id }: Pick<Tenant, "id">): string {
  return `t/${id}/`;
}

/**
 * Returns the trust for one tenant's log: without an `origin` line for it, the choice with the one that the list states.
 * Without such a line, a verifier can't tell the log from another tenant's.
 */
export function trustOf(choice: TrustChoice, { origin, since }: Tenant): TrustChoice {
  const { file } = choice;
  if (file === undefined) return choice;
  const named = file.text.split("\n").map((line) => line.trim().split(/[ \t]+/));
  if (named.some(([word, name]) => word === "origin" && name === origin)) return choice;
  const line = `origin ${origin}${since === undefined ? "" : ` ${since}`}\n`;
  const text = file.text === "" || file.text.endsWith("\n") ? file.text : `${file.text}\n`;
  return { ...choice, file: { ...file, text: text + line } };
}
