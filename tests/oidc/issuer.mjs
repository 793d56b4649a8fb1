// An issuer of OpenID Connect (oidc-provider) on loopback, for a test that tells it what to do: a JSON object a line on
// standard input, each answered by a line on standard output that begins with "@".
import { createSecretKey, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const CLIENT = { id: "auditor", secret: "a secret of this test's" };

/** Kinds of keys by the algorithm that they sign with. */
const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  EdDSA: ["ed25519", {}],
};

/** What the next token is to be like. */
let next = {};
let handle = () => {};
let publicKeys = [];
const asked = { metadata: 0, keys: 0 };

const server = createServer((request, response) => {
  if (request.url === "/.well-known/openid-configuration") asked.metadata += 1;
  if (request.url === "/jwks") asked.keys += 1;
  handle(request, response);
});

let port = 0;
const listen = () =>
  new Promise((listening) => {
    server.listen(port, "127.0.0.1", () => {
      port = server.address().port;
      listening();
    });
  });

/** Begins with new keys, of these names and algorithms. */
function begin(keys) {
  const made = keys.map(({ kid, alg }) => {
    const { privateKey, publicKey } = generateKeyPairSync(...KINDS[alg]);
    publicKeys = [publicKey];
    return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  });
  const provider = new Provider(issuer(), {
    jwks: { keys: made },
    enabledJWA: { idTokenSigningAlgValues: Object.keys(KINDS) },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: keys[0].alg,
      },
    ],
    ttl: { ClientCredentials: 600 },
    extraTokenClaims: () => next.claims,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: "",
          audience: resource,
          accessTokenFormat: "jwt",
          jwt: { sign: next.confused ? confused() : { alg: next.alg ?? keys[0].alg, kid: next.kid } },
        }),
      },
    },
    formats: {
      customizers: {
        jwt(_, __, parts) {
          parts.header = { ...parts.header, ...next.header };
          Object.assign(parts.payload, next.payload);
        },
      },
    },
  });
  provider.on("server_error", (_, error) => console.error(error));
  handle = provider.callback();
}

/** A signature by a secret that everybody has: the public key, as a server has it that mistakes it for one. */
function confused() {
  const key = createSecretKey(Buffer.from(publicKeys[0].export({ format: "pem", type: "spki" })));
  return { alg: "HS256", key, kid: next.kid };
}

const issuer = () => `http://127.0.0.1:${port}`;

const commands = {
  async token({ audience, ...rest }) {
    next = rest;
    const body = new URLSearchParams({ grant_type: "client_credentials", resource: audience });
    const authorization = `Basic ${btoa(`${CLIENT.id}:${encodeURIComponent(CLIENT.secret)}`)}`;
    const answer = await fetch(`${issuer()}/token`, { method: "POST", headers: { authorization }, body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return { token: JSON.parse(text).access_token };
  },
  begin: ({ keys }) => begin(keys),
  asked: () => asked,
  down: () =>
    new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    }),
  up: listen,
};

const say = (answer) => process.stdout.write(`@${JSON.stringify(answer ?? {})}\n`);

await listen();
begin([{ kid: "first", alg: "RS256" }]);
say({ issuer: issuer() });
for await (const line of createInterface({ input: process.stdin })) {
  const { do: what, ...rest } = JSON.parse(line);
  try {
    say(await commands[what](rest));
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit(0);
