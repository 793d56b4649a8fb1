/** Rows and a drawer as in the viewer, with indexes of the tests. Bundled and run in a browser. */

import type { CSSResult } from "lit";
import drawerStyles from "../../../packages/ui/dist/viewer/drawer/drawer.css.js";
import basics from "../../../packages/ui/dist/viewer/parts/basics.css.js";
import parts from "../../../packages/ui/dist/viewer/parts/parts.css.js";
import "../../../packages/ui/dist/viewer/drawer/drawer.js";
import rowsStyles from "../../../packages/ui/dist/viewer/list/rows.css.js";
import "../../../packages/ui/dist/viewer/list/rows.js";
import type { SignerTrustSoFar } from "../../../packages/ui/dist/index/signer-trust.js";
import type { SearchResult, WholeRow } from "../../../packages/ui/dist/index/types.js";
import type { Explanation, ProofStepId, Slicer } from "../../../packages/ui/dist/slice/types.js";
import type { Drawer } from "../../../packages/ui/dist/viewer/drawer/drawer.js";
import type { ChosenColumn } from "../../../packages/ui/dist/viewer/list/columns.js";
import type { RowAt, Rows } from "../../../packages/ui/dist/viewer/list/rows.js";
import { de } from "../../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../../packages/ui/dist/viewer/texts/texts.js";
import { CHANGED, event, HOSTILE, indexOf, type Made, mixed, usual } from "./made.ts";

/** Setup of the page. */
export type PageSetup = "million" | "mixed" | "hostile" | "changed" | "none" | "unmatched" | "failing";

const LIGHT_DARK: Readonly<Record<string, string>> = {
  paper: "light-dark(#f6f5f2, #16181b)",
  card: "light-dark(#ffffff, #1e2125)",
  sunk: "light-dark(#f1f0ec, #17191c)",
  ink: "light-dark(#1d2125, #e8e9ea)",
  faint: "light-dark(#5c636b, #a3abb4)",
  line: "light-dark(#dddbd5, #34393f)",
  "line-strong": "light-dark(#8d9299, #6f7780)",
  accent: "light-dark(#0e5a6b, #7cc8d8)",
  "on-accent": "light-dark(#ffffff, #0b2228)",
  good: "light-dark(#17673c, #79cf9c)",
  "good-wash": "light-dark(#e7f3eb, #1b2c23)",
  fair: "light-dark(#1d5f8a, #87c1ea)",
  "fair-wash": "light-dark(#e6f0f8, #1a2833)",
  doubt: "light-dark(#7d5200, #e5b95c)",
  "doubt-wash": "light-dark(#faf1dc, #2e2717)",
  bad: "light-dark(#a32020, #f29a93)",
  "bad-wash": "light-dark(#fbeae8, #351f1e)",
  sans: "system-ui, sans-serif",
  mono: "ui-monospace, 'DejaVu Sans Mono', monospace",
};

const FRAME = `
  :host { display: block; padding: 1rem; color: var(--countersign-ink); font: 100% / 1.55 var(--countersign-sans); }
  .frame { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr); }
  .frame:has(cs-drawer[open]) { grid-template-columns: minmax(0, 1fr) minmax(0, 30rem); }
  @media (max-width: 64rem) { .frame:has(cs-drawer[open]) { grid-template-columns: minmax(0, 1fr); } }
`;

const root = document.createElement("main").attachShadow({ mode: "open" });
const sheet = new CSSStyleSheet();
sheet.replaceSync(FRAME);
root.adoptedStyleSheets = [
  ...[basics, parts, rowsStyles, drawerStyles].flatMap((styles: CSSResult) => styles.styleSheet ?? []),
  sheet,
];
const frame = document.createElement("div");
frame.className = "frame";
root.append(frame);
document.body.append(root.host);
document.documentElement.style.colorScheme = "light dark";
document.body.style.margin = "0";
document.body.style.background = LIGHT_DARK.paper ?? "";
for (const [name, value] of Object.entries(LIGHT_DARK)) {
  document.documentElement.style.setProperty(`--countersign-${name}`, value);
}

const rows = document.createElement("cs-rows") as Rows;
const drawer = document.createElement("cs-drawer") as Drawer;
frame.append(rows, drawer);

