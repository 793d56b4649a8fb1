/** Loads a WebAssembly module once, retries after a failure, and throws errors with hints. */

import { CountersignError } from "../error.js";
import { OLDEST, refuseOldEngine } from "../supported.js";

/** A `WebAssembly.Module`. Declared here because not every project has that type. */
// biome-ignore lint/suspicious/noEmptyInterface: the DOM library's is as empty
export interface CompiledModule {}

/** A compiled module, or a function that loads and compiles it on first use. */
export type ModuleSource = CompiledModule | (() => Promise<CompiledModule>);

/**
 * Returns a function that loads a module on the first call. A failure rejects the waiting calls, and the next call
 * tries again.
 */
export function loading<T extends CompiledModule>(name: string, source: T | (() => Promise<T>)): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  const load = async () => {
    refuseOldEngine();
    return typeof source === "function" ? source() : source;
  };
  return () => {
    loaded ??= load().catch((cause) => {
      loaded = undefined;
      throw cause instanceof CountersignError ? cause : unavailable(name, cause);
    });
    return loaded;
  };
}

/** The parts of a module's wasm-bindgen output that are used. */
interface Bindings {
  initSync(options: { module: CompiledModule }): unknown;
  default(options: { module_or_path: CompiledModule }): Promise<unknown>;
}

/** Returns a function that loads and instantiates a module on the first call. */
export function starting<Core extends Bindings>(
  name: "gate" | "recorder",
  source: ModuleSource,
  core: Core,
): () => Promise<Core> {
  return loading(name, async () => {
    const module = typeof source === "function" ? await source() : source;
    if (module instanceof WebAssembly.Module) {
      core.initSync({ module });
    } else {
      // A module of another realm, as in Next.js's edge runtime, which `initSync` doesn't recognize.
      await core.default({ module_or_path: module });
    }
    return core;
  });
}

/** The function that accepts a compiled module, by artifact. Used in hints. */
const MODULE_OPTIONS: Readonly<Record<string, string>> = {
  gate: "gate, as its option `module`",
  recorder: "recording from countersign/slim",
  verifier: "createVerifier from countersign/slim",
};

function unavailable(name: string, cause: unknown): CountersignError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CountersignError(
    "wasm.unavailable",
    `the WebAssembly module of the ${name} could not be loaded: ${message}`,
    {
      hint: hintFor(name, message, cause),
      cause,
    },
  );
}

/** Returns a hint for a failure to load. Engines distinguish the causes only by their messages. */
function hintFor(name: string, message: string, cause: unknown): string | undefined {
  if (/content security policy|unsafe-eval|blocked by csp/i.test(message)) {
    return "allow 'wasm-unsafe-eval' in script-src of the page's Content-Security-Policy";
  }
  if (/code generation/i.test(message)) {
    const target = MODULE_OPTIONS[name];
    return `import countersign/${name}.wasm as a module and pass it to ${target}, because this runtime does not compile WebAssembly`;
  }
  if (cause instanceof WebAssembly.CompileError) {
    return `check that the file is unchanged and from this version of the package, and that the engine is ${OLDEST}, or later`;
  }
  return undefined;
}
