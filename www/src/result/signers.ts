import { icon, SIGNER_LOOKS } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
import { html, nothing, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import { keyParts, type SessionKey, type TrustChoice, trustText } from "../input/trust.ts";
import { phoneView } from "../phrase.ts";
import type { Part } from "../state/case.ts";
import { type Emitter, type Episode, emitters, type Voucher, vouchers } from "../state/signers.ts";
import type { PageTexts } from "../texts/en.ts";

/** Maximum number of signers shown. */
const MAX_SHOWN = 100;

const VOUCHING = ["log", "witness", "issuer"] as const;

/** Renders each key: its fingerprint, its role, the source of its trust, and its history. */
export function signersView(
  { session }: Part,
  report: Report,
  trust: TrustChoice,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (!session) return nothing;
  const text = trustText(trust) ?? "";
  const signing = emitters(report, session.marks, text);
  const vouching = vouchers(session.marks, text);
  return html`
    <section aria-labelledby="signers-heading">
      <h2 id="signers-heading">${t.signers.heading}</h2>
      ${signing.length === 0 ? html`<p class="empty">${t.signers.none}</p>` : nothing}
      <ul class="signers">
        ${signing.slice(0, MAX_SHOWN).map((signer) => emitterView(signer, trust, t))}
      </ul>
      ${signing.length > MAX_SHOWN ? html`<p class="faint">${t.signers.more(signing.length - MAX_SHOWN)}</p>` : nothing}
      ${vouching.length === 0 ? nothing : vouchersView(vouching, report, trust, t)}
    </section>
  `;
}

/** Renders the keys that vouch for the signers, folded unless one of them is a problem. */
function vouchersView(
  vouching: readonly Voucher[],
  { checks }: Report,
  trust: TrustChoice,
  t: PageTexts,
): TemplateResult {
  const isTheMatter =
    checks.log.state === "fail" ||
    checks.witnesses.state === "fail" ||
    vouching.some(({ invalid, revoked }) => invalid > 0 || revoked);
  return html`
    <details class="vouching" ?open=${isTheMatter}>
      <summary>
        <h3 id="vouchers-heading">${t.signers.others}</h3>
        <span class="faint">${tally(vouching, t)}</span>
      </summary>
      <ul class="vouchers" aria-labelledby="vouchers-heading">${vouching.slice(0, MAX_SHOWN).map((voucher) => voucherView(voucher, trust, t))}</ul>
      ${vouching.length > MAX_SHOWN ? html`<p class="faint">${t.coverage.more(vouching.length - MAX_SHOWN)}</p>` : nothing}
    </details>
  `;
}

/** Returns the number of keys, such as `1 log, 3 witnesses, 2 issuers`. */
function tally(vouching: readonly Voucher[], t: PageTexts): string {
  return VOUCHING.flatMap((role) => {
    const count = vouching.filter((voucher) => voucher.role === role).length;
    return count === 0
      ? []
      : [`${t.viewer.figures.count(count)} ${(count === 1 ? t.trust.account : t.trust.accounts)[role]}`];
  }).join(", ");
}

function emitterView(signer: Emitter, trust: TrustChoice, t: PageTexts): TemplateResult {
  const look = SIGNER_LOOKS[signer.trust];
  const words = t.viewer.result.signers[signer.trust];
  const parts = keyParts(signer.vkey);
  const forSession = isForSession(trust.keys, "emitter", signer.vkey) && signer.trust === "trust_file";
  return html`
    <li data-trust=${signer.trust}>
      <div class="signer-head">
        <h3>${value(parts?.name ?? signer.vkey)}</h3>
        <span class="role">${t.signers.roles.emitter}</span>
        <span class="state tone-${look.tone}">${icon(look.icon)}${words.word}</span>
      </div>
      <p>${forSession ? t.signers.session : words.why}</p>
      ${signer.isRevocable ? html`<p class="revocable">${t.signers.revocable}</p>` : nothing}
      <dl class="facts">
        <div class="wide"><dt>${t.signers.idAndVkey}</dt><dd>${vkeyView(signer.vkey, parts?.id)}</dd></div>
        <div><dt>${t.signers.from}</dt><dd>${sourceView(signer, trust, t)}</dd></div>
        <div><dt>${t.signers.signed}</dt><dd>${t.signers.chainsLinks(t.viewer.figures.chains(signer.chains), signer.links)}</dd></div>
        <div>
          <dt>${t.signers.clock}</dt>
          <dd>${moment(signer.first)} ${t.signers.to} ${moment(signer.last)}</dd>
        </div>
        ${historyView(signer.history, t)}
      </dl>
      ${phoneView(signer.vkey, signer.vkey, t)}
      ${
        signer.trust === "untrusted"
          ? html`<button type="button" @click=${emits("trust-signer", signer.vkey)}>${t.signers.trustIt} <span class="sr">${parts?.name}</span></button>`
          : nothing
      }
    </li>
  `;
}

function voucherView(voucher: Voucher, trust: TrustChoice, t: PageTexts): TemplateResult {
  const { role, name, id, vkey, valid, invalid, last, revoked } = voucher;
  const basis = revoked ? "revoked" : "trust_file";
  return html`
    <li data-role=${role}>
      <div class="signer-head">
        <h4>${value(name)}</h4>
        <span class="role">${t.signers.roles[role]}</span>
        <span class="state tone-${SIGNER_LOOKS[basis].tone}">${icon(revoked ? "fail" : "key")}${t.viewer.result.signers[basis].word}</span>
      </div>
      <dl class="facts">
        <div class="wide"><dt>${t.signers.idAndVkey}</dt><dd>${vkeyView(vkey ?? "", id)}</dd></div>
        <div><dt>${t.signers.from}</dt><dd>${lineView(voucher, trust, t)}</dd></div>
        <div>
          <dt>${t.signers.signed}</dt>
          <dd>
            ${valid + invalid === 0 ? html`<span class="faint">${t.signers.unseen}</span>` : role === "issuer" ? t.signers.signedNotes(valid) : t.signers.signedCheckpoints(valid)}${invalid > 0 ? html`, <span class="tone-bad">${t.signers.invalidCheckpoints(invalid)}</span>` : nothing}
          </dd>
        </div>
        ${last === undefined ? nothing : html`<div><dt>${t.signers.lastCosigned}</dt><dd>${moment(last)}</dd></div>`}
        ${historyView(voucher.history, t)}
      </dl>
    </li>
  `;
}

function vkeyView(vkey: string, id: string | undefined): TemplateResult {
  return html`<code class="key-id">${id}</code> <code class="vkey">${value(vkey, 2000)}</code>`;
}

function isForSession(keys: readonly SessionKey[], kind: string, vkey: string): boolean {
  return keys.some((key) => key.kind === kind && key.vkey === vkey);
}

/** Renders the source of the trust in a signer. */
function sourceView(signer: Emitter, trust: TrustChoice, t: PageTexts): TemplateResult | string {
  if (signer.named.length > 0) return lineView({ ...signer, role: "emitter" }, trust, t);
  const grants = signer.history.filter(({ kind, acts }) => kind === "grant" && acts);
  if (signer.trust === "untrusted" || grants.length === 0) return t.signers.nowhere;
  const by = [...new Set(grants.flatMap((grant) => grant.by))];
  return html`${t.signers.grantedBy} ${names(by)}`;
}

function lineView(
  { role, vkey, named }: Pick<Voucher, "vkey" | "named"> & { readonly role: string },
  { keys, file }: TrustChoice,
  t: PageTexts,
): TemplateResult | string {
  if (isForSession(keys, role, vkey ?? "")) return t.signers.forSession;
  const [line] = named;
  return line === undefined
    ? t.signers.nowhere
    : html`${t.signers.trustFile(line.line)}${file ? html` <span class="faint">${value(file.name)}</span>` : nothing}`;
}

function names(vkeys: readonly string[]): TemplateResult[] {
  return vkeys.map((vkey, place) => {
    const parts = keyParts(vkey);
    return html`${place > 0 ? ", " : nothing}${value(parts?.name ?? vkey)} <code>${parts?.id}</code>`;
  });
}

function historyView(history: readonly Episode[], t: PageTexts): TemplateResult | typeof nothing {
  if (history.length === 0) return nothing;
  return html`
    <div class="wide">
      <dt>${t.signers.history}</dt>
      <dd><ol class="history">${history.slice(0, MAX_SHOWN).map((episode) => episodeView(episode, t))}</ol></dd>
    </div>
  `;
}

function episodeView(
  { kind, from, until, acts, place, by, trustLine }: Episode,
  t: PageTexts,
): TemplateResult {
  const isGrant = kind === "grant";
  const bounds = isGrant
    ? html`${from === null ? nothing : html` ${t.signers.validFrom} ${moment(from)}`}${until === null ? nothing : html` ${t.signers.validUntil} ${moment(until)}`}${from === null && until === null ? html` ${t.signers.always}` : nothing}`
    : from === null
      ? nothing
      : html` ${t.signers.since} ${moment(from)}`;
  return html`
    <li>
      <span class="state tone-${isGrant ? "good" : "bad"}">${icon(isGrant ? "added" : "removed")}${isGrant ? t.signers.granted : t.signers.revoked}</span>${bounds}${by.length > 0 ? html` ${t.signers.by} ${names(by)}` : nothing}
      ${acts ? nothing : html`<strong class="tone-doubt">${t.signers.noEffect}</strong>`}
      <span class="faint">${place === undefined ? t.signers.inTrust(trustLine ?? 0) : t.signers.at(place.index, place.line)}</span>
    </li>
  `;
}
