/** One text for some artefacts, and for what a bundle was made of. */
export function licences(given: {
  readonly artefacts: readonly string[];
  readonly inputs?: readonly string[];
  readonly of?: string;
}): string;
