/** When each emitter was heard of last, and whether it is silent for longer than it uses to be. */

import type { Report, Signer } from "countersign/verify";

/** So many times as long as usual is a silence, and never less than this many seconds. */
const SILENT = 5;
const LEAST = 300;
/** So few links say nothing of a rhythm. */
const FEW = 4;
/** An emitter's rhythm in what was verified. */
export interface Rhythm {
  readonly vkey: string;
  readonly last: string;
  /** The mean time between its links, in seconds; undefined where there are too few. */
  readonly usual: number | undefined;
  /** Since its last link, in seconds. */
  readonly since: number;
  readonly isSilent: boolean;
}

/** How each emitter stood at a moment; those that are silent first, then those heard of last. */
export function rhythms({ signers }: Pick<Report, "signers">, now: number): readonly Rhythm[] {
  return signers
    .map((signer) => rhythm(signer, now))
    .sort((one, other) => Number(other.isSilent) - Number(one.isSilent) || one.since - other.since);
}

function rhythm({ vkey, first, last, links }: Signer, now: number): Rhythm {
  const [begin, end] = [Date.parse(first), Date.parse(last)];
  const usual = links < FEW || end <= begin ? undefined : (end - begin) / 1000 / (links - 1);
  const since = Math.max(0, (now - end) / 1000);
  const isSilent = usual !== undefined && since > Math.max(LEAST, usual * SILENT);
  return { vkey, last, usual, since, isSilent };
}
