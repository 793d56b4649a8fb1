/** Options of a Worker's recorder, which may contain bindings. */

import type { Fetch } from "../deliver/log-server.js";
import { CountersignError, must } from "../error.js";
import { field, hasField, own, ownFields } from "../own.js";
import { type LogOptions, ownRecorderOptions, type RecorderOptions, type TransportOptions } from "../record/options.js";
import { absentOptions, VARIABLES } from "../record/variables.js";

/** A secret in Cloudflare's Secrets Store. */
export interface StoredSecret {
  get(): Promise<string>;
}

/** A service binding. */
export interface ServiceBinding {
  fetch: Fetch;
}

/** A Durable Object namespace binding. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: never): { fetch: Fetch };
}

/** A binding, and for a namespace the name of the object. */
export interface NamedObject {
  binding: ObjectNamespace | ServiceBinding;
  /**
   * The object's name.
   *
   * @default the log's origin, as `logHandler` names it
   */
  name?: string | undefined;
}

/** Options that Workers replace, or that they set themselves. */
type Other = "autoFlush" | "key" | "to";

/** Options for recording into a log from a Worker. */
export interface WorkerLogOptions extends Omit<LogOptions, Other> {
  /**
   * Signs the events: a private key as text, a secret of the Secrets Store, or a signer.
   *
   * @default the Worker's variable, secret, or binding `AUDIT_KEY`, if the option is absent
   * @example
   * ```ts
   * key: env.AUDIT_KEY
   * ```
   */
  key?: LogOptions["key"] | StoredSecret;
  /**
   * The log server: its URL, a service binding, a Durable Object namespace of `CountersignLog`, or `{ url, fetch }`.
   *
   * @default the Worker's variable or binding `AUDIT_URL`, if the option is absent
   * @example
   * ```ts
   * to: env.LOG
   * ```
   */
  to?: LogOptions["to"] | ServiceBinding | ObjectNamespace | NamedObject;
}

/** Options for recording without a log from a Worker. */
export interface WorkerTransportOptions extends Omit<TransportOptions, Exclude<Other, "to">> {
  /**
   * Signs the events: a private key as text, a secret of the Secrets Store, or a signer.
   *
   * @default the Worker's variable, secret, or binding `AUDIT_KEY`, if the option is absent
   * @example
   * ```ts
   * key: env.AUDIT_KEY
   * ```
   */
  key?: TransportOptions["key"] | StoredSecret;
}

/**
 * Options of a Worker's recorder. Flushes start only when an invocation ends. The default timeout of a request to the
 * log server is 8 seconds, which leaves time for a retry in the 30 seconds that an invocation has after its response.
 */
export type WorkerOptions = WorkerLogOptions | WorkerTransportOptions;

/** The options, or a function that returns them for a Worker's environment. */
export type WorkerOptionsOf<Env> = WorkerOptions | ((env: Env) => WorkerOptions | Promise<WorkerOptions>);

/** Placeholder URL of a log server behind a binding; it is never resolved. */
const INTERNAL = "https://countersign.internal";

/**
 * Evaluates options in an environment, which has the values of absent ones. Throws an error that names missing
 * variables.
 */
export async function readOptions<Env>(input: WorkerOptionsOf<Env>, env: Env): Promise<RecorderOptions> {
  const options = withBindings(
    ownRecorderOptions(typeof input === "function" ? await evaluate(input, env) : input),
    env,
  );
  const key = isStored(options.key) ? await options.key.get() : options.key;
  if (options.origin !== undefined) {
    return { ...options, key };
  }
  return { ...options, key, to: logServerOf(options) };
}

/** Returns the options with the values of absent ones from the environment. */
function withBindings(options: WorkerOptions, env: unknown): WorkerOptions {
  if (typeof options !== "object" || options === null) {
    return options;
  }
  const values = absentOptions(options).map((option) => [option, field(env, VARIABLES[option])] as const);
  const missing = values.flatMap(([option, value]) => (value === undefined || value === "" ? option : []));
  if (missing.length > 0) {
    throw unset(
      missing.map((option) => VARIABLES[option]),
      missing,
    );
  }
  return own({ ...options, ...Object.fromEntries(values) });
}

