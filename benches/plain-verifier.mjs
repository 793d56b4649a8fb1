// A fast verifier in plain JavaScript, to compare the product with.
//
// It verifies an export of complete chains in one log: format, commits, chains, signatures, tree,
// checkpoints, range, and closure. It throws at the first error and creates no report. It supports the
// lines that a recorder and `seal` write, with members in their order, and rejects key notes, skips, and
// withheld events.
//
//     node plain-verifier.mjs FOLDER    prints the seconds it took for FOLDER's export
import * as ed25519 from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { createReadStream, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

ed25519.hashes.sha512 = sha512;

const { subtle } = globalThis.crypto;
const CHUNK = 1 << 20;
const LINE_END = 0x0a;
const BASE64_32 = "[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=";
const BASE64_16 = "[A-Za-z0-9+/]{21}[AQgw]==";
const BASE64_64 = "[A-Za-z0-9+/]{85}[AQgw]==";
const TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z";
const CHAIN_LINK = new RegExp(
  `^countersign/v1 (event|close) ([0-9a-f]{32}) ([1-9][0-9]{0,15}) (${TIME}) (${BASE64_32}) ` +
    `(?:(${BASE64_32})(?: (${BASE64_64}))?|(${BASE64_64}))$`,
);
const OPEN_LINK = new RegExp(`^countersign/v1 open ([^ ]+) ([^ ]+) (${TIME}) ${BASE64_16} (${BASE64_64})$`);
const SALT = new RegExp(`^${BASE64_16}$`);
const DOMAIN = Buffer.from("countersign/payload/v1\0");

const check = (right, message) => {
  if (!right) throw new Error(message);
};
const base64 = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");

// ---- Hashes and signatures, each by the fastest implementation here.

const hashing = {
  noble: (messages) => messages.map((message) => sha256(message)),
  webcrypto: async (messages) => {
    const hashes = await Promise.all(messages.map((message) => subtle.digest("SHA-256", message)));
    return hashes.map((hash) => new Uint8Array(hash));
  },
};

const verifying = {
  noble: {
    key: async (bytes) => bytes,
    verify: async (key, signature, message) => ed25519.verify(signature, message, key, { zip215: false }),
  },
  webcrypto: {
    key: (bytes) => subtle.importKey("raw", bytes, "Ed25519", true, ["verify"]),
    verify: (key, signature, message) => subtle.verify("Ed25519", key, signature, message),
  },
};

async function seconds(work) {
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    await work();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}

async function faster(contestants, work) {
  let best;
  for (const [name, contestant] of Object.entries(contestants)) {
    const took = await seconds(() => work(contestant));
    if (!best || took < best.took) best = { name, contestant, took };
  }
  return best;
}

async function choose() {
  const ofLength = (length) => Array.from({ length: 2000 }, (_, nth) => new Uint8Array(length).fill(nth));
  const { secretKey, publicKey } = ed25519.keygen(new Uint8Array(32).fill(7));
  const message = new Uint8Array(175);
  const signature = ed25519.sign(message, secretKey);
  const links = await faster(hashing, (hash) => hash(ofLength(175)));
  const events = await faster(hashing, (hash) => hash(ofLength(439)));
  const nodes = await faster(hashing, (hash) => hash(ofLength(65)));
  const signatures = await faster(verifying, async ({ key, verify }) => {
    const imported = await key(publicKey);
    const valid = await Promise.all(Array.from({ length: 50 }, () => verify(imported, signature, message)));
    check(valid.every(Boolean), "a signature of its own does not verify");
  });
  return { links, events, nodes, signatures };
}

// ---- Strictness that neither implementation guarantees.

// The y coordinates of the eight points of small order.
const P = 2n ** 255n - 19n;
const Y_OF_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
const SMALL_ORDER = new Set(
  [0n, 1n, P - 1n, Y_OF_ORDER_8, P - Y_OF_ORDER_8].map((y) => {
    const bytes = Buffer.from(y.toString(16).padStart(64, "0"), "hex").reverse();
    return bytes.toString("hex");
  }),
);

function isStrictPoint(bytes) {
  const y = Buffer.from(bytes);
  y[31] &= 0x7f;
  const isReduced = y[31] !== 0x7f || y[0] < 0xed || y.subarray(1, 31).some((byte) => byte !== 0xff);
  return isReduced && !SMALL_ORDER.has(y.toString("hex"));
}

// ---- The format.

function parseVkey(vkey) {
  const parts = vkey.split("+");
  const [name, id] = parts;
  const key = Buffer.from(parts.slice(2).join("+"), "base64");
  check(key.length === 33 && key[0] === 1 && isStrictPoint(key.subarray(1)), "not an Ed25519 vkey");
  const expected = Buffer.from(sha256(Buffer.concat([Buffer.from(`${name}\n`), key]))).subarray(0, 4);
  check(expected.toString("hex") === id, "a vkey with a wrong id");
  return { vkey, name, id, bytes: key.subarray(1) };
}

function parseTrust(text) {
  const trust = { logs: [], emitters: new Set() };
  for (const line of text.split("\n")) {
    const [kind, ...fields] = line.trim().split(/[ \t]+/);
    if (kind === "log") trust.logs.push(parseVkey(fields[0]));
    else if (kind === "emitter") trust.emitters.add(parseVkey(fields[0]).vkey);
    else check(kind === "" || kind.startsWith("#") || (kind === "quorum" && fields[0] === "none"), `trust: ${line}`);
  }
  return trust;
}

let lastDate;
function checkDate(time) {
  const date = time.slice(0, 10);
  if (date === lastDate) return;
  const millis = Date.parse(date);
  check(!Number.isNaN(millis) && new Date(millis).toISOString().startsWith(date), "not a date");
  lastDate = date;
}

function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)}}`;
}

// The right edge of the tree: at each level, a node that waits for its sibling.
class Tree {
  size = 0;
  #edge = [];

  async extend(leaves, hash) {
    this.size += leaves.length;
    let nodes = leaves;
    for (let level = 0; nodes.length > 0; level++) {
      if (this.#edge[level]) nodes.unshift(this.#edge[level]);
      this.#edge[level] = nodes.length % 2 === 1 ? nodes.pop() : undefined;
      const pairs = [];
      for (let at = 0; at < nodes.length; at += 2) pairs.push(parentOf(nodes[at], nodes[at + 1]));
      nodes = await hash(pairs);
    }
  }

  root() {
    const edge = this.#edge.filter(Boolean);
    return edge.slice(1).reduce((right, left) => sha256(parentOf(left, right)), edge[0]);
  }
}

function parentOf(left, right) {
  const node = new Uint8Array(65);
  node[0] = 1;
  node.set(left, 1);
  node.set(right, 33);
  return node;
}

class Verifier {
  #parts;
  #trust;
  #header;
  #tree = new Tree();
  #chains = new Map();
  #covered = 0;
  events = 0;

  constructor(parts, trust) {
    this.#parts = parts;
    this.#trust = trust;
  }

  // Accepts complete lines.
  async push(bytes) {
    const links = [];
    let start = 0;
    while (start < bytes.length) {
      let end = bytes.indexOf(LINE_END, start);
      if (end < 0) end = bytes.length;
      if (this.#header === undefined) {
        this.#header = JSON.parse(bytes.utf8Slice(start, end));
        check(this.#header.countersign === "export/v1", "not an export");
      } else if (end > start) {
        const line = bytes.utf8Slice(start, end);
        if (line.startsWith('{"link":"')) {
          links.push(this.#readLink(line, bytes, start, end));
        } else {
          await this.#take(links.splice(0));
          await this.#checkpoint(JSON.parse(line));
        }
      }
      start = end + 1;
    }
    await this.#take(links);
  }

  // Parses a line with a link, and returns its contents and the bytes to hash.
  #readLink(line, bytes, start, end) {
    const quote = line.indexOf('"', 9);
    const text = line.slice(9, quote);
    const leaf = new Uint8Array(1 + text.length);
    leaf.set(bytes.subarray(start + 9, start + quote), 1);
    const match = CHAIN_LINK.exec(text);
    if (match === null) {
      const open = OPEN_LINK.exec(text);
      check(open !== null && line.length === quote + 2 && line.endsWith('"}'), "a malformed link");
      const [, origin, vkey, time, signature] = open;
      checkDate(time);
      return { kind: "open", origin, vkey, time, signature, leaf };
    }
    const [, kind, chain, seq, time, prev, commit, signature, closing] = match;
    checkDate(time);
    check((kind === "close") === (closing !== undefined), "a malformed link");
    const link = { kind, chain, seq: Number(seq), time, prev, commit, signature: signature ?? closing, leaf };
    if (kind === "close") {
      check(line.length === quote + 2 && line.endsWith('"}'), "a malformed line");
      return link;
    }
    check(line.startsWith('","salt":"', quote), "an event is withheld");
    const salt = line.slice(quote + 10, quote + 34);
    check(SALT.test(salt) && line.startsWith('","event":{', quote + 34) && line.endsWith("}}"), "a malformed line");
    const event = line.slice(quote + 44, -1);
    const value = JSON.parse(event);
    // Text that serializes to itself contains no repeated member.
    check(JSON.stringify(value) === event || canonical(value) === event, "an event is not canonical");
    link.payload = new Uint8Array(39 + end - 1 - (start + quote + 44));
    link.payload.set(DOMAIN);
    link.payload.set(Buffer.from(salt, "base64"), 23);
    link.payload.set(bytes.subarray(start + quote + 44, end - 1), 39);
    return link;
  }

  async #take(links) {
    if (links.length === 0) return;
    const events = links.filter((link) => link.payload);
    const leaves = await this.#parts.links.contestant(links.map((link) => link.leaf));
    const commits = await this.#parts.events.contestant(events.map((link) => link.payload));
    events.forEach((link, nth) => check(base64(commits[nth]) === link.commit, "an event does not match its commit"));
    this.events += events.length;
    const signatures = [];
    for (let nth = 0; nth < links.length; nth++) {
      const link = links[nth];
      const chain = link.kind === "open" ? await this.#open(link, leaves[nth]) : this.#follow(link);
      chain.time = link.time;
      chain.last = base64(leaves[nth]);
      chain.isSigned = link.signature !== undefined;
      if (chain.isSigned) signatures.push(this.#verify(chain.key, link.signature, link.leaf));
    }
    check((await Promise.all(signatures)).every(Boolean), "a signature is not good");
    await this.#tree.extend(leaves, this.#parts.nodes.contestant);
  }

  async #open({ origin, vkey }, hash) {
    check(origin === this.#header.origin, "a chain of another log");
    check(this.#trust.emitters.has(vkey), "a chain of an unknown key");
    const name = Buffer.from(hash).toString("hex", 0, 16);
    check(!this.#chains.has(name), "a fork");
    const chain = { seq: 0, key: await this.#parts.signatures.contestant.key(parseVkey(vkey).bytes) };
    this.#chains.set(name, chain);
    return chain;
  }

  #follow({ kind, chain: name, seq, time, prev }) {
    const chain = this.#chains.get(name);
    check(chain !== undefined && !chain.isClosed, "a link of no open chain");
    check(seq === chain.seq + 1 && prev === chain.last, "a link that does not follow the one before it");
    check(time >= chain.time, "a time before the last one");
    chain.seq = seq;
    chain.isClosed = kind === "close";
    return chain;
  }

  async #verify(key, signature, leaf) {
    const bytes = Buffer.from(signature, "base64");
    if (!isStrictPoint(bytes.subarray(0, 32))) return false;
    return this.#parts.signatures.contestant.verify(key, bytes, leaf.subarray(1, leaf.length - 89));
  }

  async #checkpoint({ checkpoint }) {
    check(typeof checkpoint === "string", "a line that this verifier does not know");
    const blank = checkpoint.indexOf("\n\n");
    const text = checkpoint.slice(0, blank + 1);
    const [origin, size, root] = text.split("\n");
    check(origin === this.#header.origin && Number(size) === this.#tree.size, "a checkpoint out of place");
    check(root === base64(this.#tree.root()), "a checkpoint of another tree");
    this.#covered = this.#tree.size;
    const log = this.#trust.logs.find(({ name }) => name === origin);
    const line = checkpoint.slice(blank + 2).split("\n").find((line) => line.startsWith(`— ${origin} `));
    const signature = Buffer.from(line.slice(origin.length + 3), "base64");
    check(signature.length === 68 && signature.toString("hex", 0, 4) === log.id, "not the log's signature");
    check(isStrictPoint(signature.subarray(4, 36)), "a weak signature");
    const { key, verify } = this.#parts.signatures.contestant;
    check(await verify(await key(log.bytes), signature.subarray(4), Buffer.from(text)), "a bad checkpoint");
  }

  end() {
    const { range } = this.#header;
    check(range?.[0] === 0 && range[1] === this.#tree.size, "leaves are missing");
    check(this.#covered === this.#tree.size, "leaves follow the last checkpoint");
    check([...this.#chains.values()].every((chain) => chain.isSigned && chain.isClosed), "a chain is open");
  }
}

/** Verifies an export file, and returns its number of events. */
export async function verify(file, trust, parts) {
  const verifier = new Verifier(parts, parseTrust(trust));
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const end = bytes.lastIndexOf(LINE_END) + 1;
    if (end > 0) await verifier.push(bytes.subarray(0, end));
    rest = bytes.subarray(end);
  }
  await verifier.push(rest);
  verifier.end();
  return verifier.events;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2];
  const parts = await choose();
  for (const [part, { name }] of Object.entries(parts)) console.error(`${part}: ${name}`);
  const trust = readFileSync(join(folder, "trust.txt"), "utf8");
  const start = performance.now();
  await verify(join(folder, "export.ndjson"), trust, parts);
  console.log((performance.now() - start) / 1000);
}
