/** Returns the license texts of WebAssembly modules and of a bundle's inputs. */
export function licenses(given: {
  readonly artifacts: readonly string[];
  readonly inputs?: readonly string[];
  readonly of?: string;
}): string;
