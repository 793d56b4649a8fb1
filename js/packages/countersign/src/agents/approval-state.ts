/**
 * The signed states of questions about calls, for protocols whose servers keep no state: the answer comes back with the
 * state. A state is valid for one call, by one caller, until it expires, and once.
 */

import { canonical } from "../canonical.js";
import { hashOf } from "./content.js";
import type { ApprovalOptions, ApprovalRequest } from "./options.js";

/** Milliseconds that IDs are remembered after their states have expired, so that clocks may differ. */
const MEMORY_MARGIN_MS = 300_000;

/** A state's content. */
interface ApprovalState {
  readonly id: string;
  /** When it expires, in milliseconds since the epoch. */
  readonly until: number;
  /** The call that it is about. */
  readonly call: string;
  /** The parts of the request that the question displaced. */
  readonly displaced: unknown;
}

/** Issues and redeems states. */
export class ApprovalStates {
  readonly #options: ApprovalOptions;
  #key: Promise<CryptoKey> | undefined;

  constructor(options: ApprovalOptions = inThisProcess()) {
    this.#options = options;
  }

  /** Returns the state of a question about a call. */
  async issue(request: ApprovalRequest, displaced: unknown, validMs: number): Promise<string> {
    const state: ApprovalState = {
      id: crypto.randomUUID(),
      until: Date.now() + validMs,
      call: await callOf(request),
      displaced,
    };
    const content = toBase64Url(encoder.encode(JSON.stringify(state)));
    const signature = await crypto.subtle.sign("HMAC", await this.#hmac(), encoder.encode(content));
    return `${content}.${toBase64Url(new Uint8Array(signature))}`;
  }

  /** Returns a state that this server issued; undefined for any other value. It may be of another call, or expired. */
  async read(state: unknown): Promise<ApprovalState | undefined> {
    const [content = "", signature = "", ...rest] = typeof state === "string" ? state.split(".") : [];
    if (signature === "" || rest.length > 0) {
      return undefined;
    }
    try {
      const isOurs = await crypto.subtle.verify(
        "HMAC",
        await this.#hmac(),
        fromBase64Url(signature),
        encoder.encode(content),
      );
      return isOurs ? JSON.parse(new TextDecoder().decode(fromBase64Url(content))) : undefined;
    } catch {
      return undefined;
    }
  }

  /** True if the state is valid for this call. It isn't a second time. */
  async redeem({ id, until, call }: ApprovalState, request: ApprovalRequest): Promise<boolean> {
    const isValid = Date.now() < until && call === (await callOf(request));
    const isNew = isValid && Boolean(await this.#options.once(id, new Date(until + MEMORY_MARGIN_MS)));
    // The ID may be forgotten after the margin, however long the checks above took.
    return isNew && Date.now() < until;
  }

  #hmac(): Promise<CryptoKey> {
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    this.#key ??= crypto.subtle.importKey("raw", encoder.encode(this.#options.key), algorithm, false, [
      "sign",
      "verify",
    ]);
    return this.#key;
  }
}

const encoder = new TextEncoder();

let own: ApprovalOptions | undefined;

/** Returns the options of servers in one process. They are shared, because some programs create a server per request. */
function inThisProcess(): ApprovalOptions {
  // Workers have no random numbers before the first request.
  own ??= { key: crypto.randomUUID() + crypto.randomUUID(), once: onceHere() };
  return own;
}

function onceHere(): ApprovalOptions["once"] {
  const ids = new Map<string, number>();
  return (id, until) => {
    const now = Date.now();
    for (const [old, end] of ids) {
      if (end <= now) {
        ids.delete(old);
      }
    }
    const isNew = !ids.has(id);
    ids.set(id, until.getTime());
    return isNew;
  };
}

/** Returns the call as text: the tool, the hash of its arguments, and who makes it for whom. */
async function callOf({ action, target, arguments: input, actor, onBehalfOf }: ApprovalRequest): Promise<string> {
  const sha256 = await hashOf(input ?? null);
  const caller = { actor: actor?.id, session: actor?.session, person: onBehalfOf?.id };
  return canonical(JSON.parse(JSON.stringify({ action, target, sha256, ...caller })));
}

function toBase64Url(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
