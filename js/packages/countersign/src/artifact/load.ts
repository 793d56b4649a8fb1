/** Loading an artifact: once, again after it failed, and with an error that says what to do. */

import { CountersignError } from "../error.js";
import { OLDEST, refuseOldEngine } from "../supported.js";

/** A `WebAssembly.Module`, of which not every project has the type. */
// biome-ignore lint/suspicious/noEmptyInterface: the DOM library's is as empty
export interface CompiledModule {}

/** How a runtime loads an artifact: compiled already, or to be compiled on first use. */
export type ModuleSource = CompiledModule | (() => Promise<CompiledModule>);

/** Has an artifact loaded when it is first asked for. A failure is told to those who wait, and tried again by the next. */
export function loading<T extends CompiledModule>(whose: string, source: T | (() => Promise<T>)): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  const load = async () => {
    refuseOldEngine();
    return typeof source === "function" ? source() : source;
  };
  return () => {
    loaded ??= load().catch((cause) => {
      loaded = undefined;
      throw cause instanceof CountersignError ? cause : unavailable(whose, cause);
    });
    return loaded;
  };
}

/** What wasm-bindgen made of an artifact, as far as it starts it. */
interface Bindings {
  initSync(options: { module: CompiledModule }): unknown;
  default(options: { module_or_path: CompiledModule }): Promise<unknown>;
}

/** Has an artifact loaded, and started, when it is first asked for. */
export function starting<Core extends Bindings>(
  whose: "gate" | "recorder",
  source: ModuleSource,
  core: Core,
): () => Promise<Core> {
  return loading(whose, async () => {
    const module = typeof source === "function" ? await source() : source;
    if (module instanceof WebAssembly.Module) {
      core.initSync({ module });
    } else {
      // One of another realm, as Next.js gives at the edge, which `initSync` takes for none.
      await core.default({ module_or_path: module });
    }
    return core;
  });
}

/** What can be given a module. */
const TAKES_MODULES: Readonly<Record<string, string>> = {
  gate: "gate as its option module",
  recorder: "recording of countersign/slim",
  verifier: "createVerifier of countersign/slim",
};

function unavailable(whose: string, cause: unknown): CountersignError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CountersignError("wasm.unavailable", `the ${whose}'s WebAssembly could not be loaded: ${message}`, {
    hint: hintFor(whose, message, cause),
    cause,
  });
}

/** Engines tell causes apart by their messages alone. */
function hintFor(whose: string, message: string, cause: unknown): string | undefined {
  if (/content security policy|unsafe-eval|blocked by csp/i.test(message)) {
    return "the page's Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src";
  }
  if (/code generation/i.test(message)) {
    const given = TAKES_MODULES[whose];
    return `this runtime takes WebAssembly only as a module: import countersign/${whose}.wasm as one, and give it to ${given}`;
  }
  if (cause instanceof WebAssembly.CompileError) {
    return `what was loaded is no WebAssembly that this engine takes: is it the file of this version, unaltered, and the engine ${OLDEST}, or later?`;
  }
  return undefined;
}
