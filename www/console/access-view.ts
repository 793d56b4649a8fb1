import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { html, nothing, type TemplateResult } from "lit";
import { emit, emits } from "../src/emit.ts";
import { picker } from "../src/input/choose.ts";
import { memoryView } from "../src/input/remembered.ts";
import { account, keyParts, LINE_KINDS, type SessionKey, type TrustChoice } from "../src/input/trust.ts";
import type { Memory } from "../src/state/memory.ts";
import type { Reader, SignInState } from "./reader.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import { refusalView } from "./words.ts";

/** Renders the form for the reader's identity and trust. Once a token is accepted, a line replaces it. */
export function accessView(
  reader: Reader,
  memory: Memory,
  verified: readonly Session[],
  t: ConsoleTexts,
): TemplateResult {
  const { signInState, trust, isOpen } = reader;
  return html`
    <section aria-labelledby="access-heading"><details
      class="panel access"
      ?open=${isOpen}
      @toggle=${({ target, currentTarget }: Event) => {
        if (target === currentTarget && target instanceof HTMLDetailsElement)
          emit(target, "open-access", target.open);
      }}
    >
      <summary>
        <h2 id="access-heading">${t.access.heading}</h2>
        <span class="access-states">
          ${signInView(signInState, t)}
          ${trustView(trust, verified, t)}
        </span>
      </summary>
      <div class="access-parts">
        ${tokenPart(reader, t)}
        ${trustPart(reader, memory, t)}
      </div>
    </details></section>
  `;
}

function signInView(signInState: SignInState, t: ConsoleTexts): TemplateResult {
  switch (signInState) {
    case "accepted":
      return html`<span class="state tone-good" data-sign-in="accepted">${icon("pass")}${t.access.accepted}</span>`;
    case "asking":
      return html`<span class="state tone-faint">${icon("waiting")}${t.access.checking}</span>`;
    case "refused":
      return html`<span class="state tone-bad">${icon("fail")}${t.access.refused}</span>`;
    case "none":
      return html`<span class="state tone-doubt">${icon("key")}${t.access.none}</span>`;
  }
}

/** Renders the trusted keys; in green only if they vouch for everything that was verified. */
function trustView(trust: TrustChoice, verified: readonly Session[], t: ConsoleTexts): TemplateResult {
  const words = trustWords(trust, t);
  if (!hasTrust(trust))
    return html`<span class="state tone-doubt" data-trust="missing">${icon("untrusted")}${words}</span>`;
  const results = verified.flatMap(({ compared }) => compared?.result ?? []);
  const result = (["none", "some", "all"] as const).find((one) => results.includes(one));
  switch (result) {
    case "none":
      return html`<span class="state tone-bad" data-trust="none">${icon("warning")}<span>${words}: ${t.access.trustNone}</span></span>`;
    case "some":
      return html`<span class="state tone-doubt" data-trust="some">${icon("untrusted")}<span>${words}: ${t.access.trustSome}</span></span>`;
    case "all":
      return html`<span class="state tone-good" data-trust="all">${icon("key")}${words}</span>`;
    case undefined:
      return html`<span class="state tone-faint" data-trust="unused">${icon("key")}${words}</span>`;
  }
}

function hasTrust({ file, keys }: TrustChoice): boolean {
  return file !== undefined || keys.length > 0;
}

function trustWords({ file, keys }: TrustChoice, t: ConsoleTexts): TemplateResult | string {
  if (file !== undefined) return value(file.name, 60);
  const [key] = keys;
  return key === undefined ? t.access.withoutTrust : value(keyParts(key.vkey)?.name ?? key.vkey, 60);
}

function signInPart(
  { issuer, signInState, isLeaving, signInFailed }: Reader,
  t: ConsoleTexts,
): TemplateResult | typeof nothing {
  if (issuer === undefined) return nothing;
  const { host } = new URL(issuer.issuer);
  return html`
    <div class="sign-in-part">
      <p class="help">${t.access.signInHelp(value(host, 100))}</p>
      <div class="buttons">
        <button type="button" class="primary" ?disabled=${isLeaving || signInState === "asking"} @click=${emits("sign-in")}>${t.access.signIn(value(host, 60))}</button>
      </div>
      ${signInFailed === undefined ? nothing : html`<p class="complaint" role="alert" data-sign-in="failed">${t.access.signInFailed} <span class="help" lang="en">${value(signInFailed, 300)}</span></p>`}
      <p class="help">${t.access.orToken}</p>
    </div>
  `;
}

