// Writes tokens.json: public keys, and a token for each algorithm. The private keys are discarded.

import { constants, generateKeyPairSync, sign } from "node:crypto";
import { writeFileSync } from "node:fs";

const pairs = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  p256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p384: generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ed25519: generateKeyPairSync("ed25519"),
};
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const fixed = { dsaEncoding: "ieee-p1363" };
const algorithms = {
  RS256: ["rsa", "sha256", {}],
  RS384: ["rsa", "sha384", {}],
  RS512: ["rsa", "sha512", {}],
  PS256: ["rsa", "sha256", pss],
  PS384: ["rsa", "sha384", pss],
  PS512: ["rsa", "sha512", pss],
  ES256: ["p256", "sha256", fixed],
  ES384: ["p384", "sha384", fixed],
  EdDSA: ["ed25519", null, {}],
};

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const tokens = {};
for (const [alg, [key, hash, options]] of Object.entries(algorithms)) {
  const message = `${base64({ alg })}.${base64({ sub: "ada" })}`;
  const signature = sign(hash, message, { key: pairs[key].privateKey, ...options });
  tokens[alg] = { key, jws: `${message}.${signature.toString("base64url")}` };
}
const keys = Object.fromEntries(
  Object.entries(pairs).map(([name, { publicKey }]) => [name, publicKey.export({ format: "jwk" })]),
);
const file = new URL("tokens.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ keys, tokens }, null, 2)}\n`);
