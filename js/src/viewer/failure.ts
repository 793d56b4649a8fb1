/** Why there is no verdict. */
export interface Failure {
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly line: number | undefined;
}

/** What can be told of an error. */
export function failure(error: unknown): Failure {
  const { code, message, hint, line } = Object(error) as Partial<Record<keyof Failure, unknown>>;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return {
    code: text(code),
    message: text(message) ?? String(error),
    hint: text(hint),
    line: typeof line === "number" ? line : undefined,
  };
}
