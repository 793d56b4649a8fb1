// Verifies a folder's export with the npm package in Chromium, and prints the maximum memory of one of its
// workers in bytes: JavaScript's heap, including uncollected buffers, and WebAssembly's memory.
//
//     CHROMIUM=/usr/bin/chromium node browser-memory.mjs FOLDER [worker|tab]
//
// With `tab`, prints the maximum growth of the tab's process as counted by Linux instead: the page, all
// workers, and what the browser itself needs for them.
import { spawn } from "node:child_process";
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import FLAGS from "../xtask/chromium.json" with { type: "json" };

const LOOK_MILLISECONDS = 20;
// Runs in a worker before its script, because WebAssembly's memory can't be inspected otherwise.
const REMEMBER_MEMORIES = `{
  const memories = new Set();
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (...args) {
    const instance = new Instance(...args);
    memories.add(instance.exports.memory);
    return instance;
  };
  WebAssembly.Instance.prototype = Instance.prototype;
  globalThis.memoryBytes = () => [...memories].reduce((sum, memory) => sum + (memory?.buffer.byteLength ?? 0), 0);
}`;
const TYPES = { js: "text/javascript", wasm: "application/wasm" };
const PACKAGES = fileURLToPath(new URL("../js/packages/", import.meta.url));

/** The files that the browser may load: the input, the npm packages, and an empty page. */
async function serve(folder) {
  const fileOf = (path) => {
    if (path === "/export.ndjson" || path === "/trust.txt") return join(folder, path);
    if (path.startsWith("/js/")) return join(PACKAGES, normalize(path.slice(3)));
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    if (path === "/") {
      response.setHeader("content-type", "text/html");
      return response.end("<!doctype html><title>bench</title>");
    }
    const file = fileOf(path);
    if (file === undefined || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader("content-type", TYPES[file.split(".").pop()] ?? "text/plain");
    response.setHeader("content-length", statSync(file).size);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** A browser, controlled through its debugging protocol. */
class Browser {
  #process;
  #socket;
  #profile = mkdtempSync(join(tmpdir(), "countersign-bench-"));
  #answers = new Map();
  #calls = 0;
  #workers = new Set();

  async start(program) {
    const flags = [...FLAGS, "--headless", "--remote-debugging-port=0", `--user-data-dir=${this.#profile}`, "about:blank"];
    this.#process = spawn(program, flags, { stdio: ["ignore", "ignore", "pipe"] });
    const endpoint = await new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("exit", () => reject(new Error("the browser ended")));
      createInterface(this.#process.stderr).on("line", (line) => {
        const match = /^DevTools listening on (ws:.*)$/.exec(line);
        if (match) resolve(match[1]);
      });
    });
    this.#socket = new WebSocket(endpoint);
    await new Promise((resolve, reject) => {
      this.#socket.onopen = resolve;
      this.#socket.onerror = reject;
    });
    this.#socket.onmessage = ({ data }) => {
      const { id, result, error, method, params } = JSON.parse(data);
      if (method === "Target.attachedToTarget") this.#attached(params).catch(() => {});
      if (method === "Target.detachedFromTarget") this.#detached(params.sessionId);
      if (id === undefined) return;
      const { resolve, reject } = this.#answers.get(id) ?? {};
      if (!this.#answers.delete(id)) return;
      error ? reject(new Error(error.message)) : resolve(result);
    };
  }

  call(method, params = {}, sessionId = undefined) {
    const id = ++this.#calls;
    this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject, sessionId }));
  }

  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    while (!(await this.evaluate(sessionId, `location.href === ${JSON.stringify(url)} && document.title !== ""`))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return sessionId;
  }

  async evaluate(sessionId, expression) {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", params, sessionId);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Pauses every worker of a page before it runs, and attaches to it. */
  watchWorkers(sessionId) {
    return this.call("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: true, flatten: true }, sessionId);
  }

  async #attached({ sessionId, targetInfo, waitingForDebugger }) {
    if (targetInfo.type !== "worker") return;
    await this.evaluate(sessionId, REMEMBER_MEMORIES);
    this.#workers.add(sessionId);
    if (waitingForDebugger) await this.call("Runtime.runIfWaitingForDebugger", {}, sessionId);
  }

  /** Rejects the calls that a worker didn't answer before it ended. */
  #detached(ended) {
    this.#workers.delete(ended);
    for (const [id, { reject, sessionId }] of this.#answers) {
      if (sessionId !== ended) continue;
      this.#answers.delete(id);
      reject(new Error("the worker ended"));
    }
  }

  /** Returns the memory of each worker. A worker that no longer exists has none. */
  heldByWorkers() {
    const held = async (sessionId) => {
      const heap = await this.call("Runtime.getHeapUsage", {}, sessionId);
      const memory = await this.evaluate(sessionId, "memoryBytes()");
      return heap.totalSize + (heap.embedderHeapUsedSize ?? 0) + (heap.backingStorageSize ?? 0) + memory;
    };
    return Promise.all([...this.#workers].map((sessionId) => held(sessionId).catch(() => 0)));
  }

  /** Returns the kernel's status of each process that renders pages. */
  async renderers() {
    const { processInfo } = await this.call("SystemInfo.getProcessInfo");
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    return new Map(renderers.map(({ id }) => [id, readFileSync(`/proc/${id}/status`, "utf8")]));
  }

  async stop() {
    this.#socket?.close();
    if (this.#process.exitCode === null && this.#process.kill()) {
      await new Promise((resolve) => this.#process.once("exit", resolve));
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const bytes = (status, name) => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(status)[1]);

const [folder, what = "worker"] = process.argv.slice(2);
const server = await serve(folder);
const browser = new Browser();
try {
  await browser.start(process.env.CHROMIUM ?? "chromium");
  const page = await browser.open(`http://127.0.0.1:${server.address().port}/`);
  await browser.watchWorkers(page);
  const before = await browser.renderers();
  const verifying = browser.evaluate(
    page,
    `(async () => {
      // Browsers resolve no \`imports\` of a package, so the artifact and the worker are the viewer's.
      const { createVerifier } = await import("/js/countersign/dist/verify/create-verifier.js");
      const { compileFetched } = await import("/js/countersign/dist/artifact/fetched.js");
      const { verify } = createVerifier({
        module: () => compileFetched(new URL("/js/viewer/dist/verifier.wasm", location.href)),
        worker: () => new Worker("/js/viewer/dist/verify-worker.js", { type: "module" }),
      });
      const trust = await (await fetch("/trust.txt")).text();
      const { report } = await verify(await fetch("/export.ndjson"), { trust });
      return report.verdict;
    })()`,
  );
  let worker = 0;
  let verdict;
  while (verdict === undefined) {
    worker = Math.max(worker, ...(await browser.heldByWorkers()));
    const look = new Promise((resolve) => setTimeout(resolve, LOOK_MILLISECONDS));
    verdict = await Promise.race([verifying, look]);
  }
  if (verdict !== "verified") throw new Error(`the verdict is ${verdict}`);
  const growth = [...(await browser.renderers())].map(([id, status]) =>
    before.has(id) ? bytes(status, "VmHWM") - bytes(before.get(id), "VmRSS") : bytes(status, "VmHWM"),
  );
  console.log(what === "tab" ? Math.max(...growth) : worker);
} finally {
  await browser.stop();
  server.close();
}
