/** States that the page and the viewer share. */

import type { Groups } from "./state.ts";

/** A trust file with unrelated keys. */
export const UNRELATED_KEYS = [
  "log other.example/log+837cda2b+Ad68HtAQTf26bPw0OnXDvRjs8PnAoTdUPDBmcb+sCbh5",
  "issuer other.example+01354ffe+Ac+41b/zLaizb8y7gnFXAyp/Oh4AQtq9/Fu1gWTJspHM",
  "emitter other.example/app+ff7837f9+AZ4V3Cw3to3QVQeanUIB3knY/lKwrap1b+dFfw3iXvdP",
  "",
].join("\n");

/** States on the way to a verdict that isn't reached. */
export const STOPPED = {
  "first-failure": ["First failure", "The first error is shown while the file is still read."],
  canceled: ["Canceled", "Not read to the end, so there is no result."],
  "failed-trust": ["Unusable trust file", "No verdict, and the line of the error."],
} as const satisfies Groups[string];

export const VERDICTS = {
  verified: ["Verified", "An export that is complete for a range of a log."],
  partial: ["Maybe only part of the log", "A slice of a log, with gaps and withheld events."],
  untrusted: ["Signer not trusted", "Signed with keys that the reader doesn't trust."],
  "wrong-trust": ["Wrong trust file", "Its keys beside those that signed."],
  "not-checked": ["Not fully checked", "A required check has no result."],
  broken: ["Broken", "Two links at one position."],
  altered: ["Altered", "An event was changed after signing."],
  "no-export": ["No export", "An empty file."],
} as const satisfies Groups[string];

export const PROOF = {
  proof: ["Its proof", "Each step from the event’s bytes to what the reader trusts."],
} as const satisfies Groups[string];

export const GERMAN = {
  german: ["German", "All texts, numbers and dates."],
} as const satisfies Groups[string];
