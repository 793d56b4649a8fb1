/** Requests of browsers for grants: signed notes, which prove that the sender has the key. */

import { signNote } from "../record/signed-note.js";
import { type KeyHandle, signerOf } from "../record/signer.js";

/** Signs a request for a grant of the key, dated `time` (RFC 3339 with milliseconds). */
export function signGrantRequest({ vkey, privateKey }: KeyHandle, time: string): Promise<string> {
  return signNote(`countersign/v1 key\n${vkey}\n${time}\n`, vkey, signerOf(privateKey));
}
