/** The element's workers: files beside its own. */

import { CountersignError } from "@countersign/shared/error.js";

/** Each takes one script, bundled from the package's own. */
const SCRIPTS = {
  verify: new URL("./verify-worker.js", import.meta.url),
  index: new URL("./index-worker.js", import.meta.url),
  slice: new URL("./slice-worker.js", import.meta.url),
  analyze: new URL("./analyze-worker.js", import.meta.url),
};

interface Policy {
  createScriptURL(address: string): unknown;
}

interface Policies {
  createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): Policy;
}

let policy: Policy | undefined;

/** Starts one. Where a page demands trusted types, it must allow the policy `countersign-worker`. */
export function start(name: keyof typeof SCRIPTS): Worker {
  if (typeof Worker === "undefined") {
    throw new CountersignError("worker.unavailable", "a worker could not be started: there is no Worker here", {
      hint: "the element verifies in browsers alone; in jsdom and its like it shows this instead of an export",
    });
  }
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  policy ??= trustedTypes?.createPolicy("countersign-worker", {
    createScriptURL: (address) => {
      if (!Object.values(SCRIPTS).some(({ href }) => href === address)) {
        throw new TypeError("not a worker of this package");
      }
      return address;
    },
  });
  const script = SCRIPTS[name];
  // Worker takes a TrustedScriptURL where there are any; the DOM's types know strings alone.
  return new Worker((policy?.createScriptURL(script.href) ?? script) as URL, { type: "module" });
}
