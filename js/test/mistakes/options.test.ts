/** Mistakes in what a recorder is made with. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";
import { full, RIGHT, refuses, withoutLog } from "./mistake.ts";

const [{ secret, vkey }] = EMITTERS;
const { privateKey, publicKey } = (await crypto.subtle.generateKey("Ed25519", false, [
  "sign",
  "verify",
])) as CryptoKeyPair;

const NO_KEY = [
  "options.invalid",
  "key",
  /no key to sign with/,
  /keygen NAME.*is the secret or variable set\?/,
] as const;
const NO_SIGNER = ["key.invalid", "key", /not a signer key/, /begins with PRIVATE\+KEY\+: countersign keygen/] as const;

refuses("no key", { key: undefined }, NO_KEY);
refuses("an empty key", { key: "" }, NO_KEY);
refuses("a blank key", { key: " \n" }, NO_KEY);
refuses("a verifier key", { key: vkey }, [
  "key.invalid",
  "key",
  /verifier key/,
  /line that begins with PRIVATE\+KEY\+/,
]);
refuses("a PEM", { key: "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n" }, [
  "key.invalid",
  "key",
  /PEM/,
  /keygen NAME.*WebCrypto.*\{ vkey, privateKey \}/,
]);
refuses("base64", { key: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=" }, NO_SIGNER);
refuses("hex", { key: "07".repeat(32) }, NO_SIGNER);
for (const [what, member, given] of [
  ["a key", "key", `"${secret}"`],
  ["a vkey", "key", { vkey: `'${vkey}'`, privateKey }],
  ["a log", "log", `"${LOG.vkey}"\n`],
  ["a trust file", "log", `"log ${LOG.vkey}"`],
] as const) {
  refuses(`${what} with quotes around it`, { [member]: given }, ["key.invalid", member, /quotes/, /leave them out/]);
}
for (const [what, key] of [
  ["cut off", secret.slice(0, -5)],
  ["with another name", secret.replace("example.com", "example.org")],
  ["with its plus signs lost in a URL", `PRIVATE+KEY+${secret.slice(12).replaceAll("+", " ")}`],
] as const) {
  refuses(`a key ${what}`, { key }, ["key.invalid", "key", /cut off or altered/, /copy the whole line again/]);
}
refuses("a CryptoKey without its vkey", { key: privateKey }, [
  "options.invalid",
  "key",
  /no key/,
  /\{ vkey, privateKey \}.*generateKeyHandle/,
]);
refuses(
  "a vkey with nothing that signs, as browserKey gives it around its key",
  { key: { vkey, key: { vkey, privateKey } } },
  ["options.invalid", "key", /no key to sign with/, /\{ vkey, privateKey \} or \{ vkey, sign \}/],
);
refuses("a CryptoKey that verifies", { key: { vkey, privateKey: publicKey } }, [
  "options.invalid",
  "key",
  /may not sign/,
  /private key of a pair/,
]);
refuses("a signer key as vkey", { key: { vkey: secret, privateKey } }, [
  "options.invalid",
  "key",
  /signer key is given as vkey/,
  /signer key's text itself/,
]);
refuses("a vkey that is none", { key: { vkey: "example.com/e100", privateKey } }, [
  "key.invalid",
  "key",
  /^vkey: /,
  /name\+1a2b3c4d\+/,
]);

test("a key with white space around it is taken as it is meant", async () => {
  const to = full.memory();
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to, key: `\r\n ${secret}\n` }).ready();
  await recorder.close();
  assert.ok(to.text().includes(vkey));
});

const ADDRESS = ["options.invalid", "to"] as const;
refuses("no address", { to: undefined }, [...ADDRESS, /nothing takes the lines/, /is the variable set\?/]);
refuses("a number as address", { to: 5 }, [...ADDRESS, /nothing that takes lines/, /address/]);
refuses("an empty address", { to: "" }, [...ADDRESS, /nothing takes the lines/, /is the variable set\?/]);
refuses("an address without a scheme", { to: "log.example.com" }, [...ADDRESS, /lacks https:/, /https:\/\/log\./]);
refuses("a host with a port", { to: "localhost:8080" }, [...ADDRESS, /by localhost:/, /begins with https:/]);
refuses("an address that ends in /submit", { to: "https://log.example/submit" }, [...ADDRESS, /\/submit/, /leave/]);
refuses("a token in the address", { to: "https://log.example/?token=x" }, [...ADDRESS, /query/, /the address alone/]);
refuses("a password in the address", { to: "https://a:b@log.example" }, [...ADDRESS, /password/, /needs none/]);
refuses("a binding as it is", { to: { fetch() {} } }, [
  ...ADDRESS,
  /binding alone has no address/,
  /\{ url: .*fetch: \(url, init\) => env\.LOG\.fetch\(url, init\)/,
]);
refuses("a fetch that is none", { to: { url: "https://log.example", fetch: {} } }, [
  ...ADDRESS,
  /fetch is not a function/,
  /env\.LOG\.fetch/,
]);

refuses("no log", { log: undefined }, [
  "options.invalid",
  "log",
  /no log to believe/,
  /log's vkey, such as .*prints it/,
]);
refuses("the log's name instead of its vkey", { log: ORIGIN }, [
  "key.invalid",
  "log",
  /neither a vkey nor a trust file/,
  /vkey, such as example\.com\/audit\+1a2b3c4d/,
]);
refuses("the path of a trust file", { log: "./trust.txt" }, [
  "key.invalid",
  "log",
  /neither a vkey nor a trust file/,
  /a trust file's text/,
]);
refuses("the log's signer key", { log: LOG.secret }, ["key.invalid", "log", /secret/, /verifier key/]);
refuses("a trust file without a log", { log: `emitter ${vkey}\n` }, [
  "trust.invalid",
  "log",
  /names no log/,
  /its line: log <vkey>/,
]);
refuses("a trust file with two logs", { log: `log ${LOG.vkey}\nlog ${vkey}\n` }, [
  "trust.invalid",
  "log",
  /log/,
  /log/,
]);
refuses("an origin beside the log", { origin: ORIGIN }, [
  "options.invalid",
  "origin",
  /in its vkey/,
  /leave origin out/,
]);
refuses("a log for a function", { to: () => {} }, ["options.invalid", "log", /has no log/, /give origin instead/]);
refuses("the signer key as origin", { ...withoutLog, origin: secret }, [
  "name.invalid",
  undefined,
  /^the name holds "\+"$/,
  /no '\+'/,
]);
refuses("no origin", { ...withoutLog, origin: undefined }, [
  "options.invalid",
  "origin",
  /no origin/,
  /example\.com\/audit/,
]);

refuses("a path as outbox", { outbox: "./outbox" }, ["options.invalid", "outbox", /no outbox/, /fileOutbox/]);
refuses("one name to redact", { redact: "ssn" }, [
  "options.invalid",
  "redact",
  /list of names/,
  /\["ssn", "card\.number"\]/,
]);
for (const flush of [true, 7, "1s", null, [64]]) {
  refuses(`flush: ${JSON.stringify(flush)}`, { flush }, [
    "options.invalid",
    "flush",
    /neither false nor numbers/,
    /\{ events, bytes, ms \}.*or false/,
  ]);
}
for (const retry of [false, 5, "1s", null, [500]]) {
  refuses(`retry: ${JSON.stringify(retry)}`, { retry }, [
    "options.invalid",
    "retry",
    /numbers by their names/,
    /\{ firstMs, longestMs \}/,
  ]);
}
refuses("a wait that is not a number", { retry: { firstMs: "500" } }, [
  "options.invalid",
  "retry",
  /whole number/,
  /default/,
]);
refuses("a word for manyContexts", { manyContexts: "yes" }, [
  "options.invalid",
  "manyContexts",
  /neither true nor false/,
  /leave it out/,
]);
refuses("a clock in seconds", { now: () => Date.now() / 1000 + 0.5 }, [
  "options.invalid",
  "now",
  /whole milliseconds/,
  /as Date\.now does/,
]);

test("no options at all", () => {
  assert.throws(full.createRecorder as () => unknown, {
    code: "options.invalid",
    hint: /key, to, and log/,
  });
});

for (const [wrong, member, todo] of [
  [{ outBox: undefined, outbux: 1 }, "outbux", /is it outbox\?/],
  [{ onerror: () => {} }, "onerror", /is it onError\?/],
  [{ redacted: ["ssn"] }, "redacted", /is it redact\?/],
  [{ timeoutMS: 5 }, "timeoutMS", /is it timeoutMs\?/],
  [{ batchSize: 5 }, "batchSize", /there are key, to, log/],
  [{ flush: { event: 1 } }, "flush.event", /is it events\?/],
  [{ flush: { seconds: 1 } }, "flush.seconds", /there are events, bytes, ms/],
  [{ retry: { firstMS: 1 } }, "retry.firstMS", /is it firstMs\?/],
  [{ redact: { names: ["ssn"] } }, "redact.names", /there are only, also, keep/],
  [{ ["x".repeat(100_000)]: 1 }, "x".repeat(100_000), /there are key/],
] as const) {
  refuses(`${member.slice(0, 20)}, which is not an option`, wrong, [
    "options.invalid",
    member,
    /there is no option/,
    todo,
  ]);
}
for (const [wrong, member, todo] of [
  [{ redact: [""] }, "redact", /card\.number/],
  [{ redact: null }, "redact", /card\.number/],
  [{ redact: { only: "ssn" } }, "redact", /card\.number/],
  [{ redact: { keep: "id" } }, "redact.keep", /card\.number/],
  [{ redact: { keep: ["id"], also: [1] } }, "redact.also", /card\.number/],
  [{ redact: { only: ["ssn"], keep: ["id"] } }, "redact", /leave out `only`/],
  [{ onInvalid: "warn" }, "onInvalid", /"report"/],
  [{ beforeRecord: {} }, "beforeRecord", /takes an event/],
] as const) {
  refuses(`${member}: ${JSON.stringify(wrong)}`, wrong, ["options.invalid", member, /./, todo]);
}

test("says that events go to a public host in clear text, and nothing of a private one", async () => {
  const said = async (to: full.LogOptions["to"]) => {
    const told: string[] = [];
    const recorder = await full
      .createRecorder({
        ...RIGHT,
        to,
        onError: ({ code, message }) => told.push(`${code} ${message}`),
      })
      .ready();
    await recorder.close({ patience: 1 }).catch(() => {});
    return told.filter((one) => one.startsWith("collector.cleartext"));
  };
  const never = () => new Promise<Response>(() => {});
  assert.match(
    (await said("http://log.example.com:8080/a"))[0] ?? "",
    /http:\/\/log\.example\.com:8080\/a\/submit in clear text/,
  );
  for (const host of [
    "8.8.8.8",
    "[2001:db8::1]",
    "localhost.example.com",
    "172.32.0.1",
    "a.locals",
    "[::ffff:808:808]",
    "10.example.com",
    "127.0.0.1.example.com",
    "[::ffff:abcd:1]",
  ]) {
    assert.equal((await said(`http://${host}`)).length, 1, host);
  }
  for (const host of [
    "localhost:1",
    "collector",
    "a.localhost",
    "log.internal",
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "[::1]",
    "[fd00::1]",
    "[fe80::1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.1.2.3]",
    "100.64.0.1",
  ]) {
    assert.deepEqual(await said(`http://${host}`), [], host);
  }
  assert.deepEqual(await said("https://log.example.com"), []);
  assert.deepEqual(await said({ url: "http://log.example.com", fetch: never }), []);
});
