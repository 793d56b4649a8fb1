/** Compares what recorders reported with the log. */

import assert from "node:assert/strict";
import type { Receipt } from "countersign";
import { run, TRUST, verify } from "../conformance/program.ts";
import { AUDITOR } from "../conformance/setup.ts";

/** The reports of one run. */
export class Page {
  readonly run: string;
  readonly taken = new Set<number>();
  readonly stored = new Set<number>();
  readonly dropped = new Set<number>();
  readonly receipts = new Map<number, Receipt>();
  /** The last message by error code. */
  readonly failures = new Map<string, string>();
  /** Number of dead chains at the end; undefined if it was killed. */
  ended: number | undefined;
  /** Number of entries left in the outbox. */
  left: number | undefined;

  constructor(run: string) {
    this.run = run;
  }

  read(line: string): void {
    const [what = "", first = "", ...rest] = line.split(" ");
    const n = Number(first);
    switch (what) {
      case "taken":
        this.taken.add(n);
        break;
      case "stored":
        this.stored.add(n);
        break;
      case "dropped":
        this.taken.delete(n);
        this.dropped.add(n);
        break;
      case "delivered":
        this.receipts.set(n, JSON.parse(rest.join(" ")) as Receipt);
        break;
      case "failed":
        this.failures.set(first, rest.join(" "));
        break;
      case "ended":
        this.ended = n;
        break;
      case "left":
        this.left = n;
        break;
      case "unstored":
      case "undelivered":
        break;
      default:
        assert.fail(`a recorder said: ${line}`);
    }
  }
}

/** The position of an event in the log. */
interface Place {
  chain: string;
  seq: number;
  leaf: number;
  link: string;
}

/** Codes of errors that no network failure may cause. */
const DEFECTS = ["recorder.failed", "recorder.out_of_turn", "wasm.failed", "signature.invalid", "outbox.damaged"];

/** The reports of all runs, to be compared with the log. */
export class Book {
  readonly #pages: Page[] = [];

  page(run: string): Page {
    const page = new Page(run);
    this.#pages.push(page);
    return page;
  }

  /**
   * Exports the log, verifies it with the program, and looks for each event. Returns how many events are in the log or
   * counted as dropped.
   */
  async check(url: string): Promise<{ events: number; found: string }> {
    process.env.COUNTERSIGN_TOKEN = AUDITOR;
    const exported = await run(["export", "--dir", url]);
    assert.deepEqual([exported.status, exported.stderr], [0, ""]);
    const report = await verify(exported.stdout);
    assert.equal(report.verdict, "verified", JSON.stringify(report.findings));
    const log = read(exported.stdout);
    assert.deepEqual(log.twice, [], "events twice in the log");
    for (const page of this.#pages) {
      this.#checkPage(page, log);
    }
    const dropped = this.#pages.reduce((sum, page) => sum + page.dropped.size, 0);
    assert.equal(log.dropped, dropped, "dropped events counted by the log");
    await this.#checkReceipts(log);
    const killed = this.#pages.filter(({ ended }) => ended === undefined);
    const stored = killed.reduce((sum, { stored }) => sum + stored.size, 0);
    return {
      events: log.places.size + dropped,
      found: `${log.places.size} events in ${log.chains} chains, ${stored} stored before ${killed.length} kills, ${dropped} dropped`,
    };
  }

  #checkPage(page: Page, { places, ordered }: Log): void {
    const has = (n: number) => places.has(`${page.run}.${n}`);
    const kept = page.ended === undefined ? page.stored : page.taken;
    assert.deepEqual([...kept].filter((n) => !has(n) && !page.dropped.has(n)).slice(0, 20), [], `lost of ${page.run}`);
    assert.deepEqual([...page.dropped].filter(has).slice(0, 20), [], `dropped and recorded all the same`);
    assert.deepEqual([...page.receipts.keys()].filter((n) => !has(n)).slice(0, 20), [], `had receipts`);
    const defects = [...page.failures].filter(([code]) => DEFECTS.includes(code) || !code.includes("."));
    assert.deepEqual(defects, [], `failures of ${page.run}`);

