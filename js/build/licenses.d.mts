/** One text for some artifacts, and for what a bundle was made of. */
export function licenses(given: {
  readonly artifacts: readonly string[];
  readonly inputs?: readonly string[];
  readonly of?: string;
}): string;
