/** The comparison of a trust file's keys with those that signed, in words and in tables. */

import { html, nothing, type TemplateResult } from "lit";
import { clip, visible } from "../parts/format.js";
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

/** Returns what to do if no key of the trust file signed, or if it doesn't vouch for all signers. */
export function comparedNext(compared: TrustCompared | undefined, { trust }: Texts): string {
  if (compared === undefined || compared.result === "all") {
    return "";
  }
  return compared.result === "none" ? trust.nextOfNone : trust.nextOfSome;
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
  return file === undefined || file === "" ? yours : shown(file);
}

/** Returns a list of untrusted names, each once. */
function listed(keys: readonly ComparedKey[], lang: string, others: (more: number) => string): string {
  const names = [...new Set(keys.map(({ name }) => name))];
  const left = names.length - MAX_NAMED;
  const named = names.slice(0, left === 1 ? names.length : MAX_NAMED).map(shown);
  return new Intl.ListFormat(lang, { type: "conjunction" }).format(left > 1 ? [...named, others(left)] : named);
}

const LATIN = /^[\p{ASCII}\p{Script=Latin}\p{M}…]*$/u;

/** Returns an untrusted text for use in a sentence: invisible characters are named, and its direction is isolated. */
function shown(text: string): string {
  const seen = visible(clip(text, 80))
    .map(({ text }) => text)
    .join("");
  return LATIN.test(seen) ? seen : `\u2068${seen}\u2069`;
}
