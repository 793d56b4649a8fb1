// A log server for tenants' logs in memory, in a process of its own, for measurements of recorders. Prints its port and its
// public key. Each answer proves the head of one log in a directory whose other hashes are random, so that an answer takes
// the same time for any number of tenants.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { hash, Signer } from "../js/test/conformance/keys.ts";
import { consistencyProof, inclusionProof, leafHash, nodeHash, root } from "../js/test/conformance/tree.ts";
import { linesOf, placeOf } from "../js/test/deliver/log.ts";

const ROOT = "log.example/audit";
const KEY = new Signer(ROOT, 1);
const DEPTH = 17;
const BEGIN = Date.UTC(2026, 0, 1);
/** The tick of a log's first submission. No anchor follows for a long time. */
const FIRST = 4_196;

const base64 = (bytes) => Buffer.from(bytes).toString("base64");
const lines = (hashes) => hashes.map((one) => `${base64(one)}\n`).join("");
const siblings = Array.from({ length: DEPTH }, () => randomBytes(32));
/** The links of each log with their hashes, and the number of its submissions. */
const logs = new Map();

/** Returns the lines of a log's head before its empty line, and the proof of its directory. */
function proven(id, hashes, tick) {
  const [salt, size] = [randomBytes(16), Buffer.alloc(8)];
  size.writeBigUInt64BE(BigInt(hashes.length));
  const origin = `${ROOT}/t/${id}`;
  const fields = [Buffer.of(origin.length), origin, Buffer.of(0), size, root(hashes)];
  let node = hash("countersign/v1 head", Buffer.of(0), salt, ...fields);
  const slot = Number.parseInt(id.slice(0, 8), 16) >>> (32 - DEPTH);
  for (const [height, sibling] of siblings.entries()) {
    const pair = (slot >> height) & 1 ? [sibling, node] : [node, sibling];
    node = hash("countersign/v1 node", Buffer.of(0), ...pair);
  }
  const time = new Date(BEGIN + 1000 * tick).toISOString();
  const directory = hash("countersign/v1 directory", Buffer.of(0, DEPTH), node);
  // The last entry's proof has a hash to the left for each bit of its index.
  const path = Array.from(tick.toString(2).replaceAll("0", ""), () => randomBytes(32));
  const top = path.reduce(
    (right, left) => nodeHash(left, right),
    leafHash(`countersign/v1 directory ${time} ${base64(directory)}`),
  );
  const checkpoint = KEY.note(`${ROOT}\n${tick + 1}\n${base64(top)}\n`);
  const head = ["countersign/v1 head", origin, hashes.length, base64(root(hashes)), "live", base64(salt), time];
  return {
    head: `${head.join("\n")}\n${lines(siblings)}`,
    root: `c2sp.org/tlog-proof@v1\nindex ${tick}\n${lines(path)}\n${checkpoint}`,
  };
}

/** Adds links to a log, and returns the answer. */
function submit(id, since, body) {
  const log = logs.get(id) ?? { links: [], hashes: [], submissions: 0 };
  logs.set(id, log);
  const tips = new Map();
  for (const { link } of linesOf(body)) {
    if (!log.links.includes(link)) {
      log.links.push(link);
      log.hashes.push(leafHash(link));
    }
    tips.set(placeOf(link).chain, link);
  }
  const proof = proven(id, log.hashes, FIRST + log.submissions++);
  const chains = Array.from(tips, ([chain, link]) => {
    const index = log.links.indexOf(link);
    return [chain, { seq: placeOf(link).seq, index, hashes: inclusionProof(index, log.hashes).map(base64) }];
  });
  const size = Number(since.split(",")[0]);
  const isGrown = size > 0 && size < log.hashes.length;
  const consistency = isGrown ? consistencyProof(size, log.hashes).map(base64) : [];
  const answer = { head: proof.head, chains: Object.fromEntries(chains), notes: [], anchors: [], consistency };
  return { root: proof.root, logs: { [`${ROOT}/t/${id}`]: answer } };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://localhost");
  const id = /^\/t\/([0-9a-f]{32})\/submit$/.exec(url.pathname)?.[1];
  const chunks = await Array.fromAsync(request);
  const body = Buffer.concat(chunks).toString();
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(submit(id, url.searchParams.get("since") ?? "0,0", body)));
});
server.listen(0, "127.0.0.1", () => console.log(`${server.address().port} ${KEY.vkey}`));
