// Keys of the sample, derived from their names. Anyone can derive them, so their signatures prove nothing.
import { createHash, createPrivateKey, createPublicKey } from "node:crypto";

/** Type of Ed25519 signatures in signed notes. */
const ED25519 = 1;

/** Returns a key derived from its name, for signatures of this type. */
export function key(name, type = ED25519) {
  const seed = createHash("sha256").update(`countersign sample key ${name}`).digest();
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const spki = createPublicKey(secret).export({ format: "der", type: "spki" });
  const [open, closed] = [spki.subarray(-32), seed].map((bytes) =>
    Buffer.concat([Buffer.from([type]), bytes]),
  );
  const id = createHash("sha256").update(`${name}\n`).update(open).digest("hex").slice(0, 8);
  return {
    name,
    id,
    secret,
    vkey: `${name}+${id}+${open.toString("base64")}`,
    signer: `PRIVATE+KEY+${name}+${id}+${closed.toString("base64")}`,
  };
}
