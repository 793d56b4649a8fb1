declare module "virtual:gallery" {
  /** Exports by name, as `exports.ts` reads them, packed. */
  export const exports: string;
}

declare module "virtual:recorder" {
  /** The recorder's WebAssembly, packed. */
  export const recorderModule: string;
}
