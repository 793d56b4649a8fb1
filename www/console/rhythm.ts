/** The rhythm of each emitter: when it signed last, and whether it is silent for longer than usual. */

import type { Report, Signer } from "countersign/verify";

/**
 * An emitter counts as silent after this multiple of its usual interval, and after at least this many
 * seconds.
 */
const SILENCE_FACTOR = 5;
const MIN_SILENCE_SECONDS = 300;
/** Minimum number of links to determine a rhythm. */
const MIN_LINKS = 4;
/** The rhythm of an emitter in what was verified. */
export interface Rhythm {
  readonly vkey: string;
  readonly last: string;
  /** Mean seconds between its links; undefined if there are too few. */
  readonly usual: number | undefined;
  /** Seconds since its last link. */
  readonly since: number;
  readonly isSilent: boolean;
}

/** Returns the rhythm of each emitter at a moment: silent ones first, then by the time of the last link. */
export function rhythms({ signers }: Pick<Report, "signers">, now: number): readonly Rhythm[] {
  return signers
    .map((signer) => rhythm(signer, now))
    .sort((one, other) => Number(other.isSilent) - Number(one.isSilent) || one.since - other.since);
}

function rhythm({ vkey, first, last, links }: Signer, now: number): Rhythm {
  const [begin, end] = [Date.parse(first), Date.parse(last)];
  const usual = links < MIN_LINKS || end <= begin ? undefined : (end - begin) / 1000 / (links - 1);
  const since = Math.max(0, (now - end) / 1000);
  const isSilent = usual !== undefined && since > Math.max(MIN_SILENCE_SECONDS, usual * SILENCE_FACTOR);
  return { vkey, last, usual, since, isSilent };
}
