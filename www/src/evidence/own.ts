/** What is around policy, style and script of the page; the build puts it here. */
const AROUND = "countersign:around";

/** What an evidence file has after the page. */
const BLOCK = "#countersign-evidence";

/** The page that this is, byte for byte as it was built: put together of its own parts, as a page on disk cannot read itself. */
export function ownPage(): Blob {
  const [begin, afterPolicy, afterStyle, end] = JSON.parse(AROUND) as string[];
  const policy = document
    .querySelector('meta[http-equiv="Content-Security-Policy"]')
    ?.getAttribute("content");
  const style = document.querySelector("head > style")?.textContent;
  const script = document.querySelector('body > script[type="module"]')?.textContent;
  return new Blob([`${begin}${policy}${afterPolicy}${style}${afterStyle}${script}${end}`]);
}

/** The evidence that stands after this page, as the file that both are. */
export function evidenceInPage(): File | undefined {
  const blocks = [...document.querySelectorAll(BLOCK)];
  if (blocks.length === 0) return undefined;
  const texts = blocks.map(
    ({ textContent }) => `\n<script type="text/plain" id="countersign-evidence">${textContent}</script>\n`,
  );
  return new File([ownPage(), ...texts], nameOf(location.pathname));
}

function nameOf(path: string): string {
  const name = path.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(name) || "evidence.html";
  } catch {
    return name;
  }
}
