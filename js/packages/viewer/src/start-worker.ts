/** The element's workers, as files next to its own. */

import { CountersignError } from "@countersign/shared/error.js";

/** Scripts of the workers, each bundled into one file. */
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

/** Starts a worker. A page that enforces Trusted Types must allow the policy `countersign-worker`. */
export function start(name: keyof typeof SCRIPTS): Worker {
  if (typeof Worker === "undefined") {
    throw new CountersignError("worker.unavailable", "a worker couldn't be started: this environment has no Worker", {
      hint: "use the element in a browser; jsdom and similar environments have no workers",
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
  // `Worker` accepts a TrustedScriptURL, which the DOM's types don't include.
  return new Worker((policy?.createScriptURL(script.href) ?? script) as URL, { type: "module" });
}
