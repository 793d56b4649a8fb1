/**
 * Recording with the artefact `recorder`, which brings Ed25519. The package's entries call this with their own
 * runtime's way to load it; whoever loads it another way calls it too:
 *
 *     import { recording } from "countersign/host";
 *     const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder.wasm")));
 */

import * as wasm from "../wasm/recorder.js";
import { inCore, loader, type ModuleSource } from "./core.js";
import { creator } from "./create.js";
import { type Lifecycle, none } from "./lifecycle.js";
import { signerKey } from "./signer.js";

/** A new signer key. */
export interface GeneratedKey {
  /** The secret: `PRIVATE+KEY+…`. Who has it can sign. */
  key: string;
  /** The verifier key, for trust files and for grants. */
  vkey: string;
}

/** Makes the entry's functions for a runtime's way to load the artefact, and its way to end. */
export function recording(source: ModuleSource, lifecycle: Lifecycle = none) {
  const load = loader(wasm, source, (module) => wasm.initSync({ module }));
  return {
    createRecorder: creator(
      {
        load,
        readKey: (text) => ({ key: signerKey(text), sign: undefined }),
        prove: (trust, proof, leaf) => inCore(() => trust.prove(proof, leaf)),
      },
      lifecycle,
    ),
    generateKey: async (name: string): Promise<GeneratedKey> => {
      const core = await load();
      const seed = crypto.getRandomValues(new Uint8Array(32));
      const [key = "", vkey = ""] = inCore(() => core.signerKey(name, seed));
      seed.fill(0);
      return { key, vkey };
    },
  };
}
