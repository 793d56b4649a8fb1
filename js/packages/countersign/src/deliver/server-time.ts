/** The time of a server that rejects a signed request for its time. */

/** Returns the server's time if it rejects a request for its time. The request can be signed again with it. */
export function serverTime({
  status,
  body,
}: {
  readonly status: number;
  readonly body: { readonly [member: string]: unknown } | undefined;
}): Date | undefined {
  const code = (body?.error as { code?: unknown } | undefined)?.code;
  const date = new Date(status === 409 && code === "request.time" ? String(body?.now) : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
