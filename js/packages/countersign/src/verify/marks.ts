/** Marks: everything in an export except events, such as omitted entries, withheld events, and checkpoints. */

interface MarkBase {
  /** The line number in the export, from 1. */
  readonly line: number;
}

interface EntryMark extends MarkBase {
  /** The entry's index in the log. */
  readonly index: number;
}

interface LinkMark extends EntryMark {
  /** The chain's name: 32 hex characters. */
  readonly chain: string;
  /** The link's `seq` in its chain; 0 for an open link. */
  readonly seq: number;
  /** The emitter's time. */
  readonly time: string;
  /** The emitter's public key. */
  readonly vkey: string;
  /** True if the key was authorized according to the lines up to this one. Only the report is final. */
  readonly authorized: boolean;
}

/** Entries omitted from the export. */
export interface SkipMark extends EntryMark {
  readonly kind: "skip";
  /** Number of omitted entries, from `index` on. */
  readonly entries: number;
}

/** A link whose event is withheld, covered by a valid signature of its chain's key. */
export interface WithheldMark extends LinkMark {
  readonly kind: "withheld";
  /** The reason stated by the exporter; nothing proves it. */
  readonly why: "erased" | "redacted" | "filtered" | null;
}

/** The open or close link of a chain, covered by a valid signature of its key. */
export interface ChainMark extends LinkMark {
  readonly kind: "open" | "close";
}

/** A signature line of a checkpoint. */
export interface CheckpointSignature {
  /** The name on the line. For keys that the trust file doesn't contain, it is only the signer's claim. */
  readonly name: string;
  /** The key ID: 8 hex characters. */
  readonly id: string;
  /** The owner of the key in the trust file: this log or a witness. Signatures of other keys are not verified. */
  readonly by: "log" | "witness" | "unknown";
  /** True if the signature is valid; null if it wasn't verified. */
  readonly valid: boolean | null;
  /** The time of a witness's cosignature, by the witness's clock. */
  readonly time: string | null;
}

/** A checkpoint. */
export interface CheckpointMark extends MarkBase {
  readonly kind: "checkpoint";
  readonly origin: string;
  /** Number of entries that it covers. */
  readonly size: number;
  /** The root hash, in base64. */
  readonly root: string;
  /** True if it is at the right place and its root hash matches the entries before it. */
  readonly matches: boolean;
  readonly signatures: readonly CheckpointSignature[];
  /**
   * The time by which it existed, and the last time at which it was seen, according to the trust file's quorum of
   * witnesses (SPEC section 5); null without one.
   */
  readonly existed: string | null;
  readonly seen: string | null;
}

/** A statement of a key note. */
export type Statement =
  | { readonly kind: "grant"; readonly vkey: string; readonly from: string | null; readonly until: string | null }
  | { readonly kind: "revoke"; readonly vkey: string; readonly since: string | null };

/** A key note. */
export interface NoteMark extends EntryMark {
  readonly kind: "note";
  /** True if it takes effect under the given trust file. */
  readonly acts: boolean;
  readonly statements: readonly Statement[];
  /** The known keys with a valid signature on it. */
  readonly signers: readonly string[];
}

/** An entry of any other kind. */
export interface OpaqueMark extends EntryMark {
  readonly kind: "entry";
}

/** A mark of any kind. */
export type Mark = SkipMark | WithheldMark | ChainMark | CheckpointMark | NoteMark | OpaqueMark;

/** Fields shared by the links of a chain. */
type Chain = Pick<LinkMark, "chain" | "vkey" | "authorized">;

/** A link's mark in the core's form. `of` is the index of its chain. */
interface CoreLinkMark extends Omit<LinkMark, keyof Chain>, Partial<Pick<WithheldMark, "why">> {
  readonly kind: "withheld" | "open" | "close";
  readonly of: number;
}

type CoreMark = CoreLinkMark | Exclude<Mark, { readonly kind: CoreLinkMark["kind"] }>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses a batch of marks from the core. */
export function readMarks(bytes: Uint8Array): Mark[] {
  const { marks, chains } = JSON.parse(utf8.decode(bytes)) as { marks: CoreMark[]; chains: Chain[] };
  return marks.map((mark) => ("of" in mark ? linkMark(mark, chains[mark.of]) : mark));
}

/** Restores a link's mark. Not with a spread, which takes several times as long for what may be a million marks. */
function linkMark({ kind, line, index, seq, time, why }: CoreLinkMark, of: Chain | undefined): Mark {
  if (of === undefined) {
    throw new Error("a mark has no chain");
  }
  const { chain, vkey, authorized } = of;
  return kind === "withheld"
    ? { kind, line, index, chain, seq, time, vkey, authorized, why: why ?? null }
    : { kind, line, index, chain, seq, time, vkey, authorized };
}
