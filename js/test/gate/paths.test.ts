/**
 * Compares the gate with frameworks: a path that a framework's static file server takes for one below `/internal/` must
 * be refused or rejected by a gate that refuses `/internal/`.
 */

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gate } from "countersign/gate";
import { parsePath, splitTarget } from "../../packages/countersign/dist/adapters/request-path.js";
import { pack } from "./packs.ts";
import { randomFrom } from "./random.ts";
import { STATIC_SERVERS } from "./static-servers.ts";

const frameworks = new URL("../package/frameworks/node_modules", import.meta.url);
const skip =
  !existsSync(frameworks) &&
  process.env.CI === undefined &&
  "the frameworks are not installed: npm ci in js/test/package/frameworks";

const SECRET = "the secret";

/** The files that are served, by their paths. */
const FILES = {
  "internal/secret.txt": SECRET,
  "public/page.txt": "a page",
  "public/a b+c,d;e=f@g:h&i$j!k'l(m)n~o.txt": "a name with signs",
  "public/\u00e9\u65e5.txt": "a name beyond ASCII",
  "public/100%.txt": "a name with a percent sign",
} as const;

/** Paths of public files, which the gate must not disturb. */
const PUBLIC = [
  "/public/page.txt",
  "/public/page.txt?x=/../internal",
  "/%70ublic/page.txt",
  "/public/p%61ge%2Etxt",
  "/public/missing.txt",
  "/public/a%20b+c,d;e=f@g:h&i$j!k'l(m)n~o.txt",
  "/public/a%20b%2Bc%2Cd%3Be%3Df%40g%3Ah%26i%24j%21k%27l%28m%29n%7Eo.txt",
  "/public/%C3%A9%E6%97%A5.txt",
  "/public/%c3%a9%e6%97%a5.txt",
  "/public/100%25.txt",
];

/** Ways to write a slash, alone or with what programs remove. */
const SLASHES = [
  "/",
  "%2f",
  "%2F",
  "%252f",
  "\\",
  "%5c",
  "//",
  "/./",
  "/%2e/",
  "/.%2f",
  "%2f.%2f",
  "/x/../",
  "/x/%2e%2e/",
];
const MORE_SLASHES = [
  "/x/..%2f",
  "/x%2f..%2f",
  "/x\\..\\",
  "/x/..%5c",
  "/;/",
  "/.;/",
  "/%00/",
  "/%09/",
  "/%20/",
  "/%ef%bc%8f",
  "%c0%af",
];

/** Ways to write the folder. */
const FOLDERS = [
  "internal",
  "%69nternal",
  "%69%6e%74%65%72%6e%61%6c",
  "Internal",
  "internal%20",
  "internal.",
  "%2569nternal",
];

/** Ways to begin a target. */
const STARTS = [
  "",
  "/",
  "/.",
  "/..",
  "/x/..",
  "//x",
  "/%2e",
  "\\",
  "/%5c",
  "http://x",
  "http://x?y",
  "HTTP://x:80",
  "x://y",
  "/http:/x",
];

/** Ways to end a target. */
const ENDS = ["", "?x", "#x", "/", "%00", "%20", "%3fx", "%23x", ";x", ".", "%2e"];

/** Number of targets with random escapes. */
const SAMPLES = 150;

/** Returns all targets: combinations, and a pseudorandom sample of the rest. */
function targets(): string[] {
  const found = new Set<string>();
  for (const slash of [...SLASHES, ...MORE_SLASHES]) {
    for (const folder of FOLDERS) {
      found.add(`/${folder}${slash}secret.txt`);
      found.add(`${slash}${folder}/secret.txt`);
    }
    found.add(`${slash}internal${slash}secret.txt`);
  }
  for (const start of STARTS) {
    for (const end of ENDS) {
      found.add(`${start}/internal/secret.txt${end}`);
    }
  }
  // Escapes some of the characters, once or twice.
  const random = randomFrom(7);
  for (let nth = 0; nth < SAMPLES; nth++) {
    const text = [..."/internal/secret.txt"].map((char) => {
      const hex = char.charCodeAt(0).toString(16);
      const choice = random(16);
      return choice < 4 ? `%${hex}` : choice === 15 ? `%25${hex}` : char;
    });
    found.add(text.join(""));
  }
  return [...found];
}

const TARGETS = targets();

