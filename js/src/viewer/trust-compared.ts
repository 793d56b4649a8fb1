/** Compares the keys of a trust file with the keys that signed, so that a wrong trust file doesn't read like none. */

import { html, nothing, type TemplateResult } from "lit";
import type { Report } from "../report.js";
import { clip, visible } from "./format.js";
import { icon } from "./icons.js";
import type { Marks } from "./ledger.js";
import type { Texts } from "./texts/texts.js";
import { keyParts, trustLines } from "./trust-lines.js";
import { value } from "./value.js";

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

/** The number of keys that a list shows. */
const MAX_LISTED = 12;
/** The number of names that a sentence has. */
const MAX_NAMED = 3;

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
    return { role: "emitter", name, id, matches: trust !== "unknown" };
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

/**
 * Returns the comparison in two sentences; nothing if the trust file vouches for all that signed. If `isBrief`, the names are
 * left to the table where no key signed.
 */
export function comparedWords(
  compared: TrustCompared | undefined,
  { lang, trust, figures }: Texts,
  isBrief = false,
): string {
  if (compared === undefined || compared.result === "all") {
    return "";
  }
  const { given, signed, isLive } = compared;
  const file = fileName(compared, trust.yours);
  const names = (keys: readonly ComparedKey[]) => listed(keys, lang, (more) => trust.more(figures.count(more)));
  const unknown = signed.filter(({ matches }) => !matches);
  if (given.length === 0) {
    return trust.noKey(file);
  }
  if (compared.result === "some") {
    return trust.some(file, names(unknown));
  }
  const here = isLive ? trust.thisLog : trust.thisFile;
  const none = given.length === 1 ? trust.noneOfOne(file, here) : trust.noneOf(figures.count(given.length), file, here);
  return isBrief ? none : `${none} ${(isLive ? trust.whoseLog : trust.whoseFile)(names(given), names(unknown))}`;
}

/** Returns what to do if no key of the trust file signed, or not all signers are among its keys. */
export function comparedNext(compared: TrustCompared | undefined, { trust }: Texts): string {
  if (compared === undefined || compared.result === "all") {
    return "";
  }
  return compared.result === "none" ? trust.nextOfNone : trust.nextOfSome;
}

/** Returns both lists of keys beside each other; nothing if the trust file vouches for all that signed. */
export function comparedView(compared: TrustCompared | undefined, texts: Texts): TemplateResult | typeof nothing {
  if (compared === undefined || compared.result === "all") {
    return nothing;
  }
  const { trust } = texts;
  const { given, signed } = compared;
  const file = compared.file === undefined ? trust.yours : value(compared.file, 80);
  return html`
    <div class="trust-compared" data-trust=${compared.result}>
      ${keysView(html`${trust.keysIn} ${file}`, given, trust.didSign, trust.didNotSign, texts)}
      ${keysView(html`${trust.keysThatSigned}`, signed, trust.vouched, trust.notVouched, texts)}
    </div>
  `;
}

function keysView(
  caption: TemplateResult,
  keys: readonly ComparedKey[],
  yes: string,
  no: string,
  { trust, figures }: Texts,
): TemplateResult {
  const left = keys.length - MAX_LISTED;
  return html`
    <table class="trust-keys">
      <caption>${caption}</caption>
      <thead><tr><th scope="col">${trust.name}</th><th scope="col">${trust.id}</th><th scope="col">${trust.state}</th></tr></thead>
      <tbody>
        ${keys.slice(0, MAX_LISTED).map(
          ({ role, name, id, matches }) => html`
            <tr data-matches=${matches}>
              <th scope="row">${value(name, 80)} <span class="faint">${trust.roles[role]}</span></th>
              <td><code>${value(id, 8)}</code></td>
              <td><span class="state tone-${matches ? "good" : "doubt"}">${icon(matches ? "pass" : "unconfirmed")}${matches ? yes : no}</span></td>
            </tr>`,
        )}
        ${keys.length === 0 ? html`<tr><td colspan="3">${trust.noneListed}</td></tr>` : nothing}
        ${left > 0 ? html`<tr><td colspan="3">${trust.more(figures.count(left))}</td></tr>` : nothing}
      </tbody>
    </table>
  `;
}

/** The name of the trust file as a sentence has it. */
export function fileName({ file }: Pick<TrustCompared, "file">, yours: string): string {
  return file === undefined || file === "" ? yours : shown(file);
}

/** Names that others chose, each once. */
function listed(keys: readonly ComparedKey[], lang: string, others: (more: number) => string): string {
  const names = [...new Set(keys.map(({ name }) => name))];
  const left = names.length - MAX_NAMED;
  const named = names.slice(0, left === 1 ? names.length : MAX_NAMED).map(shown);
  return new Intl.ListFormat(lang, { type: "conjunction" }).format(left > 1 ? [...named, others(left)] : named);
}

const LATIN = /^[\p{ASCII}\p{Script=Latin}\p{M}…]*$/u;

/** A text that others chose within a sentence: what can't be seen is named, and its direction stays its own. */
function shown(text: string): string {
  const seen = visible(clip(text, 80))
    .map(({ text }) => text)
    .join("");
  return LATIN.test(seen) ? seen : `\u2068${seen}\u2069`;
}
