/** Tables of pages. */

/** A plugin of markdown-it that makes header cells without text ordinary cells, because screen readers announce headers. */
export function emptyHeaders(md) {
  md.core.ruler.push("empty-headers", ({ tokens }) => {
    for (const [at, token] of tokens.entries()) {
      if (token.type !== "th_open" || tokens[at + 1].content.trim() !== "") continue;
      token.tag = "td";
      tokens[at + 2].tag = "td";
    }
  });
}
