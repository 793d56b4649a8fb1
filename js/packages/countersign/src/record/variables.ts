/** Environment variables for a recorder's options. */

import { CountersignError, refused } from "../error.js";
import { hasField, own } from "../own.js";

/** The variable of each option. */
export const VARIABLES = { key: "AUDIT_KEY", to: "AUDIT_URL", log: "AUDIT_LOG" } as const;

/** An option with a variable. */
type Option = keyof typeof VARIABLES;

/** The value of each variable. */
const VALUES: Readonly<Record<Option, string>> = {
  key: "a private key from `npx countersign keygen NAME`",
  to: "the log server's URL",
  log: "the log's public key (vkey)",
};

/** The parts of the global object that give access to environment variables. */
interface Globals {
  readonly process?: { readonly env?: { readonly [name: string]: string | undefined } };
  readonly Deno?: {
    readonly env: { get(name: string): string | undefined };
    readonly permissions: { querySync?(permission: { name: "env"; variable: string }): { readonly state: string } };
  };
}

/**
 * Returns the options with the values of environment variables for `key`, `to`, and `log` if they are absent. An option
 * that is present but undefined is an error of its own: its value probably comes from a misspelled variable. Throws
 * `options.invalid` with the names of all variables that aren't set, and never their values.
 */
export function withVariables<Options extends object>(options: Options): Options {
  if (typeof options !== "object" || options === null) {
    return options;
  }
  const absent = absentOptions(options);
  if (absent.length === 0) {
    return options;
  }
  const values = absent.map((option) => [option, readVariable(VARIABLES[option], option)] as const);
  const missing = values.flatMap(([option, value]) => (value === undefined ? option : []));
  if (missing.length > 0) {
    throw unset(missing);
  }
  return own({ ...options, ...Object.fromEntries(values) });
}

/** Returns the absent options that have variables. A transport needs neither a URL nor a log's key. */
export function absentOptions(options: object): Option[] {
  const { to, origin } = options as { to?: unknown; origin?: unknown };
  const isTransport =
    (hasField(options, "origin") && origin !== undefined) ||
    (hasField(options, "to") &&
      (typeof to === "function" || (typeof to === "object" && to !== null && hasField(to, "write"))));
  const needed: readonly Option[] = isTransport ? ["key"] : ["key", "to", "log"];
  return needed.filter((option) => !hasField(options, option));
}

/** Returns a variable's value; undefined if it is empty or not set, or if the runtime has no environment variables. */
function readVariable(name: string, option: Option): string | undefined {
  const { Deno, process } = globalThis as Globals;
  try {
    // The name is computed: bundlers replace `process.env.NAME`, and a page must not contain a private key.
    return (Deno === undefined ? process?.env?.[name] : Deno.env.get(name)) || undefined;
  } catch (cause) {
    const names = Object.values(VARIABLES).join(",");
    throw new CountersignError("options.invalid", `the environment variable ${name} can't be read`, {
      member: option,
      hint: `in Deno, run the program with --allow-env=${names}, or pass the option \`${option}\``,
      cause,
    });
  }
}

/** Returns the value of a variable that may be read without asking the user; undefined otherwise. */
export function permittedVariable(name: string): string | undefined {
  const { Deno, process } = globalThis as Globals;
  try {
    if (Deno === undefined) {
      return process?.env?.[name] || undefined;
    }
    const isGranted = Deno.permissions.querySync?.({ name: "env", variable: name }).state === "granted";
    return isGranted ? Deno.env.get(name) || undefined : undefined;
  } catch {
    return undefined;
  }
}

function unset(options: readonly Option[]): CountersignError {
  const names = options.map((option) => VARIABLES[option]);
  const what =
    names.length === 1
      ? `the environment variable ${names[0]} is not set`
      : `the environment variables ${listOf(names)} are not set`;
  const values = options.map((option) => `${VARIABLES[option]} to ${VALUES[option]}`);
  const isWorker = globalThis.navigator?.userAgent === "Cloudflare-Workers";
  const sets = isWorker
    ? "in a Worker, use withCountersign from countersign/cloudflare, which reads them from `env`"
    : `in development, start the program with \`npx countersign dev -- npm run dev\`, which sets ${names.length === 1 ? "it" : "them"}`;
  return refused(options[0], what, `${sets}; otherwise set ${listOf(values)}, or pass ${listOf(options)}`);
}

/** Returns the words as a list: `a`, `a and b`, or `a, b, and c`. */
function listOf(words: readonly string[]): string {
  const [first = "", second = ""] = words;
  return words.length < 3
    ? words.length < 2
      ? first
      : `${first} and ${second}`
    : `${words.slice(0, -1).join(", ")}, and ${words.at(-1)}`;
}
