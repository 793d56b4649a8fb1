// Chromium with a separate profile, and the memory of its processes.
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import FLAGS from "../../xtask/chromium.json" with { type: "json" };

const LOOK_MILLISECONDS = 250;
const TYPES = { js: "text/javascript", wasm: "application/wasm", html: "text/html" };
const PAGES = {
  "/viewer": `<!doctype html><html lang="en"><title>bench</title><input type="file">
    <script type="module" src="/js/packages/viewer/dist/viewer.js"></script><countersign-viewer></countersign-viewer>`,
  "/rules": `<!doctype html><html lang="en"><title>bench</title><input type="file">
    <script type="module" src="/js/packages/viewer/dist/viewer.js"></script>
    <countersign-viewer rules="/js/packages/viewer/dist/rules.json"></countersign-viewer>`,
  "/bare": '<!doctype html><html lang="en"><title>bench</title><input type="file">',
};
const root = fileURLToPath(new URL("../../", import.meta.url));

/** Serves the npm package, pages for it, and the auditor's page. */
export async function serve() {
  const fileOf = (path) => {
    if (path === "/page") return join(root, "www/dist/index.html");
    return path.startsWith("/js/") ? join(root, "js", normalize(path.slice(3))) : undefined;
  };
  const server = createServer((request, response) => {
    const path = new URL(request.url, "http://localhost").pathname;
    if (path in PAGES) return response.setHeader("content-type", "text/html").end(PAGES[path]);
    const file = fileOf(path);
    if (file === undefined || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader("content-type", TYPES[file.split(".").pop()] ?? "text/plain");
    response.setHeader("content-length", statSync(file).size);
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Opens a window with an empty page. */
export async function launch() {
  const profile = mkdtempSync(join(tmpdir(), "countersign-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "chromium",
    args: FLAGS,
    // The scrollbars are dragged, so they must be visible.
    ignoreDefaultArgs: ["--hide-scrollbars"],
    viewport: { width: 1400, height: 900 },
  });
  const [page] = context.pages();
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  return { page, memory: new Memory(await context.browser().newBrowserCDPSession()), close };
}

/** The memory of a tab's process, as counted by Linux, and of the browser's main process, which stores blobs for it. */
class Memory {
  #session;
  #timer;
  /** The maximum so far, in bytes. */
  peak = { rss: 0, pss: 0, browser: 0 };

  constructor(session) {
    this.#session = session;
  }

  /** Returns the tab's process with the most memory: only one tab has any content. */
  async now() {
    const { processInfo } = await this.#session.send("SystemInfo.getProcessInfo");
    const held = (kind) => processInfo.filter(({ type }) => type === kind).map(({ id }) => rollup(id));
    const [tab] = held("renderer").sort((one, other) => other.rss - one.rss);
    const [browser] = held("browser");
    return { rss: tab.rss, pss: tab.pss, browser: browser.pss };
  }

  /** Measures repeatedly until it is stopped. */
  watch() {
    this.peak = { rss: 0, pss: 0, browser: 0 };
    let isStopped = false;
    const look = async () => {
      const now = await this.now();
      for (const name of Object.keys(now)) this.peak[name] = Math.max(this.peak[name], now[name]);
      if (!isStopped) this.#timer = setTimeout(() => look().catch(() => {}), LOOK_MILLISECONDS);
    };
    look().catch(() => {});
    return () => {
      isStopped = true;
      clearTimeout(this.#timer);
    };
  }
}

function rollup(id) {
  try {
    const text = readFileSync(`/proc/${id}/smaps_rollup`, "utf8");
    const bytes = (name) => 1024 * Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
    return { rss: bytes("Rss"), pss: bytes("Pss") };
  } catch {
    return { rss: 0, pss: 0 };
  }
}