describe("paths", { skip, timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "countersign-paths-"));
  before(() => {
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  test("are 500 or more", () => assert.ok(TARGETS.length >= 500, `${TARGETS.length}`));

  for (const [name, start] of Object.entries(STATIC_SERVERS)) {
    test(name, async (t) => {
      const rules = { internal: ["deny", { condition: "it", it: { "http.path|startswith": "/internal/" } }] } as const;
      const own = gate({ pack: pack(rules), fail: "open" });
      await own.ready();
      const [open, gated] = await Promise.all([start(folder, undefined), start(folder, own)]);
      try {
        let count = 0;
        for (const target of TARGETS) {
          const [without, response] = await Promise.all([asked(open, target), asked(gated, target)]);
          const isSecret = without.body.includes(SECRET);
          count += isSecret ? 1 : 0;
          assert.ok(!response.body.includes(SECRET), `${target} is served`);
          assert.ok(!isSecret || [400, 403].includes(response.status), `${target} has status ${response.status}`);
        }
        t.diagnostic(`${count} of ${TARGETS.length} paths reach the secret without a gate`);
        assert.ok(count > 0, "the server serves the secret");
        for (const target of PUBLIC) {
          assert.deepEqual(await asked(gated, target), await asked(open, target), target);
        }
      } finally {
        for (const server of [open, gated]) {
          server.closeAllConnections();
          server.close();
        }
      }
    });
  }
});

describe("the normalizer", () => {
  const form = (path: string) => {
    try {
      return parsePath(path);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test("accepts a path in one form only", () => {
    for (const [path, decoded, normal] of [
      ["/", "/", "/"],
      ["*", "*", "*"],
      ["/a/b/", "/a/b/", "/a/b/"],
      ["/%69%2dx", "/i-x", "/i-x"],
      ["/%c3%a9%20%3a", "/\u00e9 :", "/%C3%A9%20%3A"],
      ["/\u00e9 b", "/\u00e9 b", "/\u00e9 b"],
      ["/100%25", "/100%", "/100%25"],
      ["/...", "/...", "/..."],
      ["/.well-known/x", "/.well-known/x", "/.well-known/x"],
    ] as const) {
      assert.deepEqual(form(path), { decoded, normal });
    }
    for (const path of [
      "",
      "x",
      "*x",
      "//x",
      "/x//y",
      "/x//",
      "/.",
      "/..",
      "/./x",
      "/%2E%2e/x",
      "/x/.",
      "/a%2Fb",
      "/a%5Cb",
    ]) {
      assert.equal(form(path), "path.ambiguous", path);
    }
    for (const path of [
      "/a\\b",
      "/%",
      "/%4",
      "/%zz",
      "/%ff",
      "/%c3",
      "/%00",
      "/\0",
      "/\ud800",
      "/a#b",
      "/a?b",
      "/%3f",
      "/%2561",
      "/%25%36%31",
      "/%25%36%39nternal",
      "/a/%25%32%65%25%32%65/b",
      "/a%25%32%66b",
    ]) {
      assert.equal(form(path), "path.ambiguous", path);
    }
  });

  test("is idempotent, and its two forms are the same path", () => {
    for (const target of [...TARGETS, ...PUBLIC]) {
      const found = form(splitTarget(target).path);
      if (typeof found !== "string") {
        assert.deepEqual(form(found.normal), found);
        assert.equal(decodeURIComponent(found.normal), found.decoded);
      }
    }
  });

  test("splits targets as all programs do, or leaves them whole", () => {
    for (const [target, origin, path, query] of [
      ["/a?b?c#d", "", "/a", "?b?c#d"],
      ["http://x/a?b", "http://x", "/a", "?b"],
      ["https://[::1]:8080", "https://[::1]:8080", "/", ""],
      ["http://x?y/a", "", "http://x", "?y/a"],
      ["http://x#y/a", "", "http://x#y/a", ""],
      ["http://u@x/a", "", "http://u@x/a", ""],
      ["//x/a", "", "//x/a", ""],
    ] as const) {
      assert.deepEqual(splitTarget(target), { origin, path, query });
    }
  });
});

/** Sends a target as it is, and returns the status and the body. */
function asked(server: Server, target: string): Promise<{ status: number; body: string }> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, "latin1");
    });
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => {
      const [, status = "0"] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
      resolve({ status: Number(status), body: text.slice(text.indexOf("\r\n\r\n") + 4) });
    });
  });
}
