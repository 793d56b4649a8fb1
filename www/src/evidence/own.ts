/** The parts of the page around its policy, style, and script; inserted by the build. */
const AROUND = "countersign:around";

/** Selector of the evidence that follows the page in an evidence file. */
const BLOCK = "#countersign-evidence";

/**
 * Returns this page as it was built, byte for byte. It is assembled from its own parts, because a page on
 * disk can't read itself.
 */
export function ownPage(): Blob {
  const [begin, afterPolicy, afterStyle, end] = JSON.parse(AROUND) as string[];
  const policy = document
    .querySelector('meta[http-equiv="Content-Security-Policy"]')
    ?.getAttribute("content");
  const style = document.querySelector("head > style")?.textContent;
  const script = document.querySelector('body > script[type="module"]')?.textContent;
  return new Blob([`${begin}${policy}${afterPolicy}${style}${afterStyle}${script}${end}`]);
}

/** Returns the evidence after this page, as the evidence file that contains both. */
export function evidenceInPage(): File | undefined {
  const blocks = [...document.querySelectorAll(BLOCK)];
  if (blocks.length === 0) return undefined;
  const texts = blocks.map(
    ({ textContent }) => `\n<script type="text/plain" id="countersign-evidence">${textContent}</script>\n`,
  );
  return new File([ownPage(), ...texts], ownFileName() || "evidence.html");
}

/** Returns the name of the file that the browser opened; empty if its address has none. */
export function ownFileName(): string {
  const name = location.pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
