import { plainError } from "@countersign/shared/error.js";
import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { caseTools } from "../../src/case-tools.ts";
import type { ShownCase } from "../../src/evidence/case-view.ts";
import { type Filed, openEvidence, type Shelf } from "../../src/evidence/filed.ts";
import { finishedCheck } from "../../src/evidence/own-check.ts";
import { recognize } from "../../src/input/recognize.ts";
import { type TrustChoice, trustName, trustText } from "../../src/input/trust.ts";
import { Case } from "../../src/state/case.ts";
import { Memory } from "../../src/state/memory.ts";

/** The modules that the check depends on. */
export interface FiledCheckDependencies {
  readonly tools: () => Promise<Tools>;
  readonly trust: () => TrustChoice;
  /** The copy of the auditor's page with which that in the file is compared; rejects if there is none. */
  readonly page: () => Promise<Blob>;
  readonly changed: () => void;
}

/** Checks an evidence file by the keys that the reader trusts, or else by the trust file in it. */
export class FiledCheck {
  shelf: Shelf = { is: "empty" };
  /** Name of the file chosen last, if it isn't an evidence file. */
  other: string | undefined;
  readonly #dependencies: FiledCheckDependencies;
  #case: Case | undefined;
  /** Incremented by each file and each check, so that only the last one is shown. */
  #turn = 0;

  constructor(dependencies: FiledCheckDependencies) {
    this.#dependencies = dependencies;
  }

  /** The result of the check so far. */
  get shown(): ShownCase {
    const { phase, parts = [] } = this.#case ?? {};
    const [part] = parts;
    const judged = part?.session?.verification;
    const isOwnTrust = trustText(this.#dependencies.trust()) !== undefined;
    if (phase === "done" && part !== undefined && judged !== undefined) {
      return { choosesTrust: false, opensEvents: false, check: finishedCheck(part, judged), isOwnTrust };
    }
    const hasEnded = phase === "canceled" || phase === "failed";
    return {
      choosesTrust: false,
      opensEvents: false,
      check: { is: hasEnded ? "stopped" : "running" },
      isOwnTrust,
    };
  }

  /** Reason why the events couldn't be checked; undefined if they can. */
  get failure(): Case["failure"] {
    return this.#case?.phase === "failed" ? this.#case.failure : undefined;
  }

  /** Opens a file in place of the one before. */
  async open(file: File): Promise<void> {
    this.close();
    const turn = this.#turn;
    const { tools, page } = this.#dependencies;
    this.#put({ is: "opening", name: file.name });
    try {
      if ((await recognize(file)) !== "evidence") {
        if (turn !== this.#turn) return;
        this.other = file.name;
        this.#put({ is: "empty" });
        return;
      }
      const filed = await openEvidence(file, {
        tools: await tools(),
        page: () => page().catch(() => undefined),
        now: () => new Date(),
      });
      if (turn !== this.#turn) return;
      this.#put({ is: "open", filed });
      await this.#verify(filed);
    } catch (error) {
      if (turn === this.#turn) this.#put({ is: "refused", name: file.name, failure: plainError(error) });
    }
  }

  /** Checks the file again by the keys that the reader trusts now. */
  again(): void {
    if (this.shelf.is === "open") void this.#verify(this.shelf.filed);
  }

  /** Removes the file, and frees everything that was kept for it. */
  close(): void {
    this.#turn += 1;
    this.#case?.close();
    this.#case = undefined;
    this.other = undefined;
    this.#put({ is: "empty" });
  }

  async #verify(filed: Filed): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    const { tools, trust: chosen, changed } = this.#dependencies;
    const workers = await tools();
    if (turn !== this.#turn) return;
    this.#case?.close();
    // The rules run again apart from the case, and an evidence file is not remembered.
    const work = new Case(caseTools(workers, new Memory(undefined), () => undefined));
    work.addEventListener("change", changed);
    this.#case = work;
    const { source, answer, events, rules, pins } = filed;
    const own = chosen();
    const text = trustText(own);
    const input = {
      trust: text ?? filed.trust?.text,
      trustName: text === undefined ? filed.trust?.name : trustName(own),
      pins: pins.map(({ text }) => text),
    };
    await work.verify(
      [{ file: source, of: [], from: "evidence", answer, filedEvents: events, rules }],
      input,
      false,
    );
  }

  #put(shelf: Shelf): void {
    this.shelf = shelf;
    this.#dependencies.changed();
  }
}
