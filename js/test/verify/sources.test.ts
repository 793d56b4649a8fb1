import assert from "node:assert/strict";
import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { type Source, verify } from "countersign/verify";
import { caseNamed, stripped } from "./cases.ts";
import { exportOf, inPieces } from "./inputs.ts";

const { bytes, options, report } = caseNamed("log-two-chains");
const folder = mkdtempSync(join(tmpdir(), "countersign-sources-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "export.ndjson");
writeFileSync(file, bytes);

const kinds: Record<string, () => Source | Promise<Source>> = {
  "a Uint8Array": () => bytes,
  "a view into a larger buffer": () => new Uint8Array([1, ...bytes, 2]).subarray(1, bytes.length + 1),
  "a Buffer": () => Buffer.from(bytes),
  "a Blob": () => new Blob([bytes]),
  "a file as a Blob": () => openAsBlob(file),
  "a File": () => new File([bytes], "export.ndjson"),
  "a Response": () => new Response(bytes),
  "a Response with its length": () => new Response(bytes, { headers: { "content-length": `${bytes.length}` } }),
  "a stream": () => new Blob([bytes]).stream(),
  "an async iterable": () => inPieces(bytes, 100),
  "a Node stream": () => Readable.from(inPieces(bytes, 100)),
  "a file's stream": async () => (await open(file)).createReadStream(),
};

for (const [kind, make] of Object.entries(kinds)) {
  test(`source: reads ${kind}`, async () => {
    for (const threads of [0, 1]) {
      const verification = await verify(await make(), { ...options, threads });
      assert.deepEqual(stripped(verification.report), report);
    }
  });
}

test("source: leaves the caller's bytes unchanged", async () => {
  const own = new Uint8Array(bytes);
  const reused = new Uint8Array(64);
  async function* reusing() {
    for (let at = 0; at < bytes.length; at += reused.length) {
      reused.set(bytes.subarray(at, at + reused.length));
      yield reused.subarray(0, Math.min(reused.length, bytes.length - at));
    }
  }
  for (const threads of [0, 1, 2]) {
    await verify(own, { ...options, threads });
    assert.deepEqual(own, bytes);
    const verification = await verify(reusing(), { ...options, threads });
    assert.deepEqual(stripped(verification.report), report);
  }
});

test("source: reads no further ahead than needed", async () => {
  const note = "x".repeat(8000);
  const { bytes } = exportOf({ events: 1500, eventAt: (seq) => `{"note":"${note}","seq":${seq}}` });
  let ahead = 0;
  let furthest = 0;
  async function* pieces() {
    for await (const piece of inPieces(bytes, 64 << 10)) {
      ahead += piece.length;
      furthest = Math.max(furthest, ahead);
      yield piece;
    }
  }
  const { report } = await verify(pieces(), {
    threads: 2,
    // Slow callbacks are awaited.
    onEvents: async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      ahead -= batch.text.length;
    },
  });
  assert.equal(report.counts.events, 4500);
  assert.ok(furthest < bytes.length / 2, `${furthest} of ${bytes.length} bytes were read ahead`);
});

const refused: [string, () => unknown, string, RegExp][] = [
  ["text", () => "{}", "source.invalid", /Uint8Array/],
  ["nothing", () => undefined, "source.invalid", /Uint8Array/],
  ["a failed response", () => new Response("not here", { status: 404 }), "source.invalid", /check the URL/],
  ["a stream that is in use", lockedStream, "source.invalid", /new stream/],
  ["a response that was read", readResponse, "source.invalid", /new stream/],
  ["pieces of text", () => Readable.from(["{", "}"]), "source.invalid", /bytes/],
  ["a stream that fails", failingStream, "source.unreadable", /try again/],
];

for (const [what, make, code, hint] of refused) {
  test(`source: rejects ${what}`, async () => {
    for (const threads of [0, 1]) {
      const source = (await make()) as Source;
      await assert.rejects(verify(source, { threads }), (error: Error & { code: string; hint: string }) => {
        assert.equal(error.name, "CountersignError");
        assert.equal(error.code, code);
        assert.match(error.hint, hint);
        return true;
      });
    }
  });
}

function lockedStream() {
  const stream = new Blob([bytes]).stream();
  stream.getReader();
  return stream;
}

async function readResponse() {
  const response = new Response(bytes);
  await response.text();
  return response;
}

function failingStream() {
  return new ReadableStream({
    pull(controller) {
      controller.error(new Error("the disk is gone"));
    },
  });
}
