import type { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { FindingCode } from "countersign/verify";
import { UNRELATED_KEYS } from "../common.ts";
import { beginning, example } from "../exports.ts";
import { FINDINGS } from "../findings.ts";
import { finder } from "../scene.ts";
import { blank, StalledFile } from "../stalled-file.ts";
import type { Scene } from "../state.ts";
import { until } from "../until.ts";
import { feedMany } from "./many.ts";
import { enter, find, met, open, press, put, Stream, search, settled, shown } from "./stage.ts";
import type { StateName } from "./states.ts";

/** Default number of events of the state `many`. */
const MANY = 1_000_000;

/** Size in bytes that an endless file claims. */
const LARGE = 70_000_000;

/** Number of lines that an endless file has. */
const READ = 220;

const SCENES: Readonly<Record<StateName, Scene>> = {
  empty: async () => {
    await met(put(), ".strip");
  },
  loading: async () => {
    const viewer = put((viewer) => {
      viewer.request = () => new Promise(() => {});
      viewer.src = "/audit/export";
    });
    await met(viewer, ".strip[aria-busy=true]");
  },
  verifying: async () => {
    const { file, trust } = await example("activity");
    const read = await beginning("activity", READ);
    const viewer = put((viewer) => {
      viewer.trustText = trust;
      viewer.file = new StalledFile(read, file.name, LARGE);
    });
    await met(viewer, ".strip progress");
    await until(() => (find(viewer, "cs-rows")?.querySelectorAll(".row.event").length ?? 0) > 5);
  },
  fed: async () => {
    const viewer = put();
    await viewer.feed(`${await beginning("activity", READ)}\n`);
    void blank()
      .arrayBuffer()
      .then((bytes) => viewer.feed(new Uint8Array(bytes)));
    await until(() => (find(viewer, "cs-rows")?.querySelectorAll(".row.event").length ?? 0) > 5);
  },
  "first-failure": async () => {
    const { file, trust } = await example("activity");
    const text = (await beginning("activity", READ)).replace('"retries":3', '"retries":9');
    const viewer = put((viewer) => {
      viewer.trustText = trust;
      viewer.file = new StalledFile(text, file.name, LARGE);
    });
    await met(viewer, ".first-failure");
  },
  canceled: async () => {
    const { file } = await example("activity");
    const viewer = put((viewer) => {
      viewer.file = new StalledFile("", file.name, LARGE);
    });
    await press(viewer, ".strip-action");
    await until(() => find(viewer, ".strip progress") === null);
  },
  "failed-trust": async () => {
    const { file } = await example("plain-closed");
    const viewer = put((viewer) => {
      viewer.trustText = "quorum none\nemitter nobody\n";
      viewer.file = file;
    });
    await met(viewer, ".strip[role=alert]");
  },
  "failed-source": async () => {
    const viewer = put((viewer) => {
      viewer.request = async () => new Response("{}", { status: 401 });
      viewer.src = "/audit/export";
    });
    await met(viewer, ".strip[role=alert]");
  },
  unreachable: async () => {
    const viewer = put((viewer) => {
      viewer.request = () => Promise.reject(new TypeError("the connection failed"));
      viewer.src = "/audit/export";
    });
    await met(viewer, ".strip[role=alert]");
  },

  verified: vector("large-whole"),
  "verified-chains": vector("plain-closed"),
  "verified-tenant": vector("tenant"),
  "verified-growth": vector("tenant-growth"),
  partial: vector("large-filter-by-content"),
  "unseen-revocation": vector("range-without-end-link-inside"),
  untrusted: vector("key-granted-too-late"),
  "wrong-trust": async () => {
    const { file } = await example("log-two-chains");
    const viewer = put((viewer) => {
      viewer.trustText = UNRELATED_KEYS;
      viewer.file = file;
    });
    await press(viewer, ".strip-more > summary");
    await met(viewer, ".trust-compared");
  },
  "not-checked": vector("key-suspect"),
  broken: vector("fork"),
  altered: vector("flip-event"),
  "no-events": vector("header-only"),
  "no-export": vector("empty-file"),
  details: async () => {
    await press(await shown("log-uncovered"), ".strip-more > summary");
  },

  rows: vector("activity"),
  "rows-of-log": async () => {
    const viewer = await shown("large-range");
    await met(viewer, ".row.gap");
  },
  many: async () => {
    const viewer = put();
    const events = Number(new URLSearchParams(location.search).get("events") ?? MANY);
    await feedMany(viewer, events);
    await until(() => find(viewer, "[data-verdict]"));
    await settled(viewer);
  },
  suggestions: async () => {
    const viewer = await shown("activity");
    await search(viewer, "outcome:");
    await met(viewer, "[role=option]");
  },
  problems: async () => {
    const viewer = await shown("activity");
    await search(viewer, "since:yesterdayish action:");
    await enter(viewer);
    await met(viewer, "#query-problems");
  },
  filters: async () => {
    const viewer = await shown("activity");
    await filterBoth(viewer);
  },
  "filters-german": async () => {
    const viewer = await shown("activity", (viewer) => {
      viewer.language = "de";
    });
    await filterBoth(viewer);
  },
  "export-refused": async () => {
    const viewer = await shown("activity");
    await filterBoth(viewer);
    await search(viewer, "since:yesterdayish");
    await enter(viewer);
    await met(viewer, "#query-problems");
    await press(viewer, "cs-export button");
    await met(viewer, '.menu-choices:not([hidden]) [data-selection="error"]');
  },
  filtered: async () => {
    const viewer = await shown("activity");
    await filter(viewer, "outcome:failure action:job.*");
  },
  "nothing-found": async () => {
    const viewer = await shown("activity");
    await filter(viewer, "actor:u_nobody");
  },
  table: async () => {
    const viewer = await shown("activity");
    await press(viewer, ".histogram-table > summary");
    await met(viewer, ".histogram-table td");
  },
  columns: async () => {
    const viewer = await shown("activity");
    await press(viewer, "cs-rows .bar button[aria-haspopup=dialog]");
    await met(viewer, "cs-columns dialog[open]");
  },
  exporting: async () => {
    const viewer = await shown("activity");
    await press(viewer, "cs-export button[aria-expanded]");
    await until(
      () => find(viewer, "cs-export button[aria-expanded]")?.getAttribute("aria-expanded") === "true",
    );
  },
  help: async () => {
    const viewer = await shown("activity");
    await press(viewer, ".tools > button.square");
    await met(viewer, "dialog[part=dialog][open], dialog.help[open], dialog[open]");
  },
  hostile: async () => {
    const viewer = await shown("activity");
    await filter(viewer, "signer:example.com/import*");
  },

  event: async () => {
    const viewer = await shown("activity");
    await filter(viewer, "outcome:failure action:session.login");
    await open(viewer, ".row.event");
  },
  changes: async () => {
    const viewer = await shown("activity");
    await filter(viewer, "action:job.update outcome:success");
    await open(viewer, ".row.event");
  },
  proof: async () => proven(await shown("large-whole"), ".row.event"),
  "proof-suspect": async () =>
    proven(await shown("key-suspect"), ".row.event:has(.sign.tone-bad)", ".step-not_checked"),
  withheld: async () => {
    const viewer = await shown("large-filter-by-content");
    await press(viewer, ".switch input");
    await open(viewer, ".row.withheld");
  },
  fold: async () => {
    await open(await shown("large-filter-by-content"), ".row.fold");
  },
  gap: async () => {
    const viewer = await shown("large-range");
    await open(viewer, ".row.gap");
  },
  "hostile-event": async () => {
    const viewer = await shown("activity");
    await filter(viewer, "signer:example.com/import*");
    await open(viewer, ".row.event:nth-child(2)");
  },

  live: async () => {
    const { viewer, stream } = await follow();
    await stream.send();
    await met(viewer, "[data-verdict]");
    await stream.send();
    await met(viewer, "[data-verdict=verified]");
    await settled(viewer);
  },
  "live-open-outside": async () => {
    const { viewer, stream } = await follow("range-without-end-open-outside");
    await stream.send();
    await met(viewer, "[data-verdict=verified]");
    await settled(viewer);
  },
  "live-waiting": async () => {
    const { viewer, stream } = await follow();
    await stream.begin();
    await met(viewer, ".live-line[data-state=following]");
  },
  "live-lost": async () => {
    const { viewer, stream } = await follow();
    await stream.send();
    await met(viewer, "[data-verdict]");
    stream.cut();
    await met(viewer, ".live-line[data-state=lost]");
    await settled(viewer);
  },
  "live-stopped": async () => {
    const { viewer, stream } = await follow();
    await stream.send();
    await met(viewer, "[data-verdict]");
    await press(viewer, ".strip-action");
    await met(viewer, ".live-line[data-state=stopped]");
    await settled(viewer);
  },
  alarm: async () => {
    const { viewer, stream } = await follow();
    await stream.send();
    await met(viewer, "[data-verdict]");
    await settled(viewer);
    await stream.send((line) => line.replace('"event":{', '"event":{"forged":true,'));
    await met(viewer, "[part=alarm]");
  },

  german: async () => {
    const viewer = await shown("large-range", (viewer) => {
      viewer.language = "de";
    });
    await press(viewer, ".strip-more > summary");
  },
  "right-to-left": async () => {
    document.documentElement.dir = "rtl";
    const viewer = await shown("activity");
    await open(viewer, ".row.event");
  },
  local: async () => {
    await shown("activity", (viewer) => {
      viewer.tz = "local";
    });
  },
  themed: async () => {
    await shown("activity", (viewer) => viewer.classList.add("themed"));
  },
  bare: async () => {
    await shown("activity", (viewer) => {
      viewer.bare = true;
    });
  },
};

/** Returns the scene of a state, or of a finding code. */
export const sceneOf = finder(SCENES, finding);

function vector(name: string): Scene {
  return async () => {
    await shown(name);
  };
}

/** Shows a finding among the others of an export, expanded. */
function finding(code: FindingCode): Scene {
  return async () => {
    const viewer = await shown(FINDINGS[code]);
    await press(viewer, ".strip-more > summary");
    await press(viewer, `.finding-group[data-code="${CSS.escape(code)}"] > summary`);
  };
}

async function filter(viewer: Viewer, text: string): Promise<void> {
  await search(viewer, text);
  await enter(viewer);
  await met(viewer, ".notice[data-filtered=true]");
  (document.activeElement as HTMLElement | null)?.blur();
  await settled(viewer);
}

/** Searches for a value, days, and a string. */
async function filterBoth(viewer: Viewer): Promise<void> {
  await press(viewer, ".facet[data-column=outcome] .chip");
  await met(viewer, ".filter");
  const period = (await met(viewer, "cs-period select")) as HTMLSelectElement;
  period.value = "between";
  period.dispatchEvent(new Event("change"));
  await press(viewer, ".period-dates button[type=submit]");
  await until(() => viewer.shadowRoot?.querySelectorAll(".filter").length === 2);
  await filter(viewer, "job");
}

/** Opens a row and explains its proof, scrolled to a part of it. */
async function proven(viewer: Viewer, row: string, from = "cs-proof"): Promise<void> {
  await open(viewer, row);
  await press(viewer, "cs-proof .proof-state > .actions > button");
  await met(viewer, "cs-proof .proof-verdict");
  find(viewer, from)?.scrollIntoView();
}

/** Shows a viewer of a live log. */
async function follow(name = "log-two-chains"): Promise<{ viewer: Viewer; stream: Stream }> {
  const stream = await Stream.ofVector(name);
  const { trust } = await example(name);
  const viewer = put((viewer) => {
    viewer.trustText = trust;
    viewer.request = stream.request;
    viewer.live = true;
    viewer.src = "/stream";
  });
  return { viewer, stream };
}
