import { readFileSync } from "node:fs";
import type { Plugin } from "vite";
import { look } from "../../build/look.ts";
import { CODES, FINDINGS } from "../findings.ts";
import { STATES as PAGE } from "../page/states.ts";
import type { Groups, State } from "../state.ts";
import { STATES as VIEWER } from "../viewer/states.ts";

/** Lets the browser decide how many frames outside the view it loads; each runs the real element. */
const LAZY = 'loading="lazy"';

/** Writes `index.html`: all states with their descriptions, in frames. */
export function list(): Plugin {
  return {
    name: "list",
    apply: "build",
    enforce: "post",
    async generateBundle() {
      const own = readFileSync(new URL("list.css", import.meta.url), "utf8");
      this.emitFile({ type: "asset", fileName: "index.html", source: html(`${await look()}${own}`) });
    },
  };
}

function html(style: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Gallery – countersign</title>
    <link rel="icon" href="data:," />
    <style>${style}</style>
  </head>
  <body>
    <main>
      <header>
        <h1>Gallery</h1>
        <p>Every state of the auditor’s page and of the viewer. Each frame runs the real thing on a real export: nothing is drawn after it.</p>
        <nav aria-label="Contents"><a href="#page">The auditor’s page</a> <a href="#viewer">The viewer</a></nav>
      </header>
      ${subject("page", "The auditor’s page", PAGE)}
      ${subject("viewer", "The viewer", VIEWER)}
    </main>
  </body>
</html>
`;
}

function subject(file: string, title: string, groups: Groups): string {
  return `<section id="${file}">
        <h2>${title}</h2>
        ${Object.entries(groups)
          .map(([group, states]) => `<h3>${text(group)}</h3>\n<ul>${listed(file, states)}</ul>`)
          .join("\n")}
        <h3>Findings</h3>
        <ul class="codes">${CODES.filter((code) => isReached(file, code))
          .map((code) => `<li>${links(file, code, code)} <span>${FINDINGS[code]}</span></li>`)
          .join("\n")}</ul>
      </section>`;
}

function listed(file: string, states: Groups[string]): string {
  return Object.entries(states)
    .map(([name, state]) => framed(file, name, state))
    .join("\n");
}

/**
 * True if the page can report this code. The page has no expectations of an export besides that it verifies.
 */
function isReached(file: string, code: string): boolean {
  return file === "viewer" || !code.startsWith("expected.");
}

function framed(file: string, name: string, [title, says]: State): string {
  // A million events are recorded only on request.
  const frames =
    name === "many"
      ? ""
      : `<div class="frames">
            <div class="wide"><iframe ${LAZY} src="${file}.html#${name}" title="${text(title)}"></iframe></div>
            <div class="narrow"><iframe ${LAZY} src="${file}.html#${name}" title="${text(title)}, 320 pixels wide"></iframe></div>
          </div>`;
  return `<li>
          <h4>${text(title)}</h4>
          <p>${text(says)}</p>
          ${frames}
          <p class="links">${links(file, name, "Open")}</p>
        </li>`;
}

function links(file: string, name: string, label: string): string {
  const to = (theme: string, says: string) => `<a href="${file}.html#${name}${theme}">${says}</a>`;
  return `${to("", label)} ${to("/light", "light")} ${to("/dark", "dark")}`;
}

function text(words: string): string {
  return words.replace(/[&<>"]/g, (character) => `&#${character.codePointAt(0)};`);
}
