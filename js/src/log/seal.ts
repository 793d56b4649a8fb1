/** Sealing what is stored elsewhere: without its key nobody reads it, and nobody puts something else in its place. */

const ALGORITHM = "AES-GCM";
/** A key seals one thing, so that nothing else has to be different. */
const SEAL = { name: ALGORITHM, iv: new Uint8Array(12) };

/** So many bytes more has what is sealed. */
export const overhead = 16;

/** A key for one thing. */
export const sealingKey = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32));

/** Seals it. */
export async function sealed(key: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt(SEAL, imported, bytes));
}

/** What was sealed with this key; none where it is anything else. */
export async function unsealed(key: Uint8Array<ArrayBuffer>, bytes: ArrayBuffer): Promise<Uint8Array | undefined> {
  const imported = await crypto.subtle.importKey("raw", key, ALGORITHM, false, ["decrypt"]);
  try {
    return new Uint8Array(await crypto.subtle.decrypt(SEAL, imported, bytes));
  } catch {
    return undefined;
  }
}
