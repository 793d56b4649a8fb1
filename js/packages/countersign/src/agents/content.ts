/** The recorded form of arguments and results: as they are, as a hash, or not at all. */

import { canonical } from "../canonical.js";
import { must } from "../error.js";
import { type Report, refuse, toJson, toJsonSlowly } from "../record/serialize.js";

/**
 * The treatment of a value.
 *
 * - `"record"`: the value, after the recorder's redaction.
 * - `"hash"`: the SHA-256 of its canonical JSON (RFC 8785), in hex.
 * - `"redact"`: neither.
 */
export type ContentRule = "record" | "hash" | "redact";

/** A rule for the whole value, or one for each of its fields. Other fields follow `"*"`, or else the default. */
export type ContentPolicy = ContentRule | { readonly [field: string]: ContentRule };

/** The part of a value that an event contains. */
export interface RecordedContent {
  readonly value?: unknown;
  /** In hex. */
  readonly sha256?: string | undefined;
  /** Size of the value as canonical JSON in UTF-8, if it isn't recorded. */
  readonly bytes?: number | undefined;
}

const RULES: readonly unknown[] = ["record", "hash", "redact"];
const OTHERS = "*";
const REDACTED = "[redacted]";

/** Throws unless the value is a policy or absent. */
export function mustBePolicy(policy: unknown, option: string): void {
  const isPolicy =
    policy === undefined ||
    RULES.includes(policy) ||
    (typeof policy === "object" && policy !== null && Object.values(policy).every((rule) => RULES.includes(rule)));
  const hint = 'pass "record", "hash", or "redact", or an object with one of these for each field';
  must(isPolicy, option, `\`${option}\` is not a policy`, hint);
}

/** Returns a value as JSON data, as `record` would write it. Values that aren't data are reported and omitted. */
export function plainOf(value: unknown, report: Report = () => {}): unknown {
  return JSON.parse(toJson({ value }, report)).value;
}

/** Returns the SHA-256 of a plain value's canonical JSON, in hex. */
export async function hashOf(plain: unknown): Promise<string> {
  return (await hashed(plain)).sha256;
}

/**
 * Returns what a policy lets an event contain of a plain value. Values of more than `maxBytes` are hashed, and so are
 * those that would make the event invalid: an agent chooses them, and must not keep its call from being recorded.
 */
export async function contentOf(
  plain: unknown,
  policy: ContentPolicy,
  otherwise: ContentRule,
  maxBytes: number,
): Promise<RecordedContent> {
  if (plain === undefined) {
    return {};
  }
  if (typeof policy !== "string") {
    const fields = await byField(plain, policy, policy[OTHERS] ?? otherwise);
    return fields === undefined
      ? contentOf(plain, policy[OTHERS] ?? otherwise, otherwise, maxBytes)
      : bounded(fields, maxBytes);
  }
  switch (policy) {
    case "record":
      return bounded(plain, maxBytes);
    case "hash":
      return hashed(plain);
    case "redact":
      return { value: REDACTED };
  }
}

/** Applies a rule to each field; undefined if the value has no fields. */
async function byField(
  plain: unknown,
  rules: Readonly<Record<string, ContentRule>>,
  otherwise: ContentRule,
): Promise<object | undefined> {
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    return undefined;
  }
  const entries = Object.entries(plain).map(async ([name, value]): Promise<[string, unknown]> => {
    switch (Object.hasOwn(rules, name) ? rules[name] : otherwise) {
      case "record":
        return [name, value];
      case "hash":
        return [name, await hashed(value)];
      default:
        return [name, REDACTED];
    }
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function bounded(plain: unknown, maxBytes: number): Promise<RecordedContent> {
  const text = JSON.stringify(plain);
  // No character has more than three bytes per UTF-16 code unit.
  const isSmall = text.length * 3 <= maxBytes || new TextEncoder().encode(text).length <= maxBytes;
  return isSmall && isRecordable(plain) ? { value: plain } : hashed(plain);
}

/** True if an event can contain the plain value in `metadata.tool`: it isn't nested too deep, and its names are Unicode. */
function isRecordable(plain: unknown): boolean {
  try {
    toJsonSlowly({ metadata: { tool: { plain } } }, refuse);
    return true;
  } catch {
    return false;
  }
}

async function hashed(plain: unknown): Promise<{ sha256: string; bytes: number }> {
  const bytes = new TextEncoder().encode(canonical(plain));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return { sha256, bytes: bytes.length };
}
