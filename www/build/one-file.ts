import { createHash } from "node:crypto";
import type { Plugin } from "vite";

/** Options of a page in one file. */
export interface OneFile {
  readonly fileName: string;
  /** Sources that the page may connect to, as in its Content-Security-Policy. */
  readonly connect: "'none'" | "'self'";
}

/**
 * Puts the bundle's one script and one style sheet into the page, and a Content Security Policy that names
 * both by their hashes and allows only the given connections.
 */
export function oneFile({ fileName, connect }: OneFile): Plugin {
  return {
    name: "one-file",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("the bundle has no index.html");
      let script = "";
      let style = "";
      for (const [name, file] of Object.entries(bundle)) {
        if (name === "index.html") continue;
        if (file.type === "chunk") script += file.code;
        else if (name.endsWith(".css")) style += file.source;
        else throw new Error(`${name} cannot be put into the page`);
        delete bundle[name];
      }
      // The HTML around policy, style, and script: with it, the page can compute its own hash.
      const around = String(page.source)
        .replace(/\s*<script type="module"[^>]*><\/script>/, "")
        .replace(/\s*<link rel="stylesheet"[^>]*>/, "")
        .replace(
          '<meta charset="utf-8" />',
          (charset) => `${charset}\n    <meta http-equiv="Content-Security-Policy" content="${HOLE}" />`,
        )
        .replace("</head>", () => `  <style>${HOLE}</style>\n  </head>`)
        .replace("</body>", () => `  <script type="module">${HOLE}</script>\n  </body>`)
        .split(HOLE);
      if (around.length !== 4) throw new Error("the page has not one head and one body");
      script = inScript(script.replace(AROUND, () => JSON.stringify(JSON.stringify(around))));
      const [begin = "", afterPolicy = "", afterStyle = "", end = ""] = around;
      const html = [begin, policy(script, style, connect), afterPolicy, style, afterStyle, script, end].join(
        "",
      );
      delete bundle["index.html"];
      this.emitFile({ type: "asset", fileName, source: html });
    },
  };
}

const HOLE = "\u{0}";

/** The placeholder in `src/evidence/own.ts` for the HTML around them, in any quotes. */
const AROUND = /(["'`])countersign:around\1/g;

/** Escapes code so that it neither begins nor ends a script element, nor begins a comment in one. */
function inScript(code: string): string {
  return code
    .replaceAll("\r\n", "\n")
    .replaceAll("<script", "\\x3cscript")
    .replaceAll("</script", "<\\/script")
    .replaceAll("<!--", "<\\!--");
}

function policy(script: string, style: string, connect: string): string {
  const directives = [
    "default-src 'none'",
    `script-src '${hash(script)}' 'wasm-unsafe-eval'`,
    `style-src '${hash(style)}'`,
    "img-src data:",
    "worker-src blob:",
    `connect-src ${connect}`,
    "form-action 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types lit-html countersign-worker",
  ];
  return directives.join("; ");
}

function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
