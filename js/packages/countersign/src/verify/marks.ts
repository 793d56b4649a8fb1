/** What an export holds beside its events: what is left out, and what vouches for the rest. */

interface Marked {
  /** The line of the export, 1-based. */
  readonly line: number;
}

interface Leaf extends Marked {
  /** The leaf's index in the log. */
  readonly index: number;
}

interface Linked extends Leaf {
  /** The chain: 32 characters of hex. */
  readonly chain: string;
  /** The link's place in its chain; 0 for an open link. */
  readonly seq: number;
  /** The emitter's clock. */
  readonly time: string;
  /** The emitter's key. */
  readonly vkey: string;
  /** Whether the key was authorized, as far as was known here. Only the report knows in the end. */
  readonly authorized: boolean;
}

/** Leaves that are not here: a skip stands for them. */
export interface SkipMark extends Leaf {
  readonly kind: "skip";
  /** How many there are, from `index` on. */
  readonly leaves: number;
}

/** A link whose event is not shown, and that a valid signature of its chain's key covers. */
export interface WithheldMark extends Linked {
  readonly kind: "withheld";
  /** Why, by the exporter's own words: nothing proves it. */
  readonly why: "erased" | "redacted" | "filtered" | null;
}

/** The begin or the end of a chain, covered by a valid signature of its key. */
export interface ChainMark extends Linked {
  readonly kind: "open" | "close";
}

/** A signature line of a checkpoint. */
export interface CheckpointSignature {
  /** The name on the line: what the signer calls itself, where it is of no key that the reader trusts. */
  readonly name: string;
  /** The key ID: 8 characters of hex. */
  readonly id: string;
  /** Whose key it is in the reader's trust file: this log's, a witness's. Signatures of other keys are not looked at. */
  readonly by: "log" | "witness" | "unknown";
  /** Whether it is valid; null where that was not looked at. */
  readonly valid: boolean | null;
  /** When a witness cosigned, by its clock: a time. */
  readonly time: string | null;
}

/** A checkpoint. */
export interface CheckpointMark extends Marked {
  readonly kind: "checkpoint";
  readonly origin: string;
  /** How many leaves it covers. */
  readonly size: number;
  /** Its root hash, in base64. */
  readonly root: string;
  /** Whether it stands at its place and its root is that of the leaves and skips before it. */
  readonly matches: boolean;
  readonly signatures: readonly CheckpointSignature[];
  /** When it existed by and was seen at, as the reader's quorum of witnesses says; null without one. */
  readonly existed: string | null;
  readonly seen: string | null;
}

/** What a key note says. */
export type Statement =
  | { readonly kind: "grant"; readonly vkey: string; readonly from: string | null; readonly until: string | null }
  | { readonly kind: "revoke"; readonly vkey: string; readonly since: string | null };

/** A key note. */
export interface NoteMark extends Leaf {
  readonly kind: "note";
  /** Whether it acts, by what the reader trusts. */
  readonly acts: boolean;
  readonly statements: readonly Statement[];
  /** Known keys whose signature on it is valid. */
  readonly signers: readonly string[];
}

/** A leaf of any other kind. */
export interface OpaqueMark extends Leaf {
  readonly kind: "leaf";
}

/** Anything beside an event that an export holds. */
export type Mark = SkipMark | WithheldMark | ChainMark | CheckpointMark | NoteMark | OpaqueMark;

/** What the links of a chain share. */
type Chain = Pick<Linked, "chain" | "vkey" | "authorized">;

/** A mark of a link as the core writes it: `of` is the place of its chain. */
interface WrittenLink extends Omit<Linked, keyof Chain>, Partial<Pick<WithheldMark, "why">> {
  readonly kind: "withheld" | "open" | "close";
  readonly of: number;
}

type Written = WrittenLink | Exclude<Mark, { readonly kind: WrittenLink["kind"] }>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The marks in one batch of the core's. */
export function readMarks(bytes: Uint8Array): Mark[] {
  const { marks, chains } = JSON.parse(utf8.decode(bytes)) as { marks: Written[]; chains: Chain[] };
  return marks.map((mark) => ("of" in mark ? linked(mark, chains[mark.of]) : mark));
}

/** Member by member: spreading takes several times as long, and there can be a million. */
function linked({ kind, line, index, seq, time, why }: WrittenLink, of: Chain | undefined): Mark {
  if (of === undefined) {
    throw new Error("a mark is of no chain");
  }
  const { chain, vkey, authorized } = of;
  return kind === "withheld"
    ? { kind, line, index, chain, seq, time, vkey, authorized, why: why ?? null }
    : { kind, line, index, chain, seq, time, vkey, authorized };
}
