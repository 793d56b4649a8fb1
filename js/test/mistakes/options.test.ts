/** Tests mistakes in a recorder's options. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";
import { full, RIGHT, refuses, withoutLog } from "./mistake.ts";

const [{ secret, vkey }] = EMITTERS;
const { privateKey, publicKey } = (await crypto.subtle.generateKey("Ed25519", false, [
  "sign",
  "verify",
])) as CryptoKeyPair;

const NO_KEY = ["options.invalid", "key"] as const;
const NO_SIGNER = ["key.invalid", "key"] as const;

refuses("no key", { key: undefined }, NO_KEY);
refuses("an empty key", { key: "" }, NO_KEY);
refuses("a blank key", { key: " \n" }, NO_KEY);
refuses("a public key", { key: vkey }, ["key.invalid", "key"]);
refuses("a PEM key", { key: "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----\n" }, [
  "key.invalid",
  "key",
]);
refuses("base64", { key: "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=" }, NO_SIGNER);
refuses("hex", { key: "07".repeat(32) }, NO_SIGNER);
for (const [what, member, given] of [
  ["a key", "key", `"${secret}"`],
  ["a vkey", "key", { vkey: `'${vkey}'`, privateKey }],
  ["a log", "log", `"${LOG.vkey}"\n`],
  ["a trust file", "log", `"log ${LOG.vkey}"`],
] as const) {
  refuses(`${what} with quotes around it`, { [member]: given }, ["key.invalid", member]);
}
for (const [what, key] of [
  ["that is cut off", secret.slice(0, -5)],
  ["with another name", secret.replace("example.com", "example.org")],
  ["with its plus signs lost in a URL", `PRIVATE+KEY+${secret.slice(12).replaceAll("+", " ")}`],
] as const) {
  refuses(`a key ${what}`, { key }, ["key.invalid", "key"]);
}
refuses("a CryptoKey without its vkey", { key: privateKey }, ["options.invalid", "key"]);
refuses("a vkey without a signer, as in the result of browserKey", { key: { vkey, key: { vkey, privateKey } } }, [
  "options.invalid",
  "key",
]);
refuses("a CryptoKey that verifies", { key: { vkey, privateKey: publicKey } }, ["options.invalid", "key"]);
refuses("a private key as vkey", { key: { vkey: secret, privateKey } }, ["options.invalid", "key"]);
refuses("an invalid vkey", { key: { vkey: "example.com/e100", privateKey } }, ["key.invalid", "key"]);

test("white space around a key is ignored", async () => {
  const to = full.memory();
  const recorder = await full.createRecorder({ ...RIGHT, ...withoutLog, to, key: `\r\n ${secret}\n` }).ready();
  await recorder.close();
  assert.ok(to.text().includes(vkey));
});

const ADDRESS = ["options.invalid", "to"] as const;
refuses("no URL", { to: undefined }, [...ADDRESS]);
refuses("a number as URL", { to: 5 }, [...ADDRESS]);
refuses("an empty URL", { to: "" }, [...ADDRESS]);
refuses("a URL without a scheme", { to: "log.example.com" }, [...ADDRESS]);
refuses("a host with a port", { to: "localhost:8080" }, [...ADDRESS]);
refuses("a URL that ends in /submit", { to: "https://log.example/submit" }, [...ADDRESS]);
refuses("a token in the URL", { to: "https://log.example/?token=x" }, [...ADDRESS]);
refuses("a password in the URL", { to: "https://a:b@log.example" }, [...ADDRESS]);
refuses("a binding without a URL", { to: { fetch() {} } }, [...ADDRESS]);
refuses("a fetch that is not a function", { to: { url: "https://log.example", fetch: {} } }, [...ADDRESS]);

refuses("no log", { log: undefined }, ["options.invalid", "log"]);
refuses("the log's name instead of its vkey", { log: ORIGIN }, ["key.invalid", "log"]);
refuses("the path of a trust file", { log: "./trust.txt" }, ["key.invalid", "log"]);
refuses("the log's private key", { log: LOG.secret }, ["key.invalid", "log"]);
refuses("a trust file without a log", { log: `emitter ${vkey}\n` }, ["trust.invalid", "log"]);
refuses("a trust file with two logs", { log: `log ${LOG.vkey}\nlog ${vkey}\n` }, ["trust.invalid", "log"]);
refuses("an origin in addition to a log", { origin: ORIGIN }, ["options.invalid", "origin"]);
refuses("a log with a transport", { to: () => {} }, ["options.invalid", "log"]);
refuses("a private key as origin", { ...withoutLog, origin: secret }, ["name.invalid", undefined]);
refuses("no origin", { ...withoutLog, origin: undefined }, ["options.invalid", "origin"]);

refuses("a path as outbox", { outbox: "./outbox" }, ["options.invalid", "outbox"]);
refuses("a string as redact", { redact: "ssn" }, ["options.invalid", "redact"]);
for (const autoFlush of [true, 7, "1s", null, [64]]) {
  refuses(`autoFlush: ${JSON.stringify(autoFlush)}`, { autoFlush }, ["options.invalid", "autoFlush"]);
}
for (const retry of [false, 5, "1s", null, [500]]) {
  refuses(`retry: ${JSON.stringify(retry)}`, { retry }, ["options.invalid", "retry"]);
}
refuses("a delay that is not a number", { retry: { initialDelayMs: "500" } }, [
  "options.invalid",
  "retry.initialDelayMs",
]);

test("missing options", () => {
  assert.throws(full.createRecorder as () => unknown, {
    code: "options.invalid",
    hint: /key, to, and log/,
  });
});

for (const [wrong, member] of [
  [{ outBox: undefined, outbux: 1 }, "outbux"],
  [{ onerror: () => {} }, "onerror"],
  [{ redacted: ["ssn"] }, "redacted"],
  [{ timeoutMS: 5 }, "timeoutMS"],
  [{ batchSize: 5 }, "batchSize"],
  [{ autoFlush: { maxEvent: 1 } }, "autoFlush.maxEvent"],
  [{ autoFlush: { seconds: 1 } }, "autoFlush.seconds"],
  [{ retry: { initialDelay: 1 } }, "retry.initialDelay"],
  [{ redact: { names: ["ssn"] } }, "redact.names"],
  [{ ["x".repeat(100_000)]: 1 }, "x".repeat(100_000)],
] as const) {
  refuses(`unknown option ${member.slice(0, 20)}`, wrong, ["options.invalid", member]);
}
for (const [wrong, member] of [
  [{ redact: [""] }, "redact"],
  [{ redact: null }, "redact"],
  [{ redact: { only: "ssn" } }, "redact"],
  [{ redact: { keep: "id" } }, "redact.keep"],
  [{ redact: { keep: ["id"], also: [1] } }, "redact.also"],
  [{ redact: { only: ["ssn"], keep: ["id"] } }, "redact"],
  [{ onInvalid: "warn" }, "onInvalid"],
  [{ beforeRecord: {} }, "beforeRecord"],
] as const) {
  refuses(`${member}: ${JSON.stringify(wrong)}`, wrong, ["options.invalid", member]);
}

test("unencrypted delivery is reported for public hosts only", async () => {
  const said = async (to: full.LogOptions["to"]) => {
    const reported: string[] = [];
    const recorder = await full
      .createRecorder({
        ...RIGHT,
        to,
        onError: ({ code, message }) => reported.push(`${code} ${message}`),
      })
      .ready();
    await recorder.close({ retryForMs: 1 }).catch(() => {});
    return reported.filter((one) => one.startsWith("log_server.cleartext"));
  };
  const never = () => new Promise<Response>(() => {});
  assert.match(
    (await said("http://log.example.com:8080/a"))[0] ?? "",
    /unencrypted to http:\/\/log\.example\.com:8080\/a\/submit/,
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
    "logserver",
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
  assert.deepEqual(await said("https://log.example"), []);
  assert.deepEqual(await said({ url: "http://log.example.com", fetch: never }), []);
});
