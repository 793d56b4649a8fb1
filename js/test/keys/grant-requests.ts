/** Signs requests for grants as browsers do, using only `node:crypto`. */

import { openNote, type Signer } from "../conformance/keys.ts";

/** Returns the text of a request for a grant of this key. */
export const requestText = (vkey: string, time: string): string => `countersign/v1 key\n${vkey}\n${time}\n`;

/** Returns a request for a grant of the signer's key. */
export const grantRequest = (signer: Signer, time = new Date()): string =>
  signer.note(requestText(signer.vkey, time.toISOString()));

/** Returns the key and the time of a request. Throws unless that key signed it. */
export function openGrantRequest(note: string): { vkey: string; time: string } {
  const [, vkey = "", time = ""] = note.split("\n");
  if (openNote(note, vkey) !== requestText(vkey, time)) {
    throw new Error(`this is not a grant request:\n${note}`);
  }
  return { vkey, time };
}
