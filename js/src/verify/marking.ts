/** Reads the marks that the core writes. */

import type { Mark } from "./marks.js";

/** What the links of a chain share. */
interface Chain {
  readonly chain: string;
  readonly vkey: string;
  readonly authorised: boolean;
}

/** A mark of a link as the core writes it: `of` is the place of its chain. */
interface Linked {
  readonly kind: "withheld" | "open" | "close";
  readonly line: number;
  readonly index: number;
  readonly of: number;
  readonly seq: number;
  readonly time: string;
  readonly why?: "erased" | "redacted" | "filtered" | null;
}

type Written = Linked | Exclude<Mark, { readonly kind: Linked["kind"] }>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The marks in one batch of the core's. */
export function readMarks(bytes: Uint8Array): Mark[] {
  const { marks, chains } = JSON.parse(utf8.decode(bytes)) as { marks: Written[]; chains: Chain[] };
  return marks.map((mark) => ("of" in mark ? linked(mark, chains[mark.of]) : mark));
}

/** Member by member: spreading takes several times as long, and there can be a million. */
function linked({ kind, line, index, seq, time, why }: Linked, of: Chain | undefined): Mark {
  if (of === undefined) {
    throw new Error("a mark is of no chain");
  }
  const { chain, vkey, authorised } = of;
  return kind === "withheld"
    ? { kind, line, index, chain, seq, time, vkey, authorised, why: why ?? null }
    : { kind, line, index, chain, seq, time, vkey, authorised };
}
