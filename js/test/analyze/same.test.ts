/** Tests that JavaScript finds byte for byte the same as the program, in Node.js and workerd, with any distribution. */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import { type Verification, verify } from "countersign/verify";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { factsOf } from "../../packages/ui/dist/viewer/session/facts.js";
import init, { EventIndex, SegmentBuilder } from "../../packages/ui/dist/wasm/index.js";
import { PROGRAM } from "../conformance/program.ts";
import { realEvents } from "../real-events.ts";
import { exportOf } from "../verify/inputs.ts";
import { threaded } from "./threaded.ts";

const sources = realEvents();
const withoutProgram = PROGRAM === undefined && "skipped: the program is not built";
const rules = readFileSync(new URL("../../packages/ui/dist/wasm/rules.json", import.meta.url), "utf8");

const folder = mkdtempSync(join(tmpdir(), "countersign-findings-"));
const worker = await started();
await init({ module_or_path: readFileSync(new URL("../../packages/ui/dist/wasm/index_bg.wasm", import.meta.url)) });
after(async () => {
  await worker.dispose();
  rmSync(folder, { recursive: true });
});

async function started(): Promise<Miniflare> {
  const { outputFiles } = await build({
    entryPoints: [new URL("worker.ts", import.meta.url).pathname],
    bundle: true,
    format: "esm",
    target: "es2023",
    write: false,
    outdir: folder,
    external: ["*.wasm"],
    logLevel: "error",
  });
  const wasm = readFileSync(new URL("../../packages/ui/dist/wasm/analyzer_bg.wasm", import.meta.url));
  return new Miniflare({
    modules: [
      { type: "ESModule", path: "worker.js", contents: outputFiles[0]?.text ?? "" },
      { type: "CompiledWasm", path: "../../packages/ui/dist/wasm/analyzer_bg.wasm", contents: wasm },
    ],
    modulesRoot: "/",
    compatibilityDate: "2026-01-01",
  });
}

