import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { generate } from "lean-qr";
import { html, nothing, type SVGTemplateResult, svg, type TemplateResult } from "lit";
import type { PageTexts } from "./texts/en.ts";
import { View } from "./view.ts";

/** Eight words of eleven bits are 88 bits, too many to find a second text with the same words. */
const WORDS = 8;
const BITS = 11;

/** A fingerprint that two people read to each other to find out whether they have the same text. */
export interface Phrase {
  readonly words: readonly string[];
  /** SHA-256, in hex. */
  readonly hash: string;
}

/**
 * Returns the fingerprint of a text. Its words are the first 88 bits of the hash, in the English list of
 * BIP-39.
 */
export function phraseOf(text: string): Phrase {
  const hash = sha256(new TextEncoder().encode(text));
  const bits = [...hash].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const words = Array.from({ length: WORDS }, (_, nth) => {
    const number = Number.parseInt(bits.slice(nth * BITS, (nth + 1) * BITS), 2);
    return wordlist[number] ?? "";
  });
  return { words, hash: bytesToHex(hash) };
}

/** A view to compare a key or trust file with its owner's: by words, by its hash, or by a QR code. */
export class Phone extends View {
  static override properties = {
    texts: { attribute: false },
    compared: { attribute: false },
    shown: { attribute: false },
  };
  declare texts: PageTexts;
  declare compared: string;
  /** Content of the QR code. Default: the hash of a longer text. */
  declare shown: string | undefined;
  #isOpen = false;

  protected override render(): TemplateResult {
    const t = this.texts;
    return html`
      <details class="phone" @toggle=${this.#toggled}>
        <summary>${t.phone.summary}</summary>
        ${this.#isOpen ? this.#body(t) : nothing}
      </details>
    `;
  }

  #body(t: PageTexts): TemplateResult {
    const { words, hash } = phraseOf(this.compared);
    return html`
      <div class="phone-body">
        <div>
          <p class="help">${t.phone.how}</p>
          <ol class="words" lang="en" aria-label=${t.phone.words}>${words.map((word) => html`<li>${word}</li>`)}</ol>
          <p class="help">${t.phone.hash}</p>
          <code class="hash">${hash}</code>
        </div>
        ${qrView(this.shown ?? `sha256:${hash}`, t)}
      </div>
    `;
  }

  readonly #toggled = (event: Event): void => {
    this.#isOpen = (event.currentTarget as HTMLDetailsElement).open;
    this.requestUpdate();
  };
}

/** Renders a `Phone` view. */
export function phoneView(compared: string, shown: string | undefined, t: PageTexts): TemplateResult {
  return html`<countersign-phone .texts=${t} .compared=${compared} .shown=${shown}></countersign-phone>`;
}

/** Width of the quiet zone around a QR code, in modules. */
const QUIET = 4;

function qrView(text: string, t: PageTexts): TemplateResult {
  const code = generate(text);
  const size = code.size + 2 * QUIET;
  return html`<svg class="qr" role="img" aria-label=${t.phone.qr} viewBox="0 0 ${size} ${size}">${darkView(code)}</svg>`;
}

function darkView(code: ReturnType<typeof generate>): SVGTemplateResult {
  const runs: string[] = [];
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) {
      if (code.get(x, y)) runs.push(`M${x + QUIET} ${y + QUIET}h1v1h-1z`);
    }
  }
  return svg`<path d=${runs.join("")} />`;
}
