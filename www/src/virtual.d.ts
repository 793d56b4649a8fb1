/** Worker scripts and modules, inlined by the build: packed as `src/unpack.ts` unpacks them. */
declare module "virtual:workers" {
  /** The verifier's worker and its WebAssembly module. */
  export const verifier: string;
  export const verifierModule: string;
  /** The slicer's worker, which hashes files, cuts exports, and explains proofs, and its module. */
  export const slicer: string;
  export const slicerModule: string;
  /** The worker of the index of verified events, and its module. */
  export const index: string;
  export const indexModule: string;
  /** The detection worker, its module, and the rules that come with the page. */
  export const analyzer: string;
  export const analyzerModule: string;
  export const rules: string;
}

/** Worker and module for endpoints and exposure, only in the console. */
declare module "virtual:overview" {
  export const overview: string;
  export const overviewModule: string;
}

declare module "virtual:about" {
  /** The package's version. */
  export const version: string;
}

/** A recorded export, a pin of its log, and the trust file that names their keys, inlined by the build and packed. */
declare module "virtual:sample" {
  export const exported: string;
  export const pin: string;
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
