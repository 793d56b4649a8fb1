import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { FindingCode } from "countersign/verify";
import type { Page } from "../../src/page.ts";
import { UNRELATED_KEYS } from "../common.ts";
import { beginning, example } from "../exports.ts";
import { FINDINGS } from "../findings.ts";
import { finder } from "../scene.ts";
import { StalledFile } from "../stalled-file.ts";
import type { Scene } from "../state.ts";
import { until } from "../until.ts";
import { chosen, done, emitOnPage, met, press, put, withVector } from "./stage.ts";
import type { StateName } from "./states.ts";

/** Returns the report on the export shown, with changes. */
async function reportFile(changes: object = {}): Promise<File> {
  const report = await until(() => document.querySelector<Viewer>("countersign-viewer")?.session?.report);
  return new File([JSON.stringify({ ...report, ...changes })], "report.json");
}

/** Storage key under which the page remembers logs. */
const SEEN = "countersign.seen/v1";

/** Size in bytes that an endless file claims. */
const LARGE = 70_000_000;

/** Number of lines it has. */
const READ = 220;

const SCENES: Readonly<Record<StateName, Scene>> = {
  empty: async () => {
    await put();
  },
  privacy: async () => {
    await put();
    await press(".privacy > summary");
  },
  dragged: async () => {
    await put();
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["{}"], "export.ndjson"));
    window.dispatchEvent(new DragEvent("dragover", { dataTransfer, cancelable: true }));
    await met(".drop-sign");
  },
  pasted: async () => {
    const page = await put();
    const key = /^emitter (.+)$/m.exec((await example("activity")).trust ?? "")?.[1] ?? "";
    emitOnPage(page, "choose-files", [new File([`${key}\n`], "key.txt")]);
    await met(".paste input[type=radio]");
  },
  complaint: async () => {
    await put();
    await press(".paste > summary");
    const field = (await met("#pasted")) as HTMLTextAreaElement;
    field.value = "The key is on the wiki.";
    field.dispatchEvent(new Event("input"));
    await press(".paste button[type=submit]");
    await until(() => document.querySelector("#pasted-complaint")?.textContent !== "");
  },
  chosen: async () => {
    const page = await put();
    const { trust = "", pins } = await example("pin-same");
    emitOnPage(page, "choose-trust", [new File([trust], "trust.txt")]);
    emitOnPage(page, "choose-pins", [new File([pins[0] ?? ""], "2026-10.pin.txt")]);
    await chosen(page, true, 1);
  },
  verifying: async () => {
    await verifying(await beginning("activity", READ));
  },
  "first-failure": async () => {
    const text = await beginning("activity", READ);
    await verifying(text.replace('"retries":3', '"retries":9'));
    await met(".first-failure");
  },
  canceled: async () => {
    const page = await verifying("");
    emitOnPage(page, "cancel", undefined);
    await met(".stopped");
  },
  "failed-trust": async () => {
    const page = await put();
    emitOnPage(page, "choose-trust", [new File(["quorum none\nemitter nobody\n"], "trust.txt")]);
    await chosen(page, true, 0);
    emitOnPage(page, "choose-files", [(await example("plain-closed")).file]);
    await met(".stopped");
  },
  "failed-file": async () => {
    const page = await put();
    const { file } = await example("plain-closed");
    Object.defineProperty(file, "stream", {
      value: () =>
        new ReadableStream({
          start: (controller) => controller.error(new DOMException("gone", "NotReadableError")),
        }),
    });
    emitOnPage(page, "choose-files", [file]);
    await met(".stopped");
  },

  verified: vector("large-whole"),
  sample: async () => {
    emitOnPage(await put(), "choose-sample", undefined);
    await done();
  },
  partial: vector("large-filter-by-content"),
  untrusted: vector("key-granted-too-late"),
  "wrong-trust": async () => {
    await withUnrelatedTrust();
  },
  "not-checked": vector("key-suspect"),
  broken: vector("fork"),
  altered: vector("flip-event"),
  changed: async () => {
    emitOnPage(await withVector("flip-event"), "show-changed", undefined);
    await met(".around .untrusted");
  },
  answer: async () => {
    await withVector("activity");
    await asked({ who: "a", actions: "job.update" });
  },
  "answer-nothing": async () => {
    await withVector("activity");
    await asked({ who: "lin", from: "1999-01-01", until: "1999-12-31" });
  },
  events: async () => {
    await events(await withVector("large-whole"));
  },
  folded: async () => {
    await events(await withVector("large-filter-by-content"));
  },
  selection: async () => {
    const page = await withVector("large-whole");
    await searched("outcome:success");
    await met('#evidence-selection [data-selection="ready"] code');
    emitOnPage(page, "open-tab", "summary");
    (await met("#evidence-heading")).scrollIntoView();
  },
  "selection-refused": async () => {
    const page = await withVector("large-whole");
    await searched("outcome:succeeded");
    await met('#evidence-selection [data-selection="error"]');
    emitOnPage(page, "open-tab", "summary");
    (await met("#evidence-heading")).scrollIntoView();
  },
  findings: async () => {
    emitOnPage(await withVector("fork"), "open-tab", "problems");
  },
  "findings-of-search": async () => {
    const page = await put();
    emitOnPage(page, "choose-sample", undefined);
    await done();
    const viewer = document.querySelector<Viewer>("countersign-viewer");
    await viewer?.search("outcome:failure");
    emitOnPage(page, "open-tab", "detections");
    await met(".found-scope");
  },
  technical: async () => {
    emitOnPage(await withVector("large-whole"), "open-tab", "technical");
  },
  checks: async () => {
    await withVector("large-whole");
    await press(".checks-section summary");
  },
  "one-byte": async () => {
    emitOnPage(await put(), "choose-altered", undefined);
    await done();
  },
  inputs: async () => {
    emitOnPage(await withVector("large-whole"), "turn-inputs", undefined);
    await met(".choose:not([hidden])");
  },
  "no-export": vector("empty-file"),

  coverage: async () => {
    emitOnPage(await withVector("large-range"), "open-tab", "coverage");
    await press(".coverage details > summary");
  },
  witnesses: async () => {
    emitOnPage(await withVector("quorum-met"), "open-tab", "coverage");
  },
  signers: async () => {
    emitOnPage(await withVector("key-rotation"), "open-tab", "signers");
    for (const summary of document.querySelectorAll<HTMLElement>(".vouching > summary")) summary.click();
  },
  "signers-unseen": async () => {
    emitOnPage(await withVector("unseen-link-in-range"), "open-tab", "signers");
    await met(".revocable");
  },
  confirm: async () => {
    const page = await withVector("plain-closed", false);
    const vkey = /^emitter (.+)$/m.exec((await example("plain-closed")).trust ?? "")?.[1] ?? "";
    emitOnPage(page, "open-tab", "signers");
    emitOnPage(page, "trust-signer", vkey);
    await met("dialog.confirm[open]");
  },
  event: async () => {
    const page = await put();
    emitOnPage(page, "choose-sample", undefined);
    await done();
    await events(page);
    await press("cs-rows .row.event:nth-child(3)");
    await met("#cs-drawer-heading");
  },
  proof: async () => {
    await events(await withVector("large-whole"));
    await press("cs-rows .row.event");
    await press("cs-proof button");
    await met("cs-proof .proof-verdict");
    (await met("cs-proof")).scrollIntoView();
  },
  about: async () => {
    await put();
    await press(".bottom details > summary");
  },

  pinned: vector("pin-same"),
  "split-view": vector("pin-split-view"),
  parts: async () => {
    await together("log-older-view", "log-two-chains");
  },
  identical: async () => {
    await together("plain-closed", "plain-closed");
  },
  compare: async () => {
    const page = await together("large-range", "large-whole");
    emitOnPage(page, "compare", null);
    await met("[data-agree]");
  },
  "compare-altered": async () => {
    const page = await together("log-two-chains", "log-flip-event");
    emitOnPage(page, "compare", null);
    await met("[data-agree]");
  },
  contradiction: async () => {
    const page = await together("log-two-chains", "large-whole");
    emitOnPage(page, "compare", null);
    await met("[data-agree]");
  },

  report: async () => {
    const page = await withVector("large-whole");
    const file = await reportFile();
    page.remove();
    emitOnPage(await put(), "choose-files", [file]);
    await met('[data-report="alone"]');
  },
  "report-same": async () => {
    const page = await withVector("large-whole");
    emitOnPage(page, "choose-files", [await reportFile()]);
    await met('[data-report="same"]');
  },
  "report-different": async () => {
    const page = await withVector("flip-event");
    emitOnPage(page, "choose-files", [await reportFile({ verdict: "verified", finding_counts: {} })]);
    await met('[data-report="different"]');
  },

  remembered: async () => {
    const page = await withVector("large-whole");
    await until(() => localStorage.getItem(SEEN));
    page.remove();
    await put();
    await press(".memory > summary");
  },
  grown: async () => {
    await seen("log-older-view", "log-two-chains");
  },
  smaller: async () => {
    await seen("log-two-chains", "log-older-view");
  },
  rewritten: async () => {
    const { pins } = await example("pin-split-view");
    localStorage.setItem(SEEN, JSON.stringify([{ pin: pins[0], when: "2026-11-19T08:30:00Z" }]));
    await withVector("log-two-chains");
  },

  german: async () => {
    const page = await withVector("large-filter-by-content");
    emitOnPage(page, "speak", "de");
    await page.updateComplete;
  },
  paper: async () => {
    await withVector("large-whole");
    await printed();
  },
  "paper-wrong-trust": async () => {
    await withUnrelatedTrust();
    await printed();
  },
  "paper-altered": async () => {
    await withVector("flip-event");
    await printed();
  },
};