function tokenPart(reader: Reader, t: ConsoleTexts): TemplateResult {
  const { issuer, signInState, refusal, isKept, complaint } = reader;
  const isWrong = complaint?.field === "token";
  return html`
    <form class="token-part" @submit=${use} novalidate>
      ${signInPart(reader, t)}
      <label for="token">${t.access.token}</label>
      <input
        id="token"
        name="token"
        type="password"
        class="mono"
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        aria-describedby="token-help token-complaint"
        aria-invalid=${isWrong || signInState === "refused" ? "true" : nothing}
      />
      <p id="token-help" class="help">${t.access.tokenHelp}</p>
      ${isSecureContext ? nothing : html`<p class="plain tone-doubt">${icon("warning")}<span>${t.access.plain}</span></p>`}
      <label class="choice">
        <input type="checkbox" name="keep" .checked=${isKept} @change=${(event: Event) => emit(event.currentTarget, "keep-access", (event.currentTarget as HTMLInputElement).checked)} />
        <span>${t.access.keep}</span>
      </label>
      ${reader.isUnkept ? html`<p class="help">${t.access.unkept}</p>` : nothing}
      <p id="token-complaint" class="complaint" role="alert">${isWrong ? t.access[complaint.says] : nothing}</p>
      <div class="buttons">
        <button type="submit" class=${issuer === undefined ? "primary" : nothing} ?disabled=${signInState === "asking"}>${t.access.use}</button>
        ${signInState === "accepted" ? html`<button type="button" @click=${emits("leave")}>${t.access.leave}</button>` : nothing}
      </div>
      ${refusal === undefined ? nothing : refusalView(refusal, t)}
    </form>
  `;
}

function use(event: SubmitEvent): void {
  event.preventDefault();
  const form = event.currentTarget as HTMLFormElement;
  emit(form, "use-token", String(new FormData(form).get("token") ?? "").trim());
}

function trustPart(reader: Reader, memory: Memory, t: ConsoleTexts): TemplateResult {
  const { trust, complaint } = reader;
  const isWrong = complaint?.field === "trust";
  const usePasted = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = String(new FormData(form).get("pasted") ?? "").trim();
    if (reader.takeTrustText(t.access.pastedName, `${text}\n`)) form.reset();
  };
  return html`
    <div class="trust-part">
      <h3>${t.access.trust}</h3>
      <p class="help">${t.access.trustHelp}</p>
      <ul class="chosen-list">
        ${
          trust.file === undefined
            ? nothing
            : html`<li>
              ${icon("key")}<span>${value(trust.file.name)} <span class="faint">${accountOf(trust.file.text, t)}</span></span>
              <button type="button" class="quiet" @click=${emits("remove-trust")}>${t.access.remove}<span class="sr"> ${trust.file.name}</span></button>
            </li>`
        }
        ${trust.keys.map((key) => keyView(key, t))}
      </ul>
      ${hasTrust(trust) ? nothing : html`<p class="tone-doubt no-trust">${icon("untrusted")}<span>${t.access.noTrust}</span></p>`}
      <div class="buttons">${picker(trust.file === undefined ? t.access.choose : t.access.another, "choose-trust", {})}</div>
      <p id="trust-complaint" class="complaint" role="alert">${isWrong ? t.access[complaint.says] : nothing}</p>
      <details class="paste">
        <summary>${t.access.paste}</summary>
        <form @submit=${usePasted} novalidate>
          <label for="pasted">${t.access.pasteLabel}</label>
          <textarea id="pasted" name="pasted" class="mono" rows="4" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="trust-complaint" aria-invalid=${isWrong ? "true" : nothing}></textarea>
          <button type="submit">${t.access.usePasted}</button>
        </form>
      </details>
      ${memoryView(memory, t.page)}
    </div>
  `;
}

function keyView(key: SessionKey, t: ConsoleTexts): TemplateResult {
  const parts = keyParts(key.vkey);
  const { trust } = t.page;
  return html`
    <li>
      ${icon("key")}<span>${value(parts?.name ?? key.vkey)} <code>${parts?.id}</code> <span class="faint">${trust.account[key.kind]}, ${trust.forSession}</span></span>
      <button type="button" class="quiet" @click=${emits("remove-key", key)}>${t.access.remove}<span class="sr"> ${parts?.name}</span></button>
    </li>
  `;
}

/** Returns the number of keys, such as `1 log, 2 emitters`. */
function accountOf(text: string, t: ConsoleTexts): string {
  const counts = account(text);
  const { trust } = t.page;
  const parts = LINE_KINDS.filter((kind) => counts[kind] > 0).map(
    (kind) =>
      `${t.viewer.figures.count(counts[kind])} ${(counts[kind] === 1 ? trust.account : trust.accounts)[kind]}`,
  );
  return parts.join(", ") || trust.noKey;
}
