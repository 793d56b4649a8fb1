import { UNRECOGNIZED } from "@countersign/ui/slice/unrecognized.js";
import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import type { Report } from "countersign/verify";
import { isWholeLog } from "../../src/evidence/answer.ts";
import type { EvidenceContext } from "../../src/evidence/panel.ts";
import { type TrustChoice, trustName, trustText } from "../../src/input/trust.ts";
import type { Part } from "../../src/state/case.ts";
import { counted } from "../address.ts";
import { partOf, type Verified } from "../verified.ts";
import type { AuditorsPage } from "./auditors-page.ts";

/** The tool in reports that the console makes. */
const TOOL = "countersign console";

/** The selection until there is a search. */
const NO_SELECTION: Selection = {
  session: undefined,
  turn: 0,
  query: "",
  boxQuery: "",
  state: "counting",
  wait: "counting",
};

/** The search that selects the events of evidence. */
export interface EvidenceSearch {
  readonly selection: Selection;
  search(query: string): Promise<void>;
}

/** Input of evidence besides the export. */
export interface ContextInput {
  readonly trust: TrustChoice;
  readonly page: AuditorsPage;
  /** Undefined if evidence covers all events. */
  readonly search: () => EvidenceSearch | undefined;
}

/** The bytes of a session as an export, for evidence about it. */
export class LoadedExport {
  /** The export, with the number of events that the search doesn't recognize; undefined until both are known. */
  part: Part | undefined;
  #session: Session | undefined;
  #isPreparing = false;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** Collects the bytes of a session, once all of them are loaded. */
  async prepare(verified: Verified | undefined, report: Report | undefined): Promise<void> {
    const session = verified?.session;
    if (session !== this.#session) {
      this.#session = session;
      this.part = undefined;
      this.#isPreparing = false;
    }
    const bytes = session?.bytes;
    if (session === undefined || verified === undefined || report === undefined || bytes === undefined)
      return;
    if (this.part !== undefined || this.#isPreparing) return;
    this.#isPreparing = true;
    const unrecognized = await session.index.count(UNRECOGNIZED).catch(() => undefined);
    if (session !== this.#session) return;
    this.#isPreparing = false;
    if (unrecognized === undefined) return;
    const file = new File([bytes], fileName(report.origin));
    this.part = { ...partOf(verified), file, unrecognized };
    this.#changed();
  }

  close(): void {
    this.#session = undefined;
    this.part = undefined;
  }
}

/** Returns the input of the panel that makes evidence of an export. */
export function evidenceContext(part: Part, { trust, page, search }: ContextInput): EvidenceContext {
  const text = trustText(trust);
  const pins = part.session?.pins ?? [];
  const selection = () => search()?.selection ?? NO_SELECTION;
  return {
    part,
    trust: text === undefined ? undefined : { name: trustName(trust) ?? "trust.txt", text },
    pins: pins.map((text) => ({ name: "remembered.pin.txt", text })),
    viewer: search,
    selection: selection(),
    now: selection,
    tools: () => Viewer.tools,
    maker: { name: TOOL, auditorsPage: () => page.load() },
    papers: [],
  };
}

/** True if more of the log can be loaded. */
export function isPart({ scope: { conditions } }: Verified, report: Report): boolean {
  return conditions !== undefined && counted(conditions) > 0 && !isWholeLog(report);
}

function fileName(origin: string | null): string {
  return `${(origin ?? "").replace(/[^\p{L}\p{N}.-]+/gu, "-") || "log"}.ndjson`;
}