    // Chains contain events in the order of recording, and follow each other.
    const chains = ordered.get(page.run) ?? new Map<string, number[]>();
    for (const [chain, numbers] of chains) {
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        `the order in chain ${chain} of ${page.run}`,
      );
    }
    const spans = [...chains.values()].map((numbers) => [numbers[0] ?? 0, numbers.at(-1) ?? 0] as const);
    const inOrder = spans.toSorted(([a], [b]) => a - b);
    for (const [nth, [, last]] of inOrder.entries()) {
      const [next = Number.POSITIVE_INFINITY] = inOrder[nth + 1] ?? [];
      assert.ok(last < next, `chains of ${page.run} are mixed: ${JSON.stringify(inOrder)}`);
    }
  }

  /** Checks that all receipts lead from their event's link to a proven one; the program checks some of them too. */
  async #checkReceipts({ places, links }: Log): Promise<void> {
    const receipts = this.#pages.flatMap((page) =>
      [...page.receipts].map(([n, receipt]) => ({ place: places.get(`${page.run}.${n}`), receipt })),
    );
    for (const { place, receipt } of receipts) {
      assert.deepEqual([receipt.chain, receipt.seq, receipt.links[0]], [place?.chain, place?.seq, place?.link]);
      const { index, links: through } = receipt;
      assert.equal(links.get(index ?? -1), through.at(-1), "the receipt's leaf");
    }
    const step = Math.max(1, Math.floor(receipts.length / 4));
    for (const { receipt } of receipts.filter((_, nth) => nth % step === 0)) {
      const result = await run(["receipt", "receipt.txt", "--entry", "link.txt", "--trust", "trust.txt"], {
        "trust.txt": TRUST.split("\n")
          .filter((line) => line.startsWith("log "))
          .join("\n"),
        "receipt.txt": receipt.proof ?? "",
        "link.txt": receipt.links.at(-1) ?? "",
      });
      assert.equal(result.status, 0, result.stdout + result.stderr);
    }
  }
}

/** The contents of an export. */
interface Log {
  /** Positions by event name. */
  places: Map<string, Place>;
  twice: string[];
  /** The numbers of a run's events by chain, in chain order. */
  ordered: Map<string, Map<string, number[]>>;
  /** Links by index. */
  links: Map<number, string>;
  dropped: number;
  chains: number;
}

function read(text: string): Log {
  const log: Log = { places: new Map(), twice: [], ordered: new Map(), links: new Map(), dropped: 0, chains: 0 };
  let leaf = 0;
  for (const line of text.split("\n").filter((line) => line !== "")) {
    const { link, note, event, checkpoint, ...rest } = JSON.parse(line) as ExportLine;
    assert.equal("skip" in rest, false, "an export of the whole log omits nothing");
    if (note !== undefined) {
      leaf += 1;
    }
    if (link === undefined) {
      continue;
    }
    log.links.set(leaf, link);
    const [, kind, chain = "", seq = ""] = link.split(" ");
    log.chains += kind === "open" ? 1 : 0;
    if (event?.action === "countersign.dropped") {
      log.dropped += event.metadata?.count ?? 0;
    } else if (event?.metadata?.id !== undefined) {
      const { id } = event.metadata;
      if (log.places.has(id)) {
        log.twice.push(id);
      }
      log.places.set(id, { chain, seq: Number(seq), leaf, link });
      const [run = "", n = ""] = id.split(".");
      const chains = log.ordered.get(run) ?? new Map<string, number[]>();
      log.ordered.set(run, chains);
      chains.set(chain, [...(chains.get(chain) ?? []), Number(n)]);
    }
    leaf += 1;
  }
  return log;
}

interface ExportLine {
  link?: string;
  note?: string;
  checkpoint?: string;
  event?: { action?: string; metadata?: { id?: string; count?: number } };
}

/** Yields the complete lines of a runtime's output; one cut off by a kill is skipped. */
export async function* wholeLines(said: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of said) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
