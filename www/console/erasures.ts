/** Erasures as the log reports them. */

/** Maximum length of a response. */
const MAX_RESPONSE_LENGTH = 8 << 20;

/** An erasure as the log reports it. */
export interface Erasure {
  readonly record: number;
  readonly state: string;
  readonly at: string;
  readonly events: number | undefined;
}

/** Parses the erasures in a response, and skips invalid ones. */
export function parseErasures(text: string): readonly Erasure[] {
  const response = JSON.parse(text.slice(0, MAX_RESPONSE_LENGTH)) as { erasures?: unknown };
  const all = Array.isArray(response.erasures)
    ? (response.erasures as Partial<Record<string, unknown>>[])
    : [];
  return all.flatMap(({ record, state, at, events }) =>
    typeof record === "number" &&
    typeof state === "string" &&
    typeof at === "string" &&
    !Number.isNaN(Date.parse(at))
      ? [{ record, state, at, events: typeof events === "number" ? events : undefined }]
      : [],
  );
}
