/** What Node.js tells of requests and responses. */

/** What is needed of a `ServerResponse`. */
export interface EndingResponse {
  readonly closed: boolean;
  readonly writableFinished: boolean;
  readonly headersSent: boolean;
  readonly statusCode: number;
  once(event: "finish" | "close", told: () => void): unknown;
}

/** How a response ended: with which status, and why it failed where that does not say. */
export interface Ended {
  readonly status: number;
  readonly reason: string | undefined;
}

/** The status of a request that the client gave up before there was an answer, as proxies log it. */
const GIVEN_UP = 499;

/** Tells once when a response is through, or has been cut off. */
export function whenEnded(response: EndingResponse, told: (end: Ended) => void): void {
  const end = (isWhole: boolean) =>
    told({
      status: response.headersSent ? response.statusCode : GIVEN_UP,
      reason: isWhole ? undefined : "the connection ended before the response did",
    });
  if (response.closed) {
    end(response.writableFinished);
    return;
  }
  response.once("finish", () => end(true));
  response.once("close", () => end(response.writableFinished));
}

/** The first value of each header. */
export function headersOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): (name: string) => string | undefined {
  return (name) => [headers[name]].flat()[0];
}
