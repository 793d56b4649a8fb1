declare module "virtual:gallery" {
  /** Exports by name, packed, as `exports.ts` reads them. */
  export const exports: string;
}

declare module "virtual:recorder" {
  /** The recorder's WebAssembly, packed. */
  export const recorderModule: string;
}
