/** What a log says of itself at `/healthz`, as far as it is understood. */

export interface Health {
  readonly healthy: boolean;
  readonly origin: string | undefined;
  readonly size: number | undefined;
  readonly published:
    | { readonly size: number; readonly at: string; readonly witnessed: boolean | undefined }
    | undefined;
}

/** Undefined where the text is no answer of a log. */
export function parseHealth(text: string): Health | undefined {
  try {
    const said = object(JSON.parse(text));
    if (typeof said?.healthy !== "boolean") return undefined;
    const published = object(said.published);
    const [size, at] = [whole(published?.size), time(published?.at)];
    return {
      healthy: said.healthy,
      origin: typeof said.origin === "string" ? said.origin : undefined,
      size: whole(said.size),
      published:
        size === undefined || at === undefined
          ? undefined
          : {
              size,
              at,
              witnessed: typeof published?.witnessed === "boolean" ? published.witnessed : undefined,
            },
    };
  } catch {
    return undefined;
  }
}

function object(value: unknown): Partial<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function whole(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function time(value: unknown): string | undefined {
  return typeof value === "string" && value.length <= 40 && !Number.isNaN(Date.parse(value))
    ? value
    : undefined;
}
