/** The comparison of a trust file's keys with those that signed, in words and in tables. */

import { html, nothing, type TemplateResult } from "lit";
import { inSentence } from "../parts/format.js";
import { icon } from "../parts/icons.js";
import { value } from "../parts/value.js";
import type { ComparedKey, TrustCompared } from "../session/trust-compared.js";
import type { Texts } from "../texts/texts.js";

/** Maximum number of keys in a list. */
const MAX_LISTED = 12;
/** Maximum number of names in a sentence. */
const MAX_NAMED = 3;

/**
 * Returns the comparison in two sentences; empty if the trust file vouches for all that signed. With `isBrief`, the
 * names are left to the table if no key signed.
 */
export function comparedWords(compared: TrustCompared | undefined, texts: Texts, isBrief = false): string {
  if (compared === undefined || compared.result === "all") {
    return "";
  }
  const { trust } = texts;
  const { given, result } = compared;
  const words = sentence(compared, texts, trust);
  return given.length === 0 || (isBrief && result === "none") ? words : `${words} ${comparedNames(compared, texts)}`;
}

/** Returns the headline of a verdict that rests on the comparison alone, so that a wrong trust file has its own. */
export function comparedHeadline(compared: TrustCompared, texts: Texts): string {
  return sentence(compared, texts, texts.trust.unchanged);
}

/** Returns the names that the headline leaves out; empty if the trust file names no key. */
export function comparedNames(compared: TrustCompared, { lang, trust, figures }: Texts): string {
  const { given, signed, isLive, result } = compared;
  if (given.length === 0) {
    return "";
  }
  const shared = sharedNames(compared);
  const names = (keys: readonly ComparedKey[]) => listed(keys, shared, lang, (more) => trust.more(figures.count(more)));
  const unknown = names(signed.filter(({ matches }) => !matches));
  return result === "some"
    ? trust.someNames(unknown)
    : (isLive ? trust.whoseLog : trust.whoseFile)({ given: names(given), signed: unknown });
}

/** Returns the comparison without names. */
function sentence(
  compared: TrustCompared,
  { trust, figures }: Texts,
  words: Pick<Texts["trust"], "noKey" | "some" | "noneOf" | "noneOfOne">,
): string {
  const { given, isLive, result } = compared;
  const file = fileName(compared, trust.yours);
  const here = isLive ? trust.thisLog : trust.thisFile;
  // A key may be on several lines, such as that of a log which signs events about itself.
  const keys = new Set(given.map(({ name, id }) => `${name} ${id}`)).size;
  const text =
    keys === 0
      ? words.noKey(file)
      : result === "some"
        ? words.some(file)
        : keys === 1
          ? words.noneOfOne({ file, what: here })
          : words.noneOf({ count: figures.count(keys), file, what: here });
  return text.startsWith(trust.yours) ? text.replace(/^./u, (letter) => letter.toUpperCase()) : text;
}

/** Returns what to do if no key of the trust file signed, or if it doesn't vouch for all signers. */
export function comparedNext(compared: TrustCompared | undefined, { trust }: Texts): string {
  if (compared === undefined || compared.result === "all") {
    return "";
  }
  const next = compared.result === "none" ? trust.nextOfNone : trust.nextOfSome;
  return sharedNames(compared).size === 0 ? next : `${next} ${trust.nextOfSameName}`;
}

/** Renders both lists of keys side by side; nothing if the trust file vouches for all that signed. */
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
              <td><span class="state tone-${matches ? "good" : "doubt"}">${icon(matches ? "pass" : "untrusted")}${matches ? yes : no}</span></td>
            </tr>`,
        )}
        ${keys.length === 0 ? html`<tr><td colspan="3">${trust.noneListed}</td></tr>` : nothing}
        ${left > 0 ? html`<tr><td colspan="3">${trust.more(figures.count(left))}</td></tr>` : nothing}
      </tbody>
    </table>
  `;
}

/** Returns the name of the trust file for use in a sentence. */
export function fileName({ file }: Pick<TrustCompared, "file">, yours: string): string {
  return file === undefined || file === "" ? yours : inSentence(file);
}

/** Returns the names of untrusted keys that keys of the trust file have, too. Only the key IDs tell them apart. */
function sharedNames({ given, signed }: TrustCompared): ReadonlySet<string> {
  const names = new Set(given.filter(({ matches }) => !matches).map(({ name }) => name));
  return new Set(signed.filter(({ name, matches }) => !matches && names.has(name)).map(({ name }) => name));
}

/** Returns a list of untrusted names, each once, with key IDs for shared names. */
function listed(
  keys: readonly ComparedKey[],
  shared: ReadonlySet<string>,
  lang: string,
  others: (more: number) => string,
): string {
  const names = [
    ...new Set(keys.map(({ name, id }) => (shared.has(name) ? `${inSentence(name)} (${id})` : inSentence(name)))),
  ];
  const left = names.length - MAX_NAMED;
  const named = names.slice(0, left === 1 ? names.length : MAX_NAMED);
  return new Intl.ListFormat(lang, { type: "conjunction" }).format(left > 1 ? [...named, others(left)] : named);
}