async function evaluate<Env>(
  make: (env: Env) => WorkerOptions | Promise<WorkerOptions>,
  env: Env,
): Promise<WorkerOptions> {
  const missing: string[] = [];
  let options: WorkerOptions;
  try {
    options = await make(trackMissing(env, missing));
  } catch (cause) {
    throw missing.length === 0 ? cause : unset(missing, [], cause);
  }
  const empty = missing.length === 0 ? [] : emptyOptions(options);
  if (empty.length > 0) {
    throw unset(missing, empty);
  }
  return options;
}

/** Returns the environment in a proxy that lists variables which are read but missing. */
function trackMissing<Env>(env: Env, missing: string[]): Env {
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

/** Returns the names of required options that are present but empty. */
function emptyOptions(options: WorkerOptions): string[] {
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
  // Options can be matched to variables only if there are equally many of both.
  const matched = names.length === members.length;
  const isOfDev = names.some((name) => (Object.values(VARIABLES) as string[]).includes(name));
  const hints = names.map((name, nth) => ((matched && HINTS[members[nth] ?? ""]) || anyHint)(name));
  if (isOfDev) {
    hints.unshift(DEV_HINT);
  }
  return new CountersignError("options.invalid", `the Worker's environment lacks variables: ${names.join(", ")}`, {
    member: members[0],
    hint: hints.join("; "),
    cause,
  });
}

/** The hint for the variables that `countersign dev` prints. Wrangler doesn't pass its own variables on to the Worker. */
const DEV_HINT =
  "for local work, run `npx countersign dev --env .dev.vars`, and `npx wrangler dev` in a second terminal; for production, set each variable";

const variable = (name: string, value: string) => `add to wrangler.jsonc: "vars": { "${name}": "${value}" }`;

/** Hints for setting a missing variable, by option. */
const HINTS: Readonly<Record<string, (name: string) => string>> = {
  key: (name) =>
    `run npx wrangler secret put ${name} with a private key from \`npx countersign keygen\` (for wrangler dev: ${name}=PRIVATE+KEY+… in .dev.vars)`,
  to: (name) =>
    `${variable(name, "https://log.example")}, or a binding: "services": [{ "binding": "${name}", "service": "…" }] or "durable_objects": { "bindings": [{ "name": "${name}", "class_name": "CountersignLog" }] }`,
  log: (name) => `${variable(name, "example.com/audit+1a2b3c4d+A…")}, the log's vkey, from the log operator`,
  origin: (name) => variable(name, "example.com/audit"),
};
const anyHint = (name: string) =>
  `set ${name}: use npx wrangler secret put ${name} for a key, and "vars" or a binding in wrangler.jsonc for other options`;

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
  const hint = "pass the namespace: to: env.LOG, or { binding: env.LOG, name }";
  must(
    to.constructor?.name !== "DurableObject",
    "to",
    "`to` can't be a Durable Object stub, which only works in the request that created it",
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

/**
 * Returns the log server behind a Durable Object. Each request creates its own stub, because stubs are bound to
 * requests.
 */
function objectOf(namespace: ObjectNamespace, name: string): LogOptions["to"] {
  return {
    url: INTERNAL,
    fetch: (url, init) => namespace.get(namespace.idFromName(name) as never).fetch(url, init),
  };
}

/** Returns the origin in a vkey, or in the `log` line of a trust file. */
function originOf(log: unknown): string {
  const [, origin = ""] = /^(?:log\s+)?([^\s+]+)\+/m.exec(typeof log === "string" ? log.trim() : "") ?? [];
  return origin;
}

/**
 * True for a namespace, which has no `fetch`. `idFromName` alone can't tell: a service binding treats any name as RPC.
 */
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
