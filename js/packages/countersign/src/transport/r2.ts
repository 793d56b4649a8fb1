/** A transport that writes to a Cloudflare R2 bucket. */

import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { Tail, withoutHeader } from "./tail.js";
import type { StoringTransport } from "./transport.js";

/** The parts of an R2 bucket binding that are used. */
export interface Bucket {
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer> } | null>;
  /** Resolves to null if the condition fails. */
  put(
    key: string,
    value: Uint8Array,
    options: { onlyIf: Headers; httpMetadata: { contentType: string } },
  ): Promise<object | null>;
  list(options: { prefix: string; delimiter?: string; limit?: number; cursor?: string }): Promise<{
    objects: readonly { readonly key: string }[];
    delimitedPrefixes: readonly string[];
    truncated: boolean;
    cursor?: string;
  }>;
}

/** Options of `r2Transport`. */
export interface R2TransportOptions {
  /**
   * Prefix of all keys, such as `audit/`. No other objects may have it.
   *
   * @default ""
   * @example
   * ```ts
   * prefix: "audit/"
   * ```
   */
  prefix?: string | undefined;
}

/** Maximum number of objects and folders per folder, which one list request can return. */
const FANOUT = 1000;
/** Number of last objects that are checked for lines which a returning writer sends again. */
const CHECKED_OBJECTS = 16;
const NAME = /^\d{3}(\/|\.ndjson)$/;

/**
 * Stores an export as objects, one per chunk: `000/000/000.ndjson`, `000/000/001.ndjson`, and so on. Concatenated in
 * the order of their keys, they are one export. Objects are only created, never overwritten, so several writers can
 * share a prefix.
 *
 * A chunk that was stored although its response was lost is not stored again. After a restart, a writer with an outbox
 * looks for it in the last 16 objects; if other writers may store more in the meantime, use a prefix per writer.
 */
export function r2Transport(bucket: Bucket, options: R2TransportOptions = {}): StoringTransport {
  const { prefix = "" } = ownOptions(options, ["prefix"]);
  const hint = "pass the binding, such as env.AUDIT, and list it in r2_buckets of wrangler.jsonc";
  must(typeof bucket?.put === "function", "to", "`bucket` must be an R2 bucket", hint);
  let next: number | undefined;
  /** The last existing objects, until a new one is stored. */
  let before: Uint8Array[] = [];
  const read = async (number: number) => {
    const object = await bucket.get(`${prefix}${keyOf(number)}`);
    return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
  };
  const begin = async (): Promise<number> => {
    const last = await lastNumber(bucket, prefix);
    const numbers = Array.from({ length: Math.min(CHECKED_OBJECTS, last + 1) }, (_, nth) => last - nth).reverse();
    const found = await Promise.all(numbers.map(read));
    before = found.filter((bytes) => bytes !== undefined);
    return before.length === 0 ? last : last + 1;
  };
  return {
    begun: async () => (await bucket.list({ prefix, limit: 1 })).objects.length > 0,
    async write(chunk) {
      next ??= await begin();
      let lines = before.reduce(without, chunk);
      while (lines.length > 0) {
        const stored = await bucket.put(`${prefix}${keyOf(next)}`, lines, {
          onlyIf: new Headers({ "if-none-match": "*" }),
          httpMetadata: { contentType: "application/x-ndjson" },
        });
        if (stored === null) {
          lines = without(lines, (await read(next)) ?? new Uint8Array());
        } else {
          lines = lines.subarray(lines.length);
          before = [];
        }
        next += 1;
      }
    },
  };
}

/** Returns the lines that an earlier object does not contain. */
function without(lines: Uint8Array, object: Uint8Array): Uint8Array {
  return new Tail(object).fresh(withoutHeader(lines));
}

function keyOf(number: number): string {
  const digits = String(number).padStart(9, "0");
  if (digits.length > 9) {
    throw new CountersignError("transport.failed", "the prefix has the maximum number of objects", {
      hint: "use another prefix",
    });
  }
  return `${digits.slice(0, 3)}/${digits.slice(3, 6)}/${digits.slice(6)}.ndjson`;
}

/** Returns the number of the last object; 0 if there is none. */
async function lastNumber(bucket: Bucket, prefix: string): Promise<number> {
  let folder = prefix;
  let number = 0;
  for (let level = 0; level < 3; level += 1) {
    const name = (await names(bucket, folder))
      .filter((name) => NAME.test(name))
      .sort()
      .at(-1);
    number = number * FANOUT + Number(name?.slice(0, 3) ?? 0);
    folder += name ?? "";
    if (name === undefined) {
      return number * FANOUT ** (2 - level);
    }
  }
  return number;
}

/** Returns the names in a folder. Names of folders end in a slash. */
async function names(bucket: Bucket, folder: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await bucket.list({ prefix: folder, delimiter: "/", ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.objects.map(({ key }) => key), ...page.delimitedPrefixes);
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
  return found.map((name) => name.slice(folder.length));
}
