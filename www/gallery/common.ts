/** States that the page and the viewer share. */

import type { Groups } from "./state.ts";

/** A trust file with unrelated keys. */
export const STRANGERS = [
  "log other.example/log+837cda2b+Ad68HtAQTf26bPw0OnXDvRjs8PnAoTdUPDBmcb+sCbh5",
  "issuer other.example+01354ffe+Ac+41b/zLaizb8y7gnFXAyp/Oh4AQtq9/Fu1gWTJspHM",
  "emitter other.example/app+ff7837f9+AZ4V3Cw3to3QVQeanUIB3knY/lKwrap1b+dFfw3iXvdP",
  "",
].join("\n");

/** States on the way to a verdict that isn't reached. */
export const STOPPED = {
  "first-failure": ["First failure", "It is still read, and the first error is there at once."],
  cancelled: ["Cancelled", "It was not read to its end, so nothing is said of it."],
  "failed-trust": ["Unusable trust file", "No verdict, and which line is the matter."],
} as const satisfies Groups[string];

export const VERDICTS = {
  verified: ["Verified", "Of a log: complete for a range of its leaves."],
  partial: ["Maybe only part of the log", "A part of a log, with gaps and withheld events."],
  unconfirmed: ["Signer not trusted", "No key here is one that the reader trusts."],
  "wrong-trust": ["Wrong trust file", "Its keys beside those that signed."],
  "not-checked": ["Not fully checked", "A needed check had no answer."],
  broken: ["Broken", "Two links for one place."],
  altered: ["Altered", "An event is not the one that was recorded."],
  "no-export": ["No export", "An empty file."],
} as const satisfies Groups[string];

export const PROOF = {
  proof: ["Its proof", "Each step from the event’s bytes to what the reader trusts."],
} as const satisfies Groups[string];

export const GERMAN = {
  german: ["German", "All texts, numbers and dates."],
} as const satisfies Groups[string];
