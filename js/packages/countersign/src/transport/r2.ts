/** A transport into a bucket of Cloudflare R2. */

import { CountersignError, must } from "../error.js";
import { ownOptions } from "../known.js";
import { headless, Tail } from "./tail.js";
import type { StoringTransport } from "./transport.js";

/** What is needed of an R2 bucket's binding. */
export interface Bucket {
  get(key: string): Promise<{ arrayBuffer(): Promise<ArrayBuffer> } | null>;
  /** Null where the condition does not hold. */
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

/** Where in the bucket. */
export interface R2TransportOptions {
  /** What all keys begin with: `audit/`. Nothing else is to be under it. */
  prefix?: string | undefined;
}

/** Objects and folders in a folder. A list of so many is one request. */
const FANOUT = 1000;
/** How many of the last objects may hold what a writer that comes back gives again. */
const BEFORE = 16;
const NAME = /^\d{3}(\/|\.ndjson)$/;

/**
 * Keeps an export as objects, one for each chunk: `000/000/000.ndjson`, `000/000/001.ndjson` and so on. In the order of
 * their keys they are one export. An object is only ever created, so that several writers can share a prefix.
 *
 * What was stored though its answer was lost is not stored again. A writer that comes back with an outbox looks for it
 * among the last 16 objects: where others may store more than that meanwhile, give each writer a prefix of its own.
 */
export function r2Transport(bucket: Bucket, options: R2TransportOptions = {}): StoringTransport {
  const { prefix = "" } = ownOptions(options, ["prefix"]);
  const hint = "give the binding, such as env.AUDIT: is it among r2_buckets of wrangler.jsonc?";
  must(typeof bucket?.put === "function", "to", "this is no R2 bucket", hint);
  let next: number | undefined;
  /** The last objects of before, until there is something new. */
  let before: Uint8Array[] = [];
  const read = async (number: number) => {
    const object = await bucket.get(`${prefix}${keyOf(number)}`);
    return object === null ? undefined : new Uint8Array(await object.arrayBuffer());
  };
  const begin = async (): Promise<number> => {
    const last = await lastNumber(bucket, prefix);
    const numbers = Array.from({ length: Math.min(BEFORE, last + 1) }, (_, nth) => last - nth).reverse();
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

/** What of the lines is not in an object before them. */
function without(lines: Uint8Array, object: Uint8Array): Uint8Array {
  return new Tail(object).fresh(headless(lines));
}

function keyOf(number: number): string {
  const digits = String(number).padStart(9, "0");
  if (digits.length > 9) {
    throw new CountersignError("transport.failed", "there are as many objects as there can be", {
      hint: "give another prefix",
    });
  }
  return `${digits.slice(0, 3)}/${digits.slice(3, 6)}/${digits.slice(6)}.ndjson`;
}

/** The number of the last object, and 0 where there is none. */
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

/** What is in a folder: a folder in it ends in a slash. */
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
