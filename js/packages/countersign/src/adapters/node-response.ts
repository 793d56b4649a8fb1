/** Helpers for requests and responses of Node.js. */

/** The part of a `ServerResponse` that the adapters use. */
export interface EndingResponse {
  readonly closed: boolean;
  readonly writableFinished: boolean;
  readonly headersSent: boolean;
  readonly statusCode: number;
  once(event: "finish" | "close", listener: () => void): unknown;
}

/** The end of a response: its status, and the reason for a failure that the status doesn't show. */
export interface ResponseEnd {
  readonly status: number;
  readonly reason: string | undefined;
}

/** The status recorded if the client disconnected before there was a response, as in nginx. */
const CLIENT_CLOSED_REQUEST = 499;

/** Calls back once when a response has been sent or cut off. */
export function onResponseEnd(response: EndingResponse, callback: (end: ResponseEnd) => void): void {
  const end = (isWhole: boolean) =>
    callback({
      status: response.headersSent ? response.statusCode : CLIENT_CLOSED_REQUEST,
      reason: isWhole ? undefined : "the connection ended before the response did",
    });
  if (response.closed) {
    end(response.writableFinished);
    return;
  }
  response.once("finish", () => end(true));
  response.once("close", () => end(response.writableFinished));
}

/** Returns a function that looks up the first value of a header. */
export function headersOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): (name: string) => string | undefined {
  return (name) => [headers[name]].flat()[0];
}
