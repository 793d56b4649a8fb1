/** The verifier, inlined by the build: packed as `src/unpack.ts` unpacks it. */
declare module "virtual:verifier" {
  /** The WebAssembly artefact. */
  export const module: string;
  /** The worker's script. */
  export const worker: string;
}

/** A recorded export and the trust file that names its emitter, inlined by the build and packed. */
declare module "virtual:sample" {
  export const exported: string;
  export const trust: string;
}

interface TrustedTypePolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL(address: string): string },
  ): { createScriptURL(address: string): unknown };
}

interface Window {
  readonly trustedTypes?: TrustedTypePolicyFactory;
}
