/** Errors that leave the element without a result: what it says, in two languages, and the event it dispatches. */

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { caseNamed } from "../verify/cases.ts";
import { collecting } from "./collecting.ts";
import { Site } from "./site.ts";

const site = await Site.start();
after(() => site.stop());

const { bytes, options } = caseNamed("log-two-chains");
site.answers.set("/export", bytes);
site.answers.set("/trust.txt", options.trust ?? "");
site.answers.set("/nonsense.txt", "emitter nonsense\n");
site.answers.set("/login", (_request, response) => {
  response.setHeader("content-type", "text/html; charset=utf-8");
  response.end("<!doctype html><title>Log in</title>");
});
const refused =
  (error: object, status = 401) =>
  (_request: unknown, response: ServerResponse) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ error }));
  };
site.answers.set(
  "/denied",
  refused({ code: "request.unauthenticated", message: "no valid token", hint: "send a token" }),
);
for (const status of [401, 403]) {
  const ended = { code: "session.ended", message: "your session has ended", hint: "open the page again" };
  site.answers.set(`/ended-${status}`, refused(ended, status));
}
for (const [path, status] of [
  ["/signed-out", 401],
  ["/unavailable", 502],
] as const) {
  site.answers.set(path, (_request, response) => {
    response.writeHead(status, { "content-type": "text/plain" });
    response.end("no\n");
  });
}

const withoutWasm = async (page: Page) => {
  await page.route("**/*.wasm", (route) => route.fulfill({ status: 404 }));
};

/** Attributes, what the element says in English and in German, the event's details, and how the page is prepared. */
const cases: readonly {
  attributes: Readonly<Record<string, string>>;
  says: readonly (string | RegExp)[];
  german: readonly (string | RegExp)[];
  code: string;
  /** True if the sentences are the server's own, which stay in their language. */
  isForeign?: boolean;
  prepare?: (page: Page) => Promise<void>;
}[] = [
  {
    attributes: { src: "/denied", trust: "/trust.txt" },
    says: ["The log refused the request", "No valid token", "Send a token"],
    german: ["Das Log hat die Anfrage abgelehnt", "No valid token"],
    code: "request.unauthenticated",
    isForeign: true,
  },
  ...[
    { src: "/signed-out", trust: "/trust.txt" },
    { src: "/signed-out", trust: "/trust.txt", live: "" },
    { src: "/export", trust: "/signed-out" },
  ].map((attributes) => ({
    attributes,
    says: ["You don’t have access", "The server returned HTTP status 401", "Sign in again, or ask for access"],
    german: ["Kein Zugriff", "Der Server antwortete mit dem HTTP-Status 401", /^Erneut anmelden/],
    code: "source.denied",
  })),
  ...[
    { src: "/ended-401", trust: "/trust.txt" },
    { src: "/ended-403", trust: "/trust.txt", live: "" },
    { src: "/export", trust: "/ended-403" },
  ].map((attributes) => ({
    attributes,
    says: ["You don’t have access", "Your session has ended", "Open the page again"],
    german: ["Kein Zugriff", "Your session has ended"],
    code: "source.denied",
    isForeign: true,
  })),
  ...[
    { src: "/unavailable", trust: "/trust.txt" },
    { src: "/export", trust: "/unavailable" },
  ].map((attributes) => ({
    attributes,
    says: ["The file can’t be read", "The server returned HTTP status 502", /^Try again later/],
    german: ["Die Datei ist nicht lesbar", "Der Server antwortete mit dem HTTP-Status 502", /^Später erneut versuchen/],
    code: "source.invalid",
  })),
  {
    attributes: { src: "/export", trust: "/nonsense.txt" },
    says: ["The trust file can’t be used"],
    german: ["Die Vertrauensdatei ist unbrauchbar"],
    code: "trust.invalid",
  },
  {
    attributes: { src: "/export", trust: "/none.txt" },
    says: ["The trust file couldn’t be loaded: HTTP status 404", "Check the address in the attribute `trust`"],
    german: [
      "Die Vertrauensdatei konnte nicht geladen werden: HTTP-Status 404",
      "Die Adresse im Attribut `trust` prüfen.",
    ],
    code: "trust.invalid",
  },
  {
    attributes: { src: "/export", trust: "/login" },
    says: ["The trust file can’t be used", "The server sent a web page (text/html) instead of data"],
    german: ["Die Vertrauensdatei ist unbrauchbar", "Der Server sendete eine Webseite (text/html) statt Daten"],
    code: "trust.invalid",
  },
  ...[
    { src: "/login", trust: "/trust.txt" },
    { src: "/login", trust: "/trust.txt", live: "" },
  ].map((attributes) => ({
    attributes,
    says: ["The file can’t be read", "The server sent a web page (text/html) instead of data", /log in again/],
    german: ["Der Server sendete eine Webseite (text/html) statt Daten", /neu anmelden/],
    code: "source.invalid",
  })),
  {
    attributes: { src: "/none", trust: "/trust.txt" },
    says: ["The server returned HTTP status 404", "Check the address and whether it requires authentication"],
    german: [
      "Der Server antwortete mit dem HTTP-Status 404",
      "Die Adresse prüfen, und ob sie eine Anmeldung verlangt.",
    ],
    code: "source.invalid",
  },
  {
    attributes: { src: "/export?to=3", trust: "/trust.txt", live: "" },
    says: ["An export with the parameter `to` can’t be followed"],
    german: ["Ein Export mit dem Parameter `to` kann nicht verfolgt werden"],
    code: "source.invalid",
  },
  {
    attributes: { src: "/export", trust: "/trust.txt" },
    says: [/WebAssembly could not be loaded: .*returned HTTP status 404/, /^Serve the .wasm file at this URL/],
    german: [/WebAssembly konnte nicht geladen werden: .* antwortete mit dem HTTP-Status 404/, /^Die .wasm-Datei/],
    code: "wasm.unavailable",
    prepare: withoutWasm,
  },
];

for (const { attributes, says, german, code, isForeign = false, prepare } of cases) {
  test(`errors: ${code} for ${Object.values(attributes).join(" ")}`, async () => {
    for (const [lang, texts] of [
      ["en", says],
      ["de", german],
    ] as const) {
      const { page, events, close } = await collecting(site, { ...attributes, lang }, prepare);
      for (const text of texts) {
        await page.locator(".strip").getByText(text).waitFor();
      }
      assert.equal(await page.locator("[data-verdict]").count(), 0);
      const [[name, found, message] = assert.fail(), ...others] = await events();
      assert.deepEqual([name, found, others], ["error", code, []]);
      assert.ok(message);
      if (lang === "de") {
        assert.equal((await page.locator(".strip [lang=en]").count()) > 0, isForeign);
      }
      await close();
    }
  });
}

test("errors: an export that was repaired is checked again, and each failure has its own event", async () => {
  const { page, events, close } = await collecting(site, { src: "/later", trust: "/trust.txt" });
  await page.getByText("HTTP status 404").waitFor();
  await page.getByRole("button", { name: "Check again" }).click();
  await page.waitForFunction(() => (globalThis as unknown as { events: unknown[] }).events.length === 2);
  site.answers.set("/later", bytes);
  await page.getByRole("button", { name: "Check again" }).click();
  await page.locator("[data-verdict=verified]").waitFor();
  assert.deepEqual(
    (await events()).map(([name]) => name),
    ["error", "error", "report"],
  );
  await close();
});
