/** Receipts: proofs that a log contains an entry, as a tlog-proof, a tenant log's receipt, or a COSE receipt. */

import type { CompiledModule } from "../artifact/load.js";
import { must } from "../error.js";
import { own } from "../own.js";
import { codedBy } from "../rpc/errors.js";
import init, { verifyReceipt } from "../wasm/verifier.js";
import { readText, refuseAny } from "./options.js";

/** The trusted keys, and the expected log. */
export interface ReceiptOptions {
  /**
   * The text of a trust file. It needs a line `log`.
   *
   * @example
   * ```ts
   * trust: await readFile("trust.txt", "utf8")
   * ```
   */
  readonly trust: string;
  /**
   * The origin of the expected log. If the trust file has lines `origin`, one of them must name the log in any case.
   *
   * @default undefined: a log of the `origin` lines, or without them, any log of the trust file
   * @example
   * ```ts
   * origin: "example.com/audit"
   * ```
   */
  readonly origin?: string | undefined;
}

/** The result of verifying a receipt. */
export interface ReceiptResult {
  /**
   * `verified`: a log that you trust contains the entry. `altered`: the receipt is not for this entry, or one of them was
   * changed. `broken`: it is another log, or too few witnesses cosigned. `untrusted`: the log's key is not in the trust
   * file.
   */
  readonly verdict: "verified" | "altered" | "broken" | "untrusted";
  /** The log's origin, as the receipt states it. */
  readonly origin: string | null;
  /** The entry's index in the log. */
  readonly index: number;
  /** The number of entries that the log had. */
  readonly size: number;
  /** False if the log didn't sign where the entry is. */
  readonly isIndexSigned: boolean;
  /** The reason, unless the verdict is `verified`. */
  readonly reason: string | null;
}

/**
 * Verifies the receipt of an entry: a tlog-proof, the receipt of a tenant log, or a COSE receipt. `entry` is the entry byte
 * for byte, such as a link without a line end.
 */
export type VerifyReceipt = (
  receipt: string | Uint8Array,
  entry: string | Uint8Array,
  options: ReceiptOptions,
) => Promise<ReceiptResult>;

/** Verifies a receipt with a module, which it instantiates if this thread has none yet. */
export async function judgeReceipt(
  module: CompiledModule,
  receipt: string | Uint8Array,
  entry: string | Uint8Array,
  options: ReceiptOptions,
): Promise<ReceiptResult> {
  must(
    typeof receipt === "string" || receipt instanceof Uint8Array,
    undefined,
    "the receipt must be a string or a Uint8Array",
    "pass the text of a receipt, or the bytes of a COSE receipt",
  );
  must(
    typeof entry === "string" || entry instanceof Uint8Array,
    undefined,
    "the entry must be a string or a Uint8Array",
    "pass the entry byte for byte, such as a link without its line end",
  );
  const { trust, origin } = readReceiptOptions(options);
  await init({ module_or_path: module as WebAssembly.Module });
  const encoder = new TextEncoder();
  const bytesOf = (input: string | Uint8Array) => (typeof input === "string" ? encoder.encode(input) : input);
  try {
    return verifyReceipt(bytesOf(receipt), bytesOf(entry), encoder.encode(trust), origin) as ReceiptResult;
  } catch (error) {
    throw codedBy("verifier", error);
  }
}

function readReceiptOptions(options: ReceiptOptions): ReceiptOptions {
  must(Object(options) === options, undefined, "options must be an object", "pass { trust }");
  const { trust, origin, ...others } = own(options);
  refuseAny(others, "trust, origin");
  must(typeof trust === "string", "trust", "`trust` is required: the text of a trust file", "pass { trust }");
  return {
    trust: readText(trust, "trust"),
    origin: origin === undefined ? undefined : readText(origin, "origin"),
  };
}
