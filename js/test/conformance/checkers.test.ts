/** What the tests go by refuses what is not so. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Chain } from "./chain.ts";
import { readExport } from "./export.ts";
import { COSIGNATURE, openCosignature, openNote, Signer } from "./keys.ts";
import { EMITTERS, LOG, ORIGIN } from "./setup.ts";
import { expected, hashesOf, pathOf } from "./tiles.ts";
import { grown, leafHash, nodeHash, openProof, root } from "./tree.ts";

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const { lines } = Chain.begin(EMITTERS[0], ORIGIN, "checkers").events(4);
const entries = lines.map(({ link }) => link);
const hashes = entries.map(leafHash);
const [a, b, c, d, e] = hashes as [Buffer, Buffer, Buffer, Buffer, Buffer];
const checkpoint = LOG.note(`${ORIGIN}\n5\n${base64(root(hashes))}\n`);

test("trees are as RFC 6962 has them", () => {
  assert.deepEqual(Buffer.from(root(hashes)), nodeHash(nodeHash(nodeHash(a, b), nodeHash(c, d)), e));
  assert.equal(base64(root([])), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
});

test("a proof proves one leaf at one place", () => {
  const proof = ["c2sp.org/tlog-proof@v1", "index 2", ...[d, nodeHash(a, b), e].map(base64), "", checkpoint].join("\n");
  const leaf = entries[2] ?? "";
  assert.equal(openProof(proof, leaf, LOG.vkey).index, 2);
  for (const wrong of [
    proof.replace("index 2", "index 3"),
    proof.replace("index 2", "index 02"),
    proof.replace("@v1", "@v2"),
    proof.replace(base64(d), base64(c)),
    proof.replace(`${base64(d)}\n`, ""),
    proof.replace(base64(d), `${base64(d)}\n${base64(d)}`),
    proof.replace("\n5\n", "\n6\n"),
    proof.replace(checkpoint, new Signer(ORIGIN, 9).note(checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1))),
  ]) {
    assert.throws(() => openProof(wrong, leaf, LOG.vkey), Error, wrong);
  }
  assert.throws(() => openProof(proof, entries[1] ?? "", LOG.vkey));
});

test("a log that grew shows it", () => {
  const older = { size: 3, root: root([a, b, c]) };
  const path = [c, d, nodeHash(a, b), e];
  assert.deepEqual(grown(older, 5, path).map(base64), [base64(older.root), base64(root(hashes))]);
  assert.notEqual(base64(grown(older, 5, [a, d, nodeHash(a, b), e])[0]), base64(older.root));
  assert.throws(() => grown(older, 5, path.slice(1)));
  assert.throws(() => grown(older, 5, [a, ...path]));
  assert.deepEqual(grown({ size: 4, root: root([a, b, c, d]) }, 5, [e])[1], root(hashes));
});

test("a note is what its key signed", () => {
  assert.equal(openNote(checkpoint, LOG.vkey).split("\n")[1], "5");
  assert.throws(() => openNote(checkpoint.replace("\n5\n", "\n4\n"), LOG.vkey));
  assert.throws(() => openNote(checkpoint, new Signer(ORIGIN, 9).vkey));
  const witness = new Signer("witness.example", 60, COSIGNATURE);
  const text = checkpoint.slice(0, checkpoint.indexOf("\n\n") + 1);
  const seen = checkpoint + witness.cosign(text, 1_600_000_000);
  assert.equal(openCosignature(seen, witness.vkey), 1_600_000_000);
  assert.equal(openCosignature(checkpoint, witness.vkey), undefined);
  assert.equal(openCosignature(checkpoint + witness.cosign(text.replace("5", "6"), 1), witness.vkey), undefined);
});

test("an export's tree leads to its checkpoints, by the fewest skips", () => {
  const header = JSON.stringify({ countersign: "export/v1", origin: ORIGIN });
  const end = JSON.stringify({ checkpoint });
  const skip = (level: number, hash: Uint8Array) => JSON.stringify({ skip: [level, base64(hash)] });
  const write = (...lines: string[]) => `${[header, ...lines, end].join("\n")}\n`;
  const here = (seq: number) => lines[seq]?.text ?? "";
  const good = [skip(1, nodeHash(a, b)), here(2), here(3), here(4)];
  const { entries, broken, size } = readExport(write(...good));
  assert.deepEqual([entries.map(({ index }) => index), broken, size], [[2, 3, 4], 0, 5]);
  assert.equal(readExport(write(skip(0, a), skip(0, b), ...good.slice(1))).broken, 1);
  for (const wrong of [
    write(...good.slice(0, 3)),
    write(...good.slice(1)),
    write(...good, here(4)),
    write(good[0] ?? "", here(3), here(2), here(4)),
    write(skip(1, nodeHash(b, a)), ...good.slice(1)),
    write(here(0), skip(1, nodeHash(b, c)), here(3), here(4)),
    write(...good).replace("export/v1", "export/v2"),
    write(...good).replace(`${end}\n`, ""),
    write(...good).trimEnd(),
  ]) {
    assert.throws(() => readExport(wrong), Error, wrong);
  }
});

test("tiles have the paths and the hashes that C2SP says", () => {
  assert.equal(pathOf({ level: 0, index: 1_234_067, width: 256 }), "/tile/0/x001/x234/067");
  assert.equal(pathOf({ level: "entries", index: 7, width: 3 }), "/tile/entries/007.p/3");
  const many = Array.from({ length: 513 }, (_, at) => Buffer.from(`${at}`));
  const tiles = hashesOf(many);
  assert.deepEqual(
    tiles.map(({ length }) => length),
    [513, 2],
  );
  const second = expected({ level: 1, index: 0, width: 2 }, tiles).subarray(32);
  assert.equal(base64(second), base64(root(many.slice(256, 512).map(leafHash))));
});
