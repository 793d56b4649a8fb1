import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

test("phraseOf: encodes the first 88 bits of the hash in BIP-39 words", async () => {
  const { phraseOf } = await import("../../src/phrase.ts");
  const { words, hash } = phraseOf("emitter example.com/app+5cc3cc17+ARKQ\n");
  assert.equal(hash, createHash("sha256").update("emitter example.com/app+5cc3cc17+ARKQ\n").digest("hex"));
  assert.equal(words.length, 8);
  // The library derives the first words of a mnemonic from these bits.
  const mnemonic = entropyToMnemonic(Buffer.from(hash.slice(0, 32), "hex"), wordlist).split(" ");
  assert.deepEqual(words, mnemonic.slice(0, 8));
  assert.equal(
    Buffer.from(mnemonicToEntropy(mnemonic.join(" "), wordlist)).toString("hex"),
    hash.slice(0, 32),
  );
  assert.notDeepEqual(phraseOf("another").words, words);
});