const heard: string[] = [];
let index: Made | undefined;
let found: SearchResult | undefined;
let asked: number[] = [];
let before = 0;
let letGo = (): void => {};

const signerTrusts: readonly SignerTrustSoFar[] = ["trusted", "untrusted", "suspect", "unsettled", "revoked"];
const signerTrust = ({ line }: { line: number }): SignerTrustSoFar => signerTrusts[line % 11] ?? "trusted";
rows.signerTrust = signerTrust;
rows.texts = en;
drawer.texts = en;

async function open({ position }: RowAt): Promise<void> {
  const shown = await index?.row(position);
  drawer.position = position;
  drawer.of = found?.rows ?? 0;
  drawer.row = shown;
  drawer.signerTrust = shown?.kind === "event" ? signerTrust(shown) : "trusted";
}

frame.addEventListener("open-row", (event) => void open((event as CustomEvent<RowAt>).detail));
frame.addEventListener("step", (event) =>
  rows.goTo(drawer.position + (event as CustomEvent<{ by: number }>).detail.by),
);
frame.addEventListener("mark-row", (event) => {
  if (drawer.row !== undefined) {
    void open((event as CustomEvent<RowAt>).detail);
  }
});
drawer.addEventListener("close", () => {
  drawer.row = undefined;
  rows.focus();
});
for (const name of ["open-row", "mark-row", "columns-changed", "ask-help", "ask-find", "ask-close", "step", "close"]) {
  frame.addEventListener(
    name,
    (event) => {
      const { position } = (event as CustomEvent<Partial<RowAt>>).detail ?? {};
      heard.push(position === undefined ? name : `${name} ${position}`);
    },
    true,
  );
}

const STEPS: readonly ProofStepId[] = [
  "event",
  "commit",
  "link",
  "chain",
  "signature",
  "key",
  "leaf",
  "path",
  "checkpoint",
  "log",
  "witnesses",
];

/** A report whose reader requires no witnesses. */
const REPORT = {
  verdict: "partial",
  checks: {
    format: { state: "pass", checked: 12, failed: 0, reason: null },
    witnesses: { state: "not_checked", checked: 0, failed: 0, reason: "the trust file names no quorum" },
  },
  log: { size: 2048, root: "", time: null },
  finding_counts: {},
} as Explanation["report"];

const HASH = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

function explanation(): Explanation {
  const facts: Readonly<Partial<Record<ProofStepId, [string, string][]>>> = {
    event: [
      ["bytes", "1234"],
      ["salt", "AAECAwQFBgcICQoLDA0ODw=="],
    ],
    commit: [
      ["computed", HASH],
      ["stated", HASH],
    ],
    link: [
      ["link", `countersign/v1 event 0123456789abcdef0123456789abcdef 7 2026-11-20T06:01:02.345Z ${HASH} ${HASH}`],
      ["hash", HASH],
    ],
    chain: [
      ["open", "countersign/v1 open log.example/audit example.com/recorder+5cc3cc17+AXX 2026-11-20T06:01:02.345Z"],
      ["open_hash", HASH],
      ...Array.from({ length: 30 }, (_, place): [string, string] => ["next", `countersign/v1 event … ${place}`]),
    ],
    signature: [
      ["seq", "12"],
      ["signature", `${HASH}${HASH}`],
    ],
    key: [
      ["vkey", "example.com/recorder+5cc3cc17+AXX"],
      ["trust", "trust_file"],
    ],
    leaf: [
      ["index", "1041"],
      ["hash", HASH],
    ],
    checkpoint: [
      ["origin", "log.example/audit"],
      ["size", "2048"],
      ["root", HASH],
    ],
    log: [["signer", "log.example/audit"]],
    witnesses: [["signer", "<b>witness</b>"]],
  };
  return {
    proof: new Blob(["a proof\n"]),
    report: REPORT,
    notNeeded: ["witnesses"],
    steps: STEPS.map((id) => ({
      id,
      state: id === "witnesses" ? "not_checked" : id === "log" ? "fail" : "pass",
      facts: (facts[id] ?? []).map(([name, value]) => ({ name, value })),
      ...(id === "path" && {
        hashes: Array.from({ length: 11 }, (_, level) => ({
          level,
          side: level % 3 === 0 ? ("left" as const) : ("right" as const),
          hash: HASH,
          node: HASH,
        })),
      }),
    })),
  };
}

