import { css } from "lit";

/** What all parts have in common beside the basics. */
export const tokens = css`
  *::before,
  *::after {
    box-sizing: border-box;
  }

  h2,
  h3,
  h4 {
    font-size: 1rem;
    font-weight: 650;
    line-height: 1.3;
  }

  code,
  kbd {
    direction: ltr;
    unicode-bidi: isolate;
  }

  .icon {
    vertical-align: -0.2em;
  }

  button {
    min-height: 2.25rem;
    padding: 0.3rem 0.8rem;
    border-radius: 0.45rem;
  }

  button.quiet {
    min-height: 1.75rem;
    padding: 0.1rem 0.5rem;
  }

  button.square {
    width: 2.25rem;
    min-height: 2.25rem;
    padding: 0;
  }

  .facts {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 12rem), 1fr));
    gap: 0.5rem 1.25rem;
  }

  .facts dt {
    color: var(--countersign-faint);
    font-size: 0.85em;
  }

  .facts dd {
    min-width: 0;
    overflow-wrap: anywhere;
  }

  .key-groups {
    display: flex;
    flex-wrap: wrap;
    gap: 0.1em 0.75em;
    width: fit-content;
    font-size: 1em;
  }

  .key-whole > summary {
    width: fit-content;
    color: var(--countersign-accent);
    font-size: 0.9em;
  }

  .key-whole > code {
    display: block;
    overflow-wrap: anywhere;
  }

  /*
   * A text can be of a language that runs the other way than the page: it runs its own way, and stands on the page's
   * side.
   */
  :is(h2, h3, h4, p, li, dt, dd, th, td, label, small, button),
  .plain {
    unicode-bidi: plaintext;
  }

  /* Numbers in an order of their own, whichever way the text around them runs. */
  time {
    direction: ltr;
    unicode-bidi: isolate;
    white-space: nowrap;
  }
`;
