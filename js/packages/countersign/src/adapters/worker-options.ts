/** What a Worker's recorder is made with: options that may hold bindings as they are. */

import type { Fetch } from "../deliver/log-server.js";
import { CountersignError, must } from "../error.js";
import { hasField, ownFields } from "../own.js";
import { type LogOptions, ownRecorderOptions, type RecorderOptions, type TransportOptions } from "../record/options.js";

/** A secret of Cloudflare's Secrets Store. */
export interface StoredSecret {
  get(): Promise<string>;
}

/** A service binding. */
export interface ServiceBinding {
  fetch: Fetch;
}

/** A binding of Durable Objects. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: never): { fetch: Fetch };
}

/** A binding, and of a namespace the object. */
export interface NamedObject {
  binding: ObjectNamespace | ServiceBinding;
  /** The object's name. By default the log's origin, as `logHandler` names it. */
  name?: string | undefined;
}

/** What a Worker takes in its own way, or leaves no choice in: when flushes begin. */
type Other = "autoFlush" | "key" | "to";

/** Recording into a log, from a Worker. */
export interface WorkerLogOptions extends Omit<LogOptions, Other> {
  key: LogOptions["key"] | StoredSecret;
  /** The log server: its address, a service binding, a binding of Durable Objects (`CountersignLog`), or `{ url, fetch }`. */
  to: LogOptions["to"] | ServiceBinding | ObjectNamespace | NamedObject;
}

/** Recording without a log, from a Worker. */
export interface WorkerTransportOptions extends Omit<TransportOptions, Exclude<Other, "to">> {
  key: TransportOptions["key"] | StoredSecret;
}

/**
 * How a Worker records. Flushes begin when an invocation ends and not by themselves, and a log server may take 8 seconds
 * for an answer, so that there is time for another try within the 30 that an invocation has after its answer.
 */
export type WorkerOptions = WorkerLogOptions | WorkerTransportOptions;

/** The options, or what makes them of a Worker's environment. */
export type WorkerOptionsOf<Env> = WorkerOptions | ((env: Env) => WorkerOptions | Promise<WorkerOptions>);

/** What a log server behind a binding is called; nothing resolves it. */
const INTERNAL = "https://countersign.internal";

/** Reads options in an environment. What is missing there is named. */
export async function readOptions<Env>(given: WorkerOptionsOf<Env>, env: Env): Promise<RecorderOptions> {
  const options = ownRecorderOptions(typeof given === "function" ? await evaluated(given, env) : given);
  const key = isStored(options.key) ? await options.key.get() : options.key;
  if (options.origin !== undefined) {
    return { ...options, key };
  }
  return { ...options, key, to: logServerOf(options) };
}

async function evaluated<Env>(
  make: (env: Env) => WorkerOptions | Promise<WorkerOptions>,
  env: Env,
): Promise<WorkerOptions> {
  const missing: string[] = [];
  let options: WorkerOptions;
  try {
    options = await make(watched(env, missing));
  } catch (cause) {
    throw missing.length === 0 ? cause : unset(missing, [], cause);
  }
  const empty = missing.length === 0 ? [] : emptyMembers(options);
  if (empty.length > 0) {
    throw unset(missing, empty);
  }
  return options;
}

/** The environment, which notes what was asked for and is not there. */
function watched<Env>(env: Env, missing: string[]): Env {
  if (typeof env !== "object" || env === null) {
    return env;
  }
  return new Proxy(env, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if ((value === undefined || value === "") && typeof name === "string" && !missing.includes(name)) {
        missing.push(name);
      }
      return value;
    },
  });
}

/** Members that are there and hold nothing, in their order. */
function emptyMembers(options: WorkerOptions): string[] {
  const isEmpty = (value: unknown) => value === undefined || value === "";
  return Object.entries(options)
    .filter(([name, value]) => ["key", "to", "log", "origin"].includes(name) && (isEmpty(value) || hasNoTarget(value)))
    .map(([name]) => name);

  function hasNoTarget(value: unknown): boolean {
    const names = ["binding", "url"];
    return isPlain(value) && names.some((name) => Object.hasOwn(value, name) && isEmpty(value[name]));
  }
}