/** Returns the scene of a state, or of a finding code. */
export const sceneOf = finder(SCENES, finding);

/** Shows an export with a trust file that names other keys. */
async function withUnrelatedTrust(): Promise<void> {
  const page = await put();
  emitOnPage(page, "choose-trust", [new File([UNRELATED_KEYS], "strangers.txt")]);
  await chosen(page, true, 0);
  emitOnPage(page, "choose-files", [(await example("log-two-chains")).file]);
  await done();
  await met(".trust-compared");
}

function vector(name: string): Scene {
  return async () => {
    await withVector(name);
  };
}

function finding(code: FindingCode): Scene {
  return async () => {
    emitOnPage(await withVector(FINDINGS[code]), "open-tab", "problems");
    const group = (await met(`details[data-code="${CSS.escape(code)}"]`)) as HTMLDetailsElement;
    group.open = true;
  };
}

/** Shows the list of events with its first rows. */
async function events(page: Page): Promise<void> {
  emitOnPage(page, "open-tab", "events");
  await met("cs-rows .row.event");
}

/** Shows the page while it reads a large file that never ends. */
async function verifying(read: string) {
  const page = await put();
  const { trust = "" } = await example("activity");
  emitOnPage(page, "choose-trust", [new File([trust], "trust.txt")]);
  await chosen(page, true, 0);
  emitOnPage(page, "choose-files", [new StalledFile(read, "audit-2026.countersign.ndjson", LARGE)]);
  await met("progress");
  return page;
}

