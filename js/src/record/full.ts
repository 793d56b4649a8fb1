/** Recording with the artefact `recorder`, which brings Ed25519. */

import type { ModuleSource } from "../artefact/load.js";
import * as wasm from "../wasm/recorder.js";
import { inCore, loader } from "./core.js";
import { creator } from "./create.js";
import type { Lifecycle } from "./lifecycle.js";
import { signerKey } from "./signer.js";

/** A new signer key. */
export interface GeneratedKey {
  /** The secret: `PRIVATE+KEY+…`. Who has it can sign. */
  key: string;
  /** The verifier key, for trust files and for grants. */
  vkey: string;
}

/** Makes the entry's functions for a runtime's way to load the artefact, and its way to end. */
export function recording(source: ModuleSource, lifecycle: Lifecycle) {
  const load = loader(wasm, source);
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
