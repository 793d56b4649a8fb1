/** Requests to a log server for parts of its log. */

import { readAtMost } from "../bytes.js";
import { type Fetch, isCleartextUrl, logServerUrl } from "../deliver/log-server.js";
import { CountersignError, must, refused } from "../error.js";
import { jsonOf, repeatable } from "../foreign.js";
import { own } from "../own.js";
import { reason } from "../reason.js";
import { type LogState, parseState } from "./checkpoint.js";

/** Maximum size of a checkpoint, a head, or an error, in bytes. */
const MAX_TEXT_BYTES = 64 << 10;

/** Sends a reader's requests to one log server. */
export class Pages {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #fetch: Fetch;

  constructor(url: unknown, token: unknown, given: unknown) {
    this.#url = logServerUrl(url, "url");
    must(
      token === undefined || (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)),
      "token",
      "`token` must be a reader's token",
      "pass the token that `countersign token add NAME` printed (check that the variable is set), or omit it",
    );
    must(
      given === undefined || typeof given === "function",
      "fetch",
      "`fetch` must be a function",
      "pass the binding's fetch: (url, init) => env.LOG.fetch(url, init)",
    );
    if (token !== undefined && given === undefined && isCleartextUrl(this.#url)) {
      throw refused("url", "the token would be sent unencrypted across a public network", "use an https:// URL");
    }
    this.#token = token;
    this.#fetch = (given as Fetch | undefined) ?? ((url, init) => fetch(url, init));
  }

  /** Returns the newest state of the log, as the server states it. */
  async state(signal: AbortSignal): Promise<LogState> {
    const checkpoint = await this.#request("/checkpoint", signal);
    // A tenant log has heads.
    const response = checkpoint.status === 404 ? await this.#request("/head", signal) : checkpoint;
    if (checkpoint.status === 404) {
      await checkpoint.body?.cancel().catch(() => {});
    }
    await this.#refuseFailed(response, signal);
    const bytes = await readAtMost(response.body, MAX_TEXT_BYTES).catch((cause) => {
      throw this.interrupted(cause, signal);
    });
    const state = parseState(new TextDecoder().decode(bytes));
    if (state === undefined) {
      throw new CountersignError("log_server.unexpected", `${this.#url}/checkpoint is not a checkpoint`, {
        hint: "check that `url` is the address of a log",
      });
    }
    return state;
  }

  /** Requests the entries from `from` up to, but not including, `to` that match the query. */
  async entries(
    from: number,
    to: number,
    query: string | undefined,
    boundary: number | undefined,
    signal: AbortSignal,
  ): Promise<Response> {
    const parameters = new URLSearchParams({ from: `${from}`, to: `${to}` });
    if (query !== undefined) {
      parameters.set("query", query);
    }
    if (boundary !== undefined) {
      parameters.set("boundary", `${boundary}`);
    }
    const response = await this.#request(`/export?${parameters}`, signal);
    await this.#refuseFailed(response, signal);
    return response;
  }

  /** Returns the error for an answer that ended early. Throws the signal's reason if that is why. */
  interrupted(cause: unknown, signal: AbortSignal): CountersignError {
    signal.throwIfAborted();
    return unreachable(`the connection to the log server at ${this.#url} was lost`, cause);
  }

  async #request(path: string, signal: AbortSignal): Promise<Response> {
    const headers = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    try {
      // A redirect could send the token elsewhere.
      return await this.#fetch(this.#url + path, own<RequestInit>({ headers, redirect: "manual", signal }));
    } catch (cause) {
      signal.throwIfAborted();
      throw unreachable(`the log server at ${this.#url} can't be reached`, cause);
    }
  }

  /** Throws unless the request succeeded. */
  async #refuseFailed(response: Response, signal: AbortSignal): Promise<void> {
    const { status, body } = response;
    if (status === 200) {
      return;
    }
    const text = await readAtMost(body, MAX_TEXT_BYTES).catch(() => undefined);
    signal.throwIfAborted();
    const { error } = Object(jsonOf(text && new TextDecoder().decode(text))) as { error?: unknown };
    const { code, message, hint } = Object(error) as { code?: unknown; message?: unknown; hint?: unknown };
    const said = repeatable(message);
    const what =
      said === undefined
        ? `the log server returned HTTP status ${status}`
        : `the log server refused the request: ${said} (${repeatable(code)})`;
    const isDenied = status === 401 || status === 403;
    const isBusy = status === 429 || status === 503;
    throw new CountersignError(isBusy ? "log_server.busy" : "log_server.unexpected", what, {
      hint:
        repeatable(hint) ??
        (isDenied
          ? "pass `token`: a reader's token from `countersign token add NAME`"
          : isBusy
            ? "continue later from the last position"
            : "check that `url` is the address of a log"),
    });
  }
}

function unreachable(what: string, cause: unknown): CountersignError {
  const why = reason(cause);
  return new CountersignError("log_server.unreachable", why === undefined ? what : `${what} (${why})`, {
    hint: "check the URL, its port, and that the log server is running",
    cause,
  });
}
