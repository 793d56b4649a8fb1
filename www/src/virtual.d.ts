/** What runs in workers, inlined by the build: packed as `src/unpack.ts` unpacks it. */
declare module "virtual:workers" {
  /** The verifier's worker and its WebAssembly. */
  export const verifier: string;
  export const verifierModule: string;
  /** What hashes files, cuts exports and explains proofs, and its WebAssembly. */
  export const slicer: string;
  export const slicerModule: string;
  /** What keeps the index of verified events, and its WebAssembly. */
  export const index: string;
  export const indexModule: string;
  /** What looks for findings, its WebAssembly, and the rules that come with the page. */
  export const analyzer: string;
  export const analyzerModule: string;
  export const rules: string;
}

/** The same of what tells of endpoints and exposure, in the console alone. */
declare module "virtual:overview" {
  export const overview: string;
  export const overviewModule: string;
}

declare module "virtual:about" {
  /** The package's version. */
  export const version: string;
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