/** Shows the page with two exports of one log. */
async function together(...names: readonly string[]) {
  const page = await put();
  const examples = await Promise.all(names.map(example));
  const trust = examples[0]?.trust;
  if (trust !== undefined) emitOnPage(page, "choose-trust", [new File([trust], "trust.txt")]);
  await chosen(page, trust !== undefined, 0);
  emitOnPage(
    page,
    "choose-files",
    examples.map(({ file }) => file),
  );
  await done();
  return page;
}

/** Shows the page with an export of a log that this device remembers from another export. */
async function seen(before: string, now: string): Promise<void> {
  const page = await withVector(before);
  await until(() => localStorage.getItem(SEEN));
  page.remove();
  await withVector(now);
}

/** Shows the report that is in the document during printing. */
async function printed(): Promise<void> {
  window.dispatchEvent(new Event("beforeprint"));
  await met(".printed");
}

/** Asks a question. */
async function asked(fields: Readonly<Record<string, string>>): Promise<void> {
  const form = (await met(".ask form")) as HTMLFormElement;
  for (const [name, text] of Object.entries(fields)) {
    const field = form.elements.namedItem(name) as HTMLInputElement;
    field.value = text;
  }
  await until(() => document.querySelector("#panel-coverage .coverage"));
  form.requestSubmit();
  await met(".ask-answer");
}

/** Types into the search and applies it. */
async function searched(text: string): Promise<void> {
  const input = (await met(".query-input")) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input"));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}
