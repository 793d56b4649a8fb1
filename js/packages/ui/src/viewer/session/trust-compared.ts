/** Compares the keys of a trust file with the keys that signed, so that a wrong trust file doesn't read like none. */

import type { Report } from "@countersign/shared/report.js";
import type { Marks } from "./ledger.js";
import { keyParts, trustLines } from "./trust-lines.js";

/** What a key is in a trust file, or signed as. */
export type KeyRole = "log" | "witness" | "issuer" | "emitter";

/** A key of a trust file, or one that signed. */
export interface ComparedKey {
  readonly role: KeyRole;
  readonly name: string;
  /** The key ID: 8 characters of hex. */
  readonly id: string;
  /** Of a key of the trust file whether it signed; of a key that signed whether the trust file vouches for it. */
  readonly matches: boolean;
}

/** The keys of a trust file beside those that signed. */
export interface TrustCompared {
  /** What the trust file is called; undefined if it has no name. */
  readonly file: string | undefined;
  /** True if what signed is a log that goes on, and not a file. */
  readonly isLive: boolean;
  readonly given: readonly ComparedKey[];
  readonly signed: readonly ComparedKey[];
  /** `none`: no key of the trust file signed; `some`: it doesn't vouch for all that signed; `all`: it does. */
  readonly result: "none" | "some" | "all";
}

/** What is compared. */
export interface Compared {
  readonly report: Report | undefined;
  readonly marks: Pick<Marks, "checkpoints" | "notes">;
  /** The trust file's text; undefined if none was given. */
  readonly trust: string | undefined;
  readonly trustName?: string | undefined;
  readonly isLive?: boolean;
}

/** Computed once for each report: of a log that is followed there are many checkpoints. */
const computed = new WeakMap<Report, { readonly trust: string; readonly compared: TrustCompared }>();

/** Returns the comparison; undefined without a trust file, without a report, or if no key is named in what was verified. */
export function compareTrust({ report, marks, trust, trustName, isLive = false }: Compared): TrustCompared | undefined {
  if (report === undefined || trust === undefined) {
    return undefined;
  }
  const known = computed.get(report);
  const compared = known?.trust === trust ? known.compared : compare(report, marks, trust);
  computed.set(report, { trust, compared });
  return compared.signed.length === 0 ? undefined : { ...compared, file: trustName, isLive };
}

function compare(report: Report, marks: Compared["marks"], trust: string): TrustCompared {
  const noteKeys = new Set(marks.notes.flatMap(({ signers }) => signers));
  const signers = new Map(report.signers.map((signer) => [signer.vkey, signer]));
  // Of a checkpoint's signature only name and key ID are known.
  const onCheckpoints = new Map<string, ComparedKey>();
  for (const { signatures, origin } of marks.checkpoints) {
    for (const { name, id, by } of signatures) {
      // A cosignature of a witness that the trust file doesn't name is no reason to doubt it.
      if (by !== "unknown" || name === origin) {
        const role = by === "unknown" ? "log" : by;
        onCheckpoints.set(`${role} ${name} ${id}`, { role, name, id, matches: by !== "unknown" });
      }
    }
  }
  const lines = new Map(
    trustLines(trust)
      .filter(({ kind }) => kind !== "revoke")
      .map((line) => [`${line.kind} ${line.vkey}`, line]),
  );
  const given = [...lines.values()].map(({ kind, vkey, name, id }): ComparedKey => {
    const role = kind as KeyRole;
    const matches =
      signers.has(vkey) || noteKeys.has(vkey) || onCheckpoints.get(`${role} ${name} ${id}`)?.matches === true;
    return { role, name, id, matches };
  });
  const emitters = report.signers.map(({ vkey, trust }): ComparedKey => {
    const { name, id } = keyParts(vkey) ?? { name: vkey, id: "" };
    return { role: "emitter", name, id, matches: trust !== "untrusted" };
  });
  const signed = [...emitters, ...onCheckpoints.values()];
  const isUsed = given.some(({ matches }) => matches) || signed.some(({ matches }) => matches);
  const isLogUnknown = (report.finding_counts["log.unknown"] ?? 0) > 0 && report.checks.log.state !== "pass";
  const isAll = emitters.every(({ matches }) => matches) && !isLogUnknown;
  return {
    file: undefined,
    isLive: false,
    given,
    // What the trust file doesn't vouch for first.
    signed: signed.toSorted((one, other) => Number(one.matches) - Number(other.matches)),
    result: isUsed ? (isAll ? "all" : "some") : isAll ? "all" : "none",
  };
}