function unset(names: readonly string[], members: readonly string[], cause?: unknown): CountersignError {
  // Where each member has its variable, which is for what is known.
  const matched = names.length === members.length;
  const hints = names.map((name, nth) => ((matched && HINTS[members[nth] ?? ""]) || anyHint)(name));
  return new CountersignError("options.invalid", `the Worker's environment has no ${names.join(", no ")}`, {
    member: members[0],
    hint: hints.join("; "),
    cause,
  });
}

const variable = (name: string, value: string) => `in wrangler.jsonc: "vars": { "${name}": "${value}" }`;

/** How a variable is set, by the member that it is for. */
const HINTS: Readonly<Record<string, (name: string) => string>> = {
  key: (name) =>
    `npx wrangler secret put ${name}, with a signer key as \`countersign keygen\` makes it (for wrangler dev: ${name}=PRIVATE+KEY+… in .dev.vars)`,
  to: (name) =>
    `${variable(name, "https://log.example.com")}, or a binding: "services": [{ "binding": "${name}", "service": "…" }] or "durable_objects": { "bindings": [{ "name": "${name}", "class_name": "CountersignLog" }] }`,
  log: (name) => `${variable(name, "example.com/audit+1a2b3c4d+A…")}, the log's vkey, which who runs the log has`,
  origin: (name) => variable(name, "example.com/audit"),
};
const anyHint = (name: string) =>
  `set ${name}: npx wrangler secret put ${name} for a key, "vars" or a binding in wrangler.jsonc for the rest`;

function logServerOf({ to, log }: WorkerLogOptions): LogOptions["to"] {
  if (typeof to !== "object" || to === null || to instanceof URL || (isPlain(to) && Object.hasOwn(to, "url"))) {
    return to as LogOptions["to"];
  }
  if (isPlain(to) && Object.hasOwn(to, "binding")) {
    const { binding, name } = ownFields(to, ["binding", "name"]) as unknown as NamedObject;
    return isNamespace(binding) && name !== undefined
      ? objectOf(binding, name)
      : logServerOf({ to: binding, log } as WorkerLogOptions);
  }
  const hint = "give the namespace: to: env.LOG, or { binding: env.LOG, name }";
  must(
    to.constructor?.name !== "DurableObject",
    "to",
    "a Durable Object's stub is of no use to the next request",
    hint,
  );
  if (isFetcher(to)) {
    return { url: INTERNAL, fetch: (url, init) => to.fetch(url, init) };
  }
  if (isNamespace(to)) {
    return objectOf(to, originOf(log));
  }
  return to as LogOptions["to"];
}

/** A stub is of the request that made it, so that each has its own. */
function objectOf(namespace: ObjectNamespace, name: string): LogOptions["to"] {
  return {
    url: INTERNAL,
    fetch: (url, init) => namespace.get(namespace.idFromName(name) as never).fetch(url, init),
  };
}

/** The origin in a vkey, or in a trust file's line on its log. */
function originOf(log: unknown): string {
  const [, origin = ""] = /^(?:log\s+)?([^\s+]+)\+/m.exec(typeof log === "string" ? log.trim() : "") ?? [];
  return origin;
}

/** A service takes any name for one of its methods, and a namespace has no `fetch`. */
export function isNamespace(to: object): to is ObjectNamespace {
  return !isFetcher(to) && "idFromName" in to && typeof to.idFromName === "function";
}

function isFetcher(to: object): to is ServiceBinding {
  return "fetch" in to && typeof to.fetch === "function";
}

function isStored(key: WorkerOptions["key"]): key is StoredSecret {
  return (
    typeof key === "object" && key !== null && !hasField(key, "vkey") && "get" in key && typeof key.get === "function"
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
