import { PageMissingError } from "../../src/evidence/make.ts";
import type { Log } from "../log.ts";

/** Maximum size of a page in an evidence file, in bytes (SPEC section 14). */
const MAX_PAGE_BYTES = 16 << 20;
/** The page's policy is within this many characters of its beginning. */
const HEAD_CHARS = 8_192;
/** The auditor's page opens no connection. */
const POLICY = /<meta http-equiv="Content-Security-Policy" content="[^"]*\bconnect-src 'none'/;

/** The auditor's page, with which evidence files begin: from the log, or a copy that the reader chose. */
export class AuditorsPage {
  readonly #log: Pick<Log, "auditorsPage">;
  #chosen: File | undefined;

  constructor(log: Pick<Log, "auditorsPage">) {
    this.#log = log;
  }

  /** Name of the copy that the reader chose. */
  get chosen(): string | undefined {
    return this.#chosen?.name;
  }

  /** Uses a copy from now on. Resolves to false if the file isn't the auditor's page. */
  async choose(file: File): Promise<boolean> {
    const isPage = await isAuditorsPage(file);
    if (isPage) this.#chosen = file;
    return isPage;
  }

  /** Returns the page; rejects with `PageMissingError` if neither the log nor the reader has one. */
  async load(): Promise<Blob> {
    const page = this.#chosen ?? (await this.#log.auditorsPage());
    if (page === undefined || !(await isAuditorsPage(page))) throw new PageMissingError();
    return page;
  }
}

async function isAuditorsPage(page: Blob): Promise<boolean> {
  return page.size <= MAX_PAGE_BYTES && POLICY.test(await page.slice(0, HEAD_CHARS).text());
}
