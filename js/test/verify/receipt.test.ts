/** Tests that receipts verify as the program verifies them. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verifyReceipt } from "countersign/verify";

interface Vector {
  readonly name: string;
  readonly receipt: string;
  readonly entry: string;
  readonly trust: string;
  readonly origin: string | null;
  readonly valid: boolean;
}

const read = (name: string): Vector[] =>
  JSON.parse(readFileSync(new URL(`../../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
const vectors = read("cose-receipts");
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const named = (name: string): Vector => {
  const found = vectors.find((vector) => vector.name === name);
  assert.ok(found, name);
  return found;
};

test("receipts have the result of the vectors", async () => {
  const cose = vectors.map((vector) => ({ ...vector, receipt: bytesOf(vector.receipt) }));
  for (const { name, receipt, entry, trust, origin, valid } of [...cose, ...read("receipts")]) {
    const options = { trust, origin: origin ?? undefined };
    const verdict = await verifyReceipt(receipt, entry, options).then(
      ({ verdict, reason }) => {
        assert.equal(reason === null, verdict === "verified", name);
        return verdict;
      },
      (error: { code: string }) => error.code,
    );
    assert.equal(verdict === "verified", valid, `${name}: ${verdict}`);
  }
});

test("the result says where the entry is, and why a receipt isn't valid", async () => {
  const { receipt, entry, trust } = named("valid");
  const encoded = new TextEncoder().encode(entry);
  const expected = { verdict: "verified", origin: "log.example/audit", index: 2, size: 5, isIndexSigned: true };
  assert.deepEqual(await verifyReceipt(bytesOf(receipt), encoded, { trust }), { ...expected, reason: null });
  const altered = await verifyReceipt(bytesOf(receipt), `${entry}\n`, { trust });
  assert.equal(altered.verdict, "altered");
  assert.match(altered.reason ?? "", /^the log did not sign the root/);
  const untrusted = await verifyReceipt(bytesOf(receipt), entry, { trust: "quorum none\n" });
  assert.equal(untrusted.verdict, "untrusted");
});

/** SPEC section 8: all `origin` lines together are one expectation, for every form of receipt. */
test("the log must be one that the trust file names", async () => {
  const { receipt, entry, trust } = named("valid");
  const verdict = async (lines: string) =>
    (await verifyReceipt(bytesOf(receipt), entry, { trust: trust + lines })).verdict;
  assert.equal(await verdict("origin log.example/audit\n"), "verified");
  assert.equal(await verdict("origin log.example/stage\n"), "broken");
  assert.equal(await verdict("origin log.example/audit/t/8f000000000000000000000000000001\n"), "broken");
});

test("malformed receipts and wrong arguments reject", async () => {
  const { receipt, entry, trust } = named("valid");
  const refused = (code: string, ...args: unknown[]) =>
    assert.rejects(Reflect.apply(verifyReceipt, undefined, args), { name: "CountersignError", code });
  await refused("proof.invalid", bytesOf(receipt).subarray(1), entry, { trust });
  await refused("trust.invalid", bytesOf(receipt), entry, { trust: "log x\n" });
  await refused("proof.invalid", receipt, entry, { trust });
  await refused("options.invalid", 7, entry, { trust });
  await refused("options.invalid", bytesOf(receipt), 7, { trust });
  await refused("options.invalid", bytesOf(receipt), entry);
  await refused("options.invalid", bytesOf(receipt), entry, { trust, origin: 7 });
  await refused("options.invalid", bytesOf(receipt), entry, { trust, orgin: "log.example/audit" });
  await refused("options.invalid", bytesOf(receipt), entry, { trust: `${trust}\ud800` });
});