function run(...given: string[]): string {
  const { stdout, stderr, status } = spawnSync(PROGRAM ?? "", given, {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  assert.notEqual(status, 2, `countersign ${given.join(" ")}: ${stderr}`);
  return stdout;
}

/** Fails with the reason if the program and the module were built from different sources. */
function areOfOneBuild(program: string, artifact: string): void {
  const [of, other] = [program, artifact].map((text) => {
    const { engine, pack } = JSON.parse(text) as { engine: string; pack: { hash: string } };
    return `engine ${engine}, rules ${pack.hash}`;
  });
  const builds = `${PROGRAM} has ${of}, and js/wasm has ${other}`;
  assert.equal(
    other,
    of,
    `${builds}: build both again (cargo build -p countersign-cli, cargo xtask wasm, npm run build)`,
  );
}

/** Returns the lines of verified events in the form that an index writes, and the verification's result. */
async function verified(
  bytes: Uint8Array,
  trust: string,
): Promise<{ batches: Uint8Array[]; verification: Verification }> {
  const batches: Uint8Array[] = [];
  const verification = await verify(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    trust,
    threads: 2,
    onEvents: (batch) => void batches.push(read(batch.bytes)),
  });
  return { batches, verification };
}

function read(batch: Uint8Array): Uint8Array {
  const builder = new SegmentBuilder(1);
  const index = new EventIndex(1);
  assert.equal(builder.add(batch, false), true);
  index.addSegment(builder.finish(), 1);
  index.beginLines(0, index.heldRows);
  const lines: Uint8Array[] = [];
  for (let wanted = index.linesWant(); wanted !== undefined; wanted = index.linesWant()) {
    const [, begin, end] = wanted;
    lines.push(index.linesOf(batch.subarray(begin, end)));
  }
  index.free();
  builder.free();
  return Buffer.concat(lines);
}

async function sameAs(expected: string, bytes: Uint8Array, trust: string, pack: string): Promise<void> {
  const { batches, verification } = await verified(bytes, trust);
  for (const detectors of [1, 2]) {
    const analysis = threaded(pack, detectors);
    // Batches may be added in any order, so this adds them in reverse.
    for (const batch of detectors === 1 ? batches : batches.toReversed()) {
      // Copied, because added batches are transferred.
      await analysis.add([Uint8Array.from(batch)]);
      await analysis.status(undefined);
    }
    await analysis.status(factsOf(verification));
    const document = await (await analysis.document()).text();
    analysis.close();
    areOfOneBuild(expected, document);
    assert.equal(document, expected, `${detectors} threads`);
  }
  const events = Buffer.concat(batches).toString("utf8");
  for (const lines of [1, 64]) {
    const body = JSON.stringify({ rules: pack, events, facts: JSON.stringify(factsOf(verification)), lines });
    const response = await worker.dispatchFetch("http://worker/", { method: "POST", body });
    assert.equal(await response.text(), expected, `in workerd, ${lines} lines at a time`);
  }
}

for (const [source, events] of Object.entries(typeof sources === "string" ? {} : sources)) {
  test(`${source}: JavaScript and the program find the same in real events`, { skip: withoutProgram }, async () => {
    const vkey = run("keygen", `example.com/${source}`, "--out", `${source}.key`).trim();
    execFileSync("sh", ["-c", 'cat > "$0"', `${source}.events`], { cwd: folder, input: events });
    const key = `${source}.key`;
    run(
      "record",
      "--no-redact",
      "--key",
      key,
      "--origin",
      "log.example/real",
      "-o",
      `${source}.ndjson`,
      `${source}.events`,
    );
    const trust = `emitter ${vkey}\n`;
    writeFileSync(join(folder, "trust.txt"), trust);
    const expected = run("analyze", `${source}.ndjson`, "--trust", "trust.txt", "--format", "json");
    assert.match(expected, /^\{"complete":/);
    await sameAs(expected, readFileSync(join(folder, `${source}.ndjson`)), trust, rules);
  });
}

if (typeof sources === "string") {
  test("real events are available", { skip: sources }, () => {});
}

/** Produces more groups, hits, and findings than the limits. */
const HITS = `
title: A step
id: step
level: low
detection:
  s: {action: step}
  condition: s
---
title: Many steps of one
id: steps
level: high
correlation:
  type: event_count
  rules: [step]
  group-by: [who]
  timespan: 1h
  condition: {gte: 4096}
  generate: true
---
title: Two steps
id: two
level: medium
correlation:
  type: event_count
  rules: [step]
  group-by: [who]
  timespan: 1h
  condition: {gte: 2}
  generate: true
`;

test("JavaScript and the program agree at the limits", { skip: withoutProgram }, async () => {
  const names = 21_000;
  const { bytes, trust } = exportOf({
    chains: 1,
    events: names + 5200 + 300,
    signEvery: 500,
    eventAt: (seq) => {
      const who = seq <= names ? `n${seq}` : seq <= names + 5200 ? "many" : `n${seq % 100}`;
      return `{"action":"step","who":"${who}"}`;
    },
  });
  writeFileSync(join(folder, "caps.ndjson"), bytes);
  writeFileSync(join(folder, "caps.txt"), trust);
  writeFileSync(join(folder, "caps.yml"), HITS);
  run("rules", "build", "caps.yml", "-o", "caps.json");
  const expected = run("analyze", "caps.ndjson", "--trust", "caps.txt", "--rules", "caps.json", "--format", "json");
  const { limits } = JSON.parse(expected) as { limits: { groups: unknown; hits: unknown }[] };
  assert.ok(
    limits.some(({ groups }) => groups !== null) && limits.some(({ hits }) => hits !== null),
    expected.slice(-600),
  );
  await sameAs(expected, bytes, trust, readFileSync(join(folder, "caps.json"), "utf8"));
});

test("JavaScript and the program agree on more doubtful chains than a report lists", {
  skip: withoutProgram,
}, async () => {
  const { bytes, trust } = exportOf({
    chains: 101,
    events: 21,
    signEvery: 21,
    eventAt: (_, chain) => `{"action":"session.login","actor":{"id":"u_${chain}"},"outcome":"failure"}`,
    issuer: "example.com",
  });
  writeFileSync(join(folder, "doubts.ndjson"), bytes);
  for (const [signerTrust, trusts] of [
    ["trusted", trust],
    ["suspect", `${trust}${trust.replace("issuer", "revoke").replace("\n", " -\n")}`],
  ] as const) {
    writeFileSync(join(folder, "doubts.txt"), trusts);
    const expected = run("analyze", "doubts.ndjson", "--trust", "doubts.txt", "--format", "json");
    const { findings } = JSON.parse(expected) as { findings: { signer_trust: string }[] };
    assert.deepEqual(new Set(findings.map((found) => found.signer_trust)), new Set([signerTrust]));
    assert.equal(findings.length, 101);
    await sameAs(expected, bytes, trusts, rules);
  }
});

test("findings follow a trust file that is added after the events were examined", async () => {
  const { bytes, trust } = exportOf({
    chains: 3,
    events: 21,
    signEvery: 21,
    eventAt: (_, chain) => `{"action":"session.login","actor":{"id":"u_${chain}"},"outcome":"failure"}`,
    issuer: "example.com",
  });
  const { verify, verifyArchive } = createVerifier({
    module: async () =>
      WebAssembly.compile(readFileSync(fileURLToPath(import.meta.resolve("countersign/verifier.wasm")))),
  });
  const batches: Uint8Array[] = [];
  const archives: Blob[] = [];
  await verify(new Blob([bytes as Uint8Array<ArrayBuffer>]), {
    onEvents: (batch) => void batches.push(read(batch.bytes)),
    onArchive: (archive) => void archives.push(archive),
  });
  const [archive] = archives;
  assert.ok(archive);
  const analysis = threaded(rules, 1);
  for (const batch of batches) {
    await analysis.add([Uint8Array.from(batch)]);
  }
  const trusts = async (options: { trust?: string }) => {
    await analysis.status(factsOf(await verifyArchive(archive, options)));
    const { findings } = JSON.parse(await (await analysis.document()).text()) as {
      findings: { signer_trust: string }[];
    };
    assert.equal(findings.length, 3);
    return [...new Set(findings.map((found) => found.signer_trust))];
  };
  assert.deepEqual(await trusts({}), ["untrusted"]);
  assert.deepEqual(await trusts({ trust }), ["trusted"]);
  assert.deepEqual(await trusts({}), ["untrusted"]);
  analysis.close();
});

test("invalid rules are rejected with a code and a hint", async () => {
  const analysis = threaded('{"countersign":"rules/v1","name":"x","rules":[{"title":"T"}]}', 1);
  await assert.rejects(
    analysis.status(undefined),
    ({ code, message, hint }: { code: string; message: string; hint: string }) => {
      assert.equal(code, "pack.invalid");
      assert.match(`${message} ${hint}`, /T: .*rules build/);
      return true;
    },
  );
  analysis.close();
});
