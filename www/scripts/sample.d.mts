/** Records the sample: an export of a log, an earlier checkpoint of it as a pin, and the trust file. */
export function recordSample(): Promise<{ exported: string; pin: string; trust: string }>;

/** A closed chain of events, each with its minutes after the beginning. */
export function recorded(
  name: string,
  events: readonly (readonly [number, Record<string, unknown>])[],
): Promise<{ vkey: string; lines: string }>;

/** The lines of an export, for another one. */
export function withoutHeader(lines: string): string;