let finish: ((made: Explanation | Error) => void) | undefined;
const slicer = {
  explain: (
    source: Blob,
    _event: unknown,
    options: { onProgress?: (read: number, of: number) => void; signal?: AbortSignal },
  ) =>
    new Promise<Explanation>((resolve, reject) => {
      options.onProgress?.(source.size / 2, source.size);
      options.signal?.addEventListener("abort", () => {
        heard.push("explain-aborted");
        reject(options.signal?.reason);
      });
      finish = (made) => (made instanceof Error ? reject(made) : resolve(made));
    }),
} as Partial<Slicer> as Slicer;
drawer.slicer = slicer;
drawer.modal = matchMedia("(max-width: 64rem)").matches;
drawer.source = new Blob(["x".repeat(1_000_000)]);

function made(what: PageSetup): ReturnType<typeof indexOf> {
  switch (what) {
    case "million":
      return indexOf(1_000_000, usual);
    case "mixed":
      return indexOf(60, mixed);
    case "hostile":
      return indexOf(HOSTILE.length, (row) => event(row, HOSTILE[row] ?? "{}"));
    case "changed":
      return indexOf(CHANGED.length, (row) => event(row, CHANGED[row] ?? "{}"));
    case "none":
      return indexOf(0, usual);
    case "unmatched": {
      const none = indexOf(0, usual);
      const conditions = [
        { part: "action:job.*", events: 12 },
        { part: `actor:"${"long ".repeat(40)}"`, events: 0 },
      ];
      const steps = conditions.map(({ part }, nth) => ({ part, events: nth === 0 ? 12 : 0 }));
      return { ...none, found: { ...none.found, isFiltered: true, of: 60, conditions, steps } };
    }
    case "failing": {
      const none = indexOf(10, usual);
      return { ...none, index: { ...none.index, rows: () => Promise.reject(new Error("gone")) } };
    }
  }
}

/** Functions that tests call in the page. */
const page = {
  show(what: PageSetup): void {
    const next = made(what);
    ({ index, found, asked } = next);
    drawer.row = undefined;
    rows.index = index;
    rows.found = found;
  },
  /** Replaces the result by one with more rows. */
  grow(by: number, grows: "after" | "before"): void {
    if (found === undefined) {
      return;
    }
    const size = found.rows + by;
    before += grows === "before" ? by : 0;
    const next = indexOf(size, (row) => usual(row - before));
    if (index !== undefined) {
      index.rows = next.index.rows;
      index.row = next.index.row;
      index.rowOf = async (line) => line - usual(0).line + before;
    }
    found = { ...found, rows: size, events: size, of: size };
    rows.found = found;
  },
  /** Delays reading until it is released. */
  hold(): void {
    if (index === undefined) {
      return;
    }
    const { rows } = index;
    const held = Promise.withResolvers<void>();
    index.rows = async (...given) => {
      await held.promise;
      return rows(...given);
    };
    letGo = held.resolve;
  },
  letGo: (): void => letGo(),
  columns(columns: readonly ChosenColumn[]): void {
    rows.columns = columns;
  },
  zone(zone: "utc" | "local"): void {
    rows.zone = zone;
    drawer.zone = zone;
  },
  german(): void {
    const german = { ...en, rows: de.rows, query: de.query, view: de.view };
    rows.texts = german;
    drawer.texts = german;
  },
  trust(all: SignerTrustSoFar): void {
    rows.signerTrust = () => all;
  },
  goTo: (row: number): void => rows.goTo(row),
  choose: (): void => rows.chooseColumns(),
  explained: (): void => finish?.(explanation()),
  unexplained: (): void => finish?.(Object.assign(new Error("the file <b>changed</b>"), { code: "x" })),
  heard: (): string[] => heard.splice(0),
  asked: (): number[] => asked.splice(0),
  shown: (): WholeRow | undefined => drawer.row,
};

export type Page = typeof page;

Object.assign(globalThis, { viewerPage: page, ran: undefined });
