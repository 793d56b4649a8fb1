import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { FindingCode } from "countersign/verify";
import type { Page } from "../../src/page.ts";
import { STRANGERS } from "../common.ts";
import { beginning, example } from "../exports.ts";
import { FINDINGS } from "../findings.ts";
import { Held } from "../held.ts";
import { finder } from "../scene.ts";
import type { Scene } from "../state.ts";
import { until } from "../until.ts";
import { chosen, done, given, met, press, put, tell } from "./stage.ts";
import type { StateName } from "./states.ts";

/** Where the page keeps what it remembers of logs. */
const SEEN = "countersign.seen/v1";

/** How large a file says it is that is read for ever, in bytes. */
const LARGE = 70_000_000;

/** How many lines of it there are. */
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
    tell(page, "choose-files", [new File([`${key}\n`], "key.txt")]);
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
    tell(page, "choose-trust", [new File([trust], "trust.txt")]);
    tell(page, "choose-pins", [new File([pins[0] ?? ""], "2026-10.pin.txt")]);
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
    tell(page, "cancel", undefined);
    await met(".stopped");
  },
  "failed-trust": async () => {
    const page = await put();
    tell(page, "choose-trust", [new File(["quorum none\nemitter nobody\n"], "trust.txt")]);
    await chosen(page, true, 0);
    tell(page, "choose-files", [(await example("plain-closed")).file]);
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
    tell(page, "choose-files", [file]);
    await met(".stopped");
  },

  verified: vector("large-whole"),
  sample: async () => {
    tell(await put(), "choose-sample", undefined);
    await done();
  },
  partial: vector("large-filter-by-content"),
  untrusted: vector("key-granted-too-late"),
  "wrong-trust": async () => {
    await byStrangers();
  },
  "not-checked": vector("key-suspect"),
  broken: vector("fork"),
  altered: vector("flip-event"),
  changed: async () => {
    tell(await given("flip-event"), "show-changed", undefined);
    await met(".around .untrusted");
  },
  events: async () => {
    await events(await given("large-whole"));
  },
  folded: async () => {
    await events(await given("large-filter-by-content"));
  },
  selection: async () => {
    const page = await given("large-whole");
    await searched("outcome:success");
    await met('#evidence-selection [data-selection="ready"] code');
    tell(page, "open-tab", "summary");
    (await met("#evidence-heading")).scrollIntoView();
  },
  "selection-refused": async () => {
    const page = await given("large-whole");
    await searched("outcome:succeeded");
    await met('#evidence-selection [data-selection="error"]');
    tell(page, "open-tab", "summary");
    (await met("#evidence-heading")).scrollIntoView();
  },
  findings: async () => {
    tell(await given("fork"), "open-tab", "findings");
  },
  "findings-of-search": async () => {
    const page = await put();
    tell(page, "choose-sample", undefined);
    await done();
    const viewer = document.querySelector<Viewer>("countersign-viewer");
    await viewer?.search("outcome:failure");
    tell(page, "open-tab", "findings");
    await met(".found-scope");
  },
  technical: async () => {
    tell(await given("large-whole"), "open-tab", "technical");
  },
  checks: async () => {
    await given("large-whole");
    await press(".checks-section summary");
  },
  "one-byte": async () => {
    tell(await put(), "choose-altered", undefined);
    await done();
  },
  inputs: async () => {
    tell(await given("large-whole"), "turn-inputs", undefined);
    await met(".choose:not([hidden])");
  },
  "no-export": vector("empty-file"),

  coverage: async () => {
    tell(await given("large-range"), "open-tab", "coverage");
    await press(".coverage details > summary");
  },
  witnesses: async () => {
    tell(await given("quorum-met"), "open-tab", "coverage");
  },
  signers: async () => {
    tell(await given("key-rotation"), "open-tab", "signers");
    for (const summary of document.querySelectorAll<HTMLElement>(".vouching > summary")) summary.click();
  },
  confirm: async () => {
    const page = await given("plain-closed", false);
    const vkey = /^emitter (.+)$/m.exec((await example("plain-closed")).trust ?? "")?.[1] ?? "";
    tell(page, "open-tab", "signers");
    tell(page, "trust-signer", vkey);
    await met("dialog.confirm[open]");
  },
  event: async () => {
    const page = await put();
    tell(page, "choose-sample", undefined);
    await done();
    await events(page);
    await press("cs-rows .row.event:nth-child(3)");
    await met("#cs-drawer-heading");
  },
  proof: async () => {
    await events(await given("large-whole"));
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
    tell(page, "compare", null);
    await met("[data-agree]");
  },
  contradiction: async () => {
    const page = await together("log-two-chains", "large-whole");
    tell(page, "compare", null);
    await met("[data-agree]");
  },

  remembered: async () => {
    const page = await given("large-whole");
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
    await given("log-two-chains");
  },

  german: async () => {
    const page = await given("large-filter-by-content");
    tell(page, "speak", "de");
    await page.updateComplete;
  },
  paper: async () => {
    await given("large-whole");
    await printed();
  },
  "paper-wrong-trust": async () => {
    await byStrangers();
    await printed();
  },
  "paper-altered": async () => {
    await given("flip-event");
    await printed();
  },
};

/** The scene of a state, or of a finding's code. */
export const sceneOf = finder(SCENES, finding);

/** An export with a trust file that names other keys. */
async function byStrangers(): Promise<void> {
  const page = await put();
  tell(page, "choose-trust", [new File([STRANGERS], "strangers.txt")]);
  await chosen(page, true, 0);
  tell(page, "choose-files", [(await example("log-two-chains")).file]);
  await done();
  await met(".trust-compared");
}

function vector(name: string): Scene {
  return async () => {
    await given(name);
  };
}

function finding(code: FindingCode): Scene {
  return async () => {
    tell(await given(FINDINGS[code]), "open-tab", "findings");
    const group = (await met(`details[data-code="${CSS.escape(code)}"]`)) as HTMLDetailsElement;
    group.open = true;
  };
}

/** The list of events in view, with its first rows. */
async function events(page: Page): Promise<void> {
  tell(page, "open-tab", "events");
  await met("cs-rows .row.event");
}

/** The page while a large file is read of which no more comes. */
async function verifying(read: string) {
  const page = await put();
  const { trust = "" } = await example("activity");
  tell(page, "choose-trust", [new File([trust], "trust.txt")]);
  await chosen(page, true, 0);
  tell(page, "choose-files", [new Held(read, "audit-2026.countersign.ndjson", LARGE)]);
  await met("progress");
  return page;
}

/** The page with two exports of one log. */
async function together(...names: readonly string[]) {
  const page = await put();
  const examples = await Promise.all(names.map(example));
  const trust = examples[0]?.trust;
  if (trust !== undefined) tell(page, "choose-trust", [new File([trust], "trust.txt")]);
  await chosen(page, trust !== undefined, 0);
  tell(
    page,
    "choose-files",
    examples.map(({ file }) => file),
  );
  await done();
  return page;
}

/** The page with an export of a log that this device knows from another one. */
async function seen(before: string, now: string): Promise<void> {
  const page = await given(before);
  await until(() => localStorage.getItem(SEEN));
  page.remove();
  await given(now);
}

/** The report is in the document while it is printed. */
async function printed(): Promise<void> {
  window.dispatchEvent(new Event("beforeprint"));
  await met(".printed");
}

/** Writes into the search, and ends writing. */
async function searched(text: string): Promise<void> {
  const input = (await met(".query-input")) as HTMLInputElement;
  input.value = text;
  input.dispatchEvent(new Event("input"));
  input.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
}
