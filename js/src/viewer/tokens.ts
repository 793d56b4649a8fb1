import { css } from "lit";

/** What all parts have in common. The variables are defined where the viewer's own styles are, and inherited. */
export const tokens = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  h2,
  h3,
  h4,
  p,
  dl,
  dd,
  ul,
  ol,
  pre,
  table {
    margin: 0;
    padding: 0;
  }

  ul,
  ol {
    list-style: none;
  }

  h2,
  h3,
  h4 {
    font-size: 1rem;
    font-weight: 650;
    line-height: 1.3;
  }

  code,
  pre {
    font-family: var(--countersign-mono);
    font-size: 0.86em;
  }

  code,
  kbd {
    direction: ltr;
    unicode-bidi: isolate;
  }

  bdi {
    overflow-wrap: anywhere;
  }

  :focus-visible {
    outline: 2px solid var(--countersign-accent);
    outline-offset: 2px;
  }

  [tabindex="-1"]:focus {
    outline: none;
  }

  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  .faint {
    color: var(--countersign-faint);
  }

  .icon {
    width: 1.15em;
    height: 1.15em;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.9;
    stroke-linecap: round;
    stroke-linejoin: round;
    vertical-align: -0.2em;
  }

  .tone-good {
    --tone: var(--countersign-good);
    --wash: var(--countersign-good-wash);
  }

  .tone-fair {
    --tone: var(--countersign-fair);
    --wash: var(--countersign-fair-wash);
  }

  .tone-doubt {
    --tone: var(--countersign-doubt);
    --wash: var(--countersign-doubt-wash);
  }

  .tone-bad {
    --tone: var(--countersign-bad);
    --wash: var(--countersign-bad-wash);
  }

  .tone-faint {
    --tone: var(--countersign-faint);
    --wash: var(--countersign-sunk);
  }

  .state {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
    color: var(--tone);
    font-weight: 600;
    white-space: nowrap;
  }

  .unseen {
    padding: 0 0.25em;
    border: 1px solid var(--countersign-doubt);
    border-radius: 0.25em;
    color: var(--countersign-doubt);
    font: 0.75em / 1.3 var(--countersign-mono);
    unicode-bidi: isolate;
  }

  button,
  input,
  select {
    font: inherit;
    color: inherit;
  }

  button {
    min-height: 2.25rem;
    padding: 0.3rem 0.8rem;
    border: 1px solid var(--countersign-line-strong);
    border-radius: 0.45rem;
    background: var(--countersign-card);
    font-weight: 550;
    cursor: pointer;
  }

  button:hover:not(:disabled) {
    border-color: var(--countersign-accent);
    color: var(--countersign-accent);
  }

  button:disabled {
    opacity: 0.45;
    cursor: default;
  }

  button.primary {
    border-color: var(--countersign-accent);
    background: var(--countersign-accent);
    color: var(--countersign-on-accent);
  }

  button.primary:hover:not(:disabled) {
    color: var(--countersign-on-accent);
    filter: brightness(1.08);
  }

  button.quiet {
    min-height: 1.75rem;
    padding: 0.1rem 0.5rem;
    border-color: transparent;
    background: none;
    color: var(--countersign-accent);
  }

  button.quiet:hover:not(:disabled) {
    border-color: var(--countersign-accent);
  }

  button.square {
    display: inline-grid;
    place-items: center;
    width: 2.25rem;
    min-height: 2.25rem;
    padding: 0;
  }

  summary {
    cursor: pointer;
  }

  summary:hover {
    color: var(--countersign-accent);
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

  /* Numbers in an order of their own, whichever way the text around them runs. */
  time {
    direction: ltr;
    unicode-bidi: isolate;
    white-space: nowrap;
  }
`;
