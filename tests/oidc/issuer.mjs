// An issuer of OpenID Connect (oidc-provider) on loopback, for a test that tells it what to do: a JSON object a line on
// standard input, each answered by a line on standard output that begins with "@".
import { createHash, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const CLIENT = { id: "auditor", secret: "a secret of this test's" };
/** The client that people sign in from: a page without a secret. */
const PAGE = { id: "https://log.example", back: "https://log.example/signed-in" };

/** Kinds of keys by the algorithm that they sign with. */
const KINDS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  ES384: ["ec", { namedCurve: "P-384" }],
  EdDSA: ["ed25519", {}],
};

/** Overrides for the next token. */
let next = {};
let handle = () => {};
let publicKeys = [];
let made = [];
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
  made = keys.map(({ kid, alg }) => {
    const { privateKey, publicKey } = generateKeyPairSync(...KINDS[alg]);
    publicKeys = [publicKey];
    return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
  });
  provide();
}

/** Starts a new provider with the current keys. */
function provide() {
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
        id_token_signed_response_alg: made[0].alg,
      },
      {
        client_id: PAGE.id,
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code"],
        response_types: ["code"],
        redirect_uris: [PAGE.back],
        id_token_signed_response_alg: made[0].alg,
      },
    ],
    claims: { openid: ["sub", ...Object.keys(next.claims ?? {})] },
    conformIdTokenClaims: false,
    findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId, ...next.claims }) }),
    // Anyone who signs in agrees to what the page asks for.
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
      grant.addOIDCScope("openid");
      await grant.save();
      return grant;
    },
    // A page of another origin asks.
    clientBasedCORS: () => true,
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
          jwt: { sign: next.confused ? confused() : { alg: next.alg ?? made[0].alg, kid: next.kid } },
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
  const answers = provider.callback();
  handle = (request, response) => {
    if (!request.url.startsWith("/interaction/")) return answers(request, response);
    // A real issuer would show a sign-in page here.
    provider.interactionFinished(request, response, { login: { accountId: next.person } });
  };
}

/** Goes where a browser is sent, with its cookies, until it is sent back to the page that it came from. */
async function browse(url) {
  const cookies = new Map();
  for (let at = new URL(url); ; ) {
    if (at.href.startsWith(PAGE.back)) return at;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(at, { redirect: "manual", headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
      cookies.set(name, value);
    }
    const next = answer.headers.get("location");
    if (!next) throw new Error(`${answer.status} ${await answer.text()}`);
    at = new URL(next, at);
  }
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
  /** A person signs in: the authorization code flow with PKCE. */
  async signIn({ person, claims }) {
    next = { person, claims };
    begin([{ kid: randomBytes(4).toString("hex"), alg: "RS256" }]);
    const verifier = randomBytes(32).toString("base64url");
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    const asked = new URLSearchParams({
      client_id: PAGE.id,
      response_type: "code",
      redirect_uri: PAGE.back,
      scope: "openid",
      nonce: "n",
      code_challenge: challenge,
      code_challenge_method: "S256",
    });
    const back = await browse(`${issuer()}/auth?${asked}`);
    const body = new URLSearchParams({
      grant_type: "authorization_code",
      client_id: PAGE.id,
      redirect_uri: PAGE.back,
      code: back.searchParams.get("code"),
      code_verifier: verifier,
    });
    const answer = await fetch(`${issuer()}/token`, { method: "POST", body });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${back} ${text}`);
    const tokens = JSON.parse(text);
    return { id: tokens.id_token, access: tokens.access_token };
  },
  /** Sets where people return to, and who signs in. */
  page({ back, person, claims }) {
    PAGE.back = back;
    next = { person, claims };
    provide();
  },
  begin: ({ keys }) => begin(keys),
  /** Takes its keys back. */
  withdraw() {
    const answers = handle;
    handle = (request, response) =>
      request.url === "/jwks" ? response.end('{"keys":[]}') : answers(request, response);
  },
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
