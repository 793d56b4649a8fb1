import { bytes as shownBytes } from "../format.ts";
import { A_PAGE, interrupted, type Refusal, refusal, UNREACHABLE } from "./refusal.ts";
import { fileName } from "./request.ts";

/** How much has come. */
export interface Arrived {
  readonly bytes: number;
  /** Since the first of them. */
  readonly seconds: number;
}

export interface Loading {
  /** Goes into the Authorization header and nowhere else; empty for none. */
  readonly token: string;
  readonly signal: AbortSignal;
  readonly onArrived: (arrived: Arrived) => void;
}

/** The log gave no export. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.title);
    this.refusal = refusal;
  }
}

/** What has come is handed to the browser in pieces of this size, which may keep them out of memory. */
const PIECE = 8 << 20;

/**
 * Loads an export from the page's own origin. Throws `Refused`, or what the signal was aborted with.
 */
export async function loadExport(address: string, { token, signal, onArrived }: Loading): Promise<File> {
  const response = await fetch(address, {
    headers: token === "" ? {} : { Authorization: `Bearer ${token}` },
    mode: "same-origin",
    credentials: "same-origin",
    redirect: "error",
    cache: "no-store",
    referrerPolicy: "no-referrer",
    signal,
  }).catch((error: unknown) => {
    throw signal.aborted ? error : new Refused(UNREACHABLE);
  });
  if (!response.ok) throw new Refused(await refusal(response, token !== ""));
  const type = response.headers.get("content-type") ?? "";
  if (/^text\/html\b/i.test(type)) {
    void response.body?.cancel();
    throw new Refused(A_PAGE);
  }
  const pieces = await collected(response.body, signal, onArrived);
  return new File(pieces, fileName(response.headers.get("content-disposition")));
}

async function collected(
  body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
  signal: AbortSignal,
  onArrived: (arrived: Arrived) => void,
): Promise<Blob[]> {
  const begun = performance.now();
  const pieces: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let waiting = 0;
  let bytes = 0;
  const reader = body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw signal.aborted ? error : new Refused(interrupted(shownBytes(bytes)));
    });
    if (done) break;
    chunks.push(value);
    waiting += value.length;
    bytes += value.length;
    if (waiting >= PIECE) {
      pieces.push(new Blob(chunks));
      chunks = [];
      waiting = 0;
    }
    onArrived({ bytes, seconds: (performance.now() - begun) / 1000 });
  }
  return [...pieces, new Blob(chunks)];
}
