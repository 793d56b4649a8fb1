import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Report, Signer } from "countersign/verify";
import { type TrustLine, trustLines } from "../input/trust.ts";

/** A statement about a key, in the log or in the trust file. */
export interface Episode {
  readonly kind: "grant" | "revoke";
  /** Validity; null without a bound. */
  readonly from: string | null;
  readonly until: string | null;
  readonly acts: boolean;
  /** Position in the export; undefined for the trust file. */
  readonly place: { readonly index: number; readonly line: number } | undefined;
  /** Public keys that signed it. */
  readonly by: readonly string[];
  /** Line of the trust file, for a statement there. */
  readonly trustLine: number | undefined;
}

/** A key that signs chains. */
export interface Emitter extends Signer {
  /** Lines of the trust file that name it as an emitter. */
  readonly named: readonly TrustLine[];
  readonly history: readonly Episode[];
  /** True if an omitted entry may revoke the key. */
  readonly isRevocable: boolean;
}

/** A key that vouches for others: an issuer, a log, or a witness. */
export interface Voucher {
  readonly role: "issuer" | "log" | "witness";
  readonly name: string;
  /** Key ID: 8 hex characters. */
  readonly id: string;
  readonly vkey: string | undefined;
  readonly named: readonly TrustLine[];
  /** Number of its valid and invalid signatures on checkpoints, or for an issuer on key notes. */
  readonly valid: number;
  readonly invalid: number;
  /** Latest time of a cosignature. */
  readonly last: string | undefined;
  readonly history: readonly Episode[];
  /** True if the trust file revokes the key. */
  readonly revoked: boolean;
}

/** Returns the keys that sign the export's chains, with their history. */
export function emitters(
  { signers, finding_counts }: Pick<Report, "signers" | "finding_counts">,
  { notes }: Marks,
  trust: string,
): readonly Emitter[] {
  const lines = trustLines(trust);
  // If the core reports this, it does so for each chain whose key isn't in the trust file (SPEC section 9.3).
  const isUnseen = (finding_counts["key.unseen"] ?? 0) > 0;
  return signers.map((signer) => ({
    ...signer,
    named: lines.filter(({ kind, vkey }) => kind === "emitter" && vkey === signer.vkey),
    history: history(signer.vkey, notes, lines),
    isRevocable: isUnseen && signer.trust === "granted",
  }));
}

/** Returns the keys of the trust file that vouch for emitters and for the log. */
export function vouchers({ notes, checkpoints }: Marks, trust: string): readonly Voucher[] {
  const lines = trustLines(trust);
  const found = new Map<string, Voucher>();
  for (const line of lines) {
    const { kind, vkey, name, id } = line;
    if (kind !== "issuer" && kind !== "log" && kind !== "witness") continue;
    const known = found.get(`${kind} ${vkey}`);
    const { valid, invalid, last } =
      kind === "issuer" ? signedNotes(vkey, notes) : signedCheckpoints(name, id, checkpoints);
    const named = [...(known?.named ?? []), line];
    const past = kind === "issuer" ? history(vkey, notes, lines) : [];
    // The log's statements about an issuer's key concern chains that it signs, not its grants.
    const revoked = past.some(({ trustLine }) => trustLine !== undefined);
    const facts = { valid, invalid, last, history: past, revoked };
    found.set(`${kind} ${vkey}`, { role: kind, name, id, vkey, named, ...facts });
  }
  return [...found.values()];
}

function history(vkey: string, notes: Marks["notes"], lines: readonly TrustLine[]): readonly Episode[] {
  const inLog = notes.flatMap(({ statements, acts, index, line, signers }) =>
    statements
      .filter((statement) => statement.vkey === vkey)
      .map((statement) => ({
        kind: statement.kind,
        from: statement.kind === "grant" ? statement.from : statement.since,
        until: statement.kind === "grant" ? statement.until : null,
        acts,
        place: { index, line },
        by: signers,
        trustLine: undefined,
      })),
  );
  const inTrust = lines
    .filter(({ kind, vkey: named }) => kind === "revoke" && named === vkey)
    .map(({ line, since }) => ({
      kind: "revoke" as const,
      from: since ?? null,
      until: null,
      acts: true,
      place: undefined,
      by: [],
      trustLine: line,
    }));
  return [...inLog, ...inTrust];
}

function signedNotes(vkey: string, notes: Marks["notes"]) {
  const valid = notes.filter(({ acts, signers }) => acts && signers.includes(vkey)).length;
  return { valid, invalid: 0, last: undefined };
}

function signedCheckpoints(name: string, id: string, checkpoints: Marks["checkpoints"]) {
  const signatures = checkpoints.flatMap(({ signatures }) =>
    signatures.filter((one) => one.by !== "unknown" && one.name === name && one.id === id),
  );
  const times = signatures.flatMap(({ valid, time }) => (valid === true && time !== null ? [time] : []));
  return {
    valid: signatures.filter(({ valid }) => valid === true).length,
    invalid: signatures.filter(({ valid }) => valid === false).length,
    last: times.sort().at(-1),
  };
}
