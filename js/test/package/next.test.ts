/** Tests the packed package in all places of Next.js, built by Turbopack and by webpack. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { launch } from "../chromium.ts";
import { eventually } from "../eventually.ts";
import { Installed } from "./installed.ts";

const run = promisify(execFile);
const installed = new Installed("countersign", "@countersign/viewer");
after(() => installed.remove());

const WORKS = "verified";
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_OPTIONS: "" };

/** Files for the other bundler: a project has one of the two, and webpack has no edge routes below `app`. */
const OTHERS = {
  // Since Next.js 16, a proxy runs in Node.js, and a middleware at the edge.
  turbopack: ["middleware.js", "pages"],
  webpack: ["proxy.js", "app/edge"],
};

for (const bundler of ["turbopack", "webpack"] as const) {
  test(`Next.js with ${bundler}`, async (t) => {
    const folder = installed.path(bundler);
    cpSync(installed.path("test/setups/next"), folder, { recursive: true });
    cpSync(installed.path("test/setups/once.mjs"), installed.path(bundler, "once.mjs"));
    for (const name of ["countersign", "@countersign/viewer"]) {
      cpSync(installed.path("node_modules", name), join(folder, "node_modules", name), { recursive: true });
    }
    installed.copy(folder, "next", "react", "react-dom");
    for (const other of OTHERS[bundler]) {
      rmSync(installed.path(bundler, other), { recursive: true });
    }
    const next = installed.path(bundler, "node_modules/next/dist/bin/next");
    const { stdout, stderr } = await run(process.execPath, [next, "build", `--${bundler}`], { cwd: folder, env });
    assert.doesNotMatch(stdout + stderr, /node_modules\/@?countersign/, "the build warns of the package");

    const server = spawn(process.execPath, [next, "start", "--port", "0"], { cwd: folder, env });
    const errors: string[] = [];
    server.stderr.on("data", (data) => errors.push(String(data)));
    let port: string | undefined;
    for await (const line of createInterface({ input: server.stdout })) {
      port = /localhost:(\d+)/.exec(line)?.[1] ?? port;
      if (/Ready/.test(line)) {
        break;
      }
    }
    server.stdout.resume();
    const browser = await launch();
    try {
      const textAt = async (place: string) => (await fetch(`http://localhost:${port}/${place}`)).text();

      await t.test("route handler", async () => assert.equal(await textAt("handler"), WORKS));
      await t.test("server component", async () =>
        assert.ok((await textAt("component")).includes(`<p id="said">${WORKS}</p>`)),
      );
      await t.test("route in the edge runtime", async () =>
        assert.equal(await textAt(bundler === "turbopack" ? "edge" : "api/edge"), WORKS),
      );
      await t.test(bundler === "turbopack" ? "a proxy" : "a middleware", async () =>
        assert.equal(JSON.parse(await textAt("between")), WORKS),
      );

      const delivered = async (event: RegExp) => {
        await eventually(
          `${event} is delivered`,
          () => textAt("audited"),
          (audited) => event.test(audited),
        );
      };

      await t.test("events of a route handler are delivered after its response", async () => {
        const address = `http://localhost:${port}/audited`;
        const answer = await fetch(address, { method: "POST", headers: { "x-request-id": "r_1" } });
        assert.equal(await answer.text(), "nothing yet");
        await delivered(/"request_id":"r_1"/);
      });

      await t.test("a refused request gets the gate's response and is recorded", async () => {
        const answer = await fetch(`http://localhost:${port}/guarded`);
        assert.deepEqual([answer.status, await answer.text()], [403, "Forbidden.\n"]);
        await delivered(/"countersign":\{"decision":"deny",.*"outcome":"denied","reason":"refused by Guarded paths"/);
      });

      const tab = await browser.newPage();
      const shown = async (place: string, act = async () => {}) => {
        await tab.goto(`http://localhost:${port}/${place}`);
        await act();
        await tab.waitForFunction("document.querySelector('#said')?.textContent");
        return tab.textContent("#said");
      };
      await t.test("server action", async () => assert.equal(await shown("action", () => tab.click("button")), WORKS));
      await t.test("events of a server action are delivered after its response", async () => {
        assert.equal(await shown("audited-action", () => tab.click("button")), "ran nightly");
        await delivered(/"action":"job\.trigger".*"id":"nightly"/);
      });
      await t.test("client component", async () => assert.equal(await shown("page"), WORKS));
      await t.test("viewer in a client component", async () => assert.equal(await shown("viewer"), "verified"));
      assert.deepEqual(errors, []);
    } finally {
      await browser.close();
      server.kill();
    }
  });
}
