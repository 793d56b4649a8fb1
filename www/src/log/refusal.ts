import { duration } from "../format.ts";

/** Why there is no export, for the reader. */
export interface Refusal {
  readonly title: string;
  /** What the reader can do. */
  readonly todo: string;
  /** What the log said of it. */
  readonly said: Said | undefined;
}

interface Said {
  readonly message: string;
  readonly hint: string | undefined;
  readonly code: string | undefined;
}

/** Longer answers than this are no error of a log. */
const LONGEST = 1 << 16;

/** What an answer that is no success means. */
export async function refusal(response: Response, hasToken: boolean): Promise<Refusal> {
  const said = await errorOf(response);
  const { status } = response;
  const after = waiting(response.headers.get("retry-after"));
  switch (status) {
    case 400:
      return { title: "The log cannot use what you ask for", todo: "Correct it and load again.", said };
    case 401:
      return hasToken
        ? {
            title: "The log does not know this token",
            todo: "Was it copied whole? It may also have been taken back: ask whoever runs the log for another.",
            said,
          }
        : { title: "The log asks for a token", todo: "Ask whoever runs the log for a reader’s token.", said };
    case 403:
      return {
        title: "This token may not read this",
        todo: "Ask whoever runs the log for a token that may read exports.",
        said,
      };
    case 404:
      return {
        title: "The log has nothing to export here",
        todo: "Check the conditions. Is this page open at the log’s own address?",
        said,
      };
    case 429:
      return { title: "The log has too much to do", todo: `Load again ${after}.`, said };
    case 503:
      return { title: "The log cannot answer now", todo: `Load again ${after}.`, said };
    default:
      return {
        title: `The log failed to answer (${status})`,
        todo: "Load again later. If it stays so, tell whoever runs the log.",
        said,
      };
  }
}

/** No answer came. */
export const UNREACHABLE: Refusal = {
  title: "The log did not answer",
  todo: "It may have been stopped, or the network is down. Load again later.",
  said: undefined,
};

/** What came is a web page. */
export const A_PAGE: Refusal = {
  title: "This is no export but a web page",
  todo: "Something between you and the log answered, such as a page to log in. Reload this page, then load again.",
  said: undefined,
};

/** The answer ended before its end. */
export function interrupted(shown: string): Refusal {
  return {
    title: "The export broke off",
    todo: `It ended after ${shown}, before it was whole, so it was not verified. Load again.`,
    said: undefined,
  };
}

/** When to come again, by a `Retry-After`. */
function waiting(header: string | null): string {
  const seconds = /^[0-9]{1,6}$/.test(header ?? "") ? Number(header) : 0;
  return seconds > 0 ? `in ${duration(seconds)}` : "in a moment";
}

async function errorOf(response: Response): Promise<Said | undefined> {
  try {
    const { error } = JSON.parse(await beginning(response)) as { error?: Record<string, unknown> };
    const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
    const message = text(error?.message);
    return message === undefined ? undefined : { message, hint: text(error?.hint), code: text(error?.code) };
  } catch {
    return undefined;
  }
}

/** The body, as far as it is read. */
async function beginning(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for (const reader = response.body?.getReader(); reader !== undefined; ) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    if (text.length <= LONGEST) continue;
    await reader.cancel();
    break;
  }
  return text;
}
