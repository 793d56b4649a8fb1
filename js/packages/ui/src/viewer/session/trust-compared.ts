/**
 * Comparison of a trust file's keys with the keys that signed, so that a wrong trust file doesn't look like a missing
 * one.
 */

import type { Report } from "@countersign/shared/report.js";
import type { Marks } from "./ledger.js";
import { rootOrigin } from "./pin.js";
import { keyParts, trustLines } from "./trust-lines.js";

/** Role of a key in a trust file, or in which it signed. */
export type KeyRole = "log" | "witness" | "issuer" | "emitter";

/** A key of a trust file, or a key that signed. */
export interface ComparedKey {
  readonly role: KeyRole;
  readonly name: string;
  /** Key ID: 8 hex characters. */
  readonly id: string;
  /** For a key of the trust file: true if it signed. For a key that signed: true if the trust file vouches for it. */
  readonly matches: boolean;
}

/** Keys of the trust file beside the keys that signed. */
export interface TrustCompared {
  /** Name of the trust file; undefined if it has none. */
  readonly file: string | undefined;
  /** True for a live log, false for a file. */
  readonly isLive: boolean;
  readonly given: readonly ComparedKey[];
  readonly signed: readonly ComparedKey[];
  /**
   * `none`: no key of the trust file signed; `some`: the trust file doesn't vouch for all that signed; `all`: it
   * does.
   */
  readonly result: "none" | "some" | "all";
}

/** Input of a comparison. */
export interface ComparisonInput {
  readonly report: Report | undefined;
  readonly marks: Pick<Marks, "checkpoints" | "notes">;
  /** Text of the trust file; undefined if there is none. */
  readonly trust: string | undefined;
  readonly trustName?: string | undefined;
  readonly isLive?: boolean;
}

/** Cached per report, because a log that is followed has many checkpoints. */
const computed = new WeakMap<Report, { readonly trust: string; readonly compared: TrustCompared }>();

/** Returns the comparison; undefined without a trust file, without a report, or if no key is named in what was verified. */
export function compareTrust({
  report,
  marks,
  trust,
  trustName,
  isLive = false,
}: ComparisonInput): TrustCompared | undefined {
  if (report === undefined || trust === undefined) {
    return undefined;
  }
  const known = computed.get(report);
  const compared = known?.trust === trust ? known.compared : compare(report, marks, trust);
  computed.set(report, { trust, compared });
  return compared.signed.length === 0 ? undefined : { ...compared, file: trustName, isLive };
}

function compare(report: Report, marks: ComparisonInput["marks"], trust: string): TrustCompared {
  const noteKeys = new Set(marks.notes.flatMap(({ signers }) => signers));
  const signers = new Map(report.signers.map((signer) => [signer.vkey, signer]));
  // A checkpoint's signature has only name and key ID.
  const onCheckpoints = new Map<string, ComparedKey>();
  for (const { signatures, origin } of marks.checkpoints) {
    for (const { name, id, by } of signatures) {
      // A witness that the trust file doesn't name is no reason to doubt the file. A tenant log's root log signs for it.
      if (by !== "unknown" || name === origin || name === rootOrigin(origin)) {
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
    // Keys that the trust file doesn't vouch for come first.
    signed: signed.toSorted((a, b) => Number(a.matches) - Number(b.matches)),
    result: isUsed ? (isAll ? "all" : "some") : isAll ? "all" : "none",
  };
}
