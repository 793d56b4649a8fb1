/** The end of a response of Node.js's. */

/** What is needed of a `ServerResponse`. */
export interface EndingResponse {
  readonly closed: boolean;
  readonly writableFinished: boolean;
  once(event: "finish" | "close", told: () => void): unknown;
}

/** The status of a request that the client gave up before there was an answer, as proxies log it. */
export const GIVEN_UP = 499;

/** Why a request failed whose response was cut off. */
export const CUT_OFF = "the connection ended before the response did";

/** Tells once when a response is through, or has been cut off. */
export function whenEnded(response: EndingResponse, told: (isWhole: boolean) => void): void {
  if (response.closed) {
    told(response.writableFinished);
    return;
  }
  response.once("finish", () => told(true));
  response.once("close", () => told(response.writableFinished));
}
