/** Returns the license texts of WebAssembly modules and of a bundle's inputs. */
export function licences(given: {
  readonly artefacts: readonly string[];
  readonly inputs?: readonly string[];
  readonly of?: string;
}): string;
