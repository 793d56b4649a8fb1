/** Tests that a recorder's comparison of answers has the results of the conformance vectors (SPEC section 16.8). */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { AnchorProof } from "../../packages/countersign/dist/deliver/evidence.js";
import { compareAnswer, type HeadStore, type SeenHead } from "../../packages/countersign/dist/deliver/newest-head.js";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import { inCore } from "../../packages/countersign/dist/record/core.js";
import * as core from "../../packages/countersign/dist/wasm/recorder.js";

const file = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url));
core.initSync({ module: new WebAssembly.Module(file("packages/countersign/dist/wasm/recorder_bg.wasm")) });

interface Vector {
  name: string;
  since: string;
  seen: string | null;
  head: string;
  anchors: AnchorProof[];
  consistency: string[];
  result: "accepted" | "unproven" | "rewritten";
}
const vectors: Vector[] = JSON.parse(file("../tests/vectors/answers.json").toString());

const ORIGIN = "log.example/t/00";
const CODES = { unproven: "proof.invalid", rewritten: "log.rewritten" } as const;

for (const { name, since, seen, head, anchors, consistency, result } of vectors) {
  test(`answers: ${name} is ${result}`, () => {
    const stated: SeenHead = { since, proof: seen ?? undefined };
    const kept: { head?: SeenHead; rewritten?: CountersignError; unproven?: CountersignError } = {};
    const heads: HeadStore = {
      seen: stated,
      contradiction: undefined,
      takeDisplaced: () => [],
      see: (head) => {
        kept.head = head;
      },
      contradict: (error) => {
        kept.rewritten = error;
      },
      keepUnproven: (error) => {
        kept.unproven = error;
      },
    };
    const compare: typeof core.compareHeads = (...parts) => inCore(() => core.compareHeads(...parts));
    const work = () => compareAnswer({ origin: ORIGIN, heads, compare }, stated, { head, anchors, consistency });
    if (result === "accepted") {
      work();
      assert.deepEqual(kept, { head: { since: "6,4100", proof: head } });
      return;
    }
    assert.throws(work, (error) => {
      assert.ok(error instanceof CountersignError);
      assert.deepEqual(kept, { [result]: error });
      assert.equal(error.code, CODES[result]);
      const evidence = { origin: ORIGIN, since, before: stated.proof, after: head, anchors, consistency };
      assert.deepEqual(error.evidence, evidence);
      return true;
    });
  });
}
