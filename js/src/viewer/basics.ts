import { css } from "lit";

/** What the element and the pages that are made with it have in common. Each says how large its controls are. */
export const basics = css`
  * {
    box-sizing: border-box;
  }

  h1,
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

  code,
  pre {
    font-family: var(--countersign-mono);
    font-size: 0.86em;
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
    /* Cut as a whole or not at all. */
    display: inline-block;
    unicode-bidi: isolate;
  }

  button,
  input,
  select,
  textarea {
    font: inherit;
    color: inherit;
  }

  button {
    border: 1px solid var(--countersign-line-strong);
    background: var(--countersign-card);
    font-weight: 550;
    cursor: pointer;
  }

  button:hover:not(:disabled, [aria-disabled="true"]) {
    border-color: var(--countersign-accent);
    color: var(--countersign-accent);
  }

  button:is(:disabled, [aria-disabled="true"]) {
    opacity: 0.45;
    cursor: default;
  }

  button.primary {
    border-color: var(--countersign-accent);
    background: var(--countersign-accent);
    color: var(--countersign-on-accent);
  }

  button.primary:hover:not(:disabled, [aria-disabled="true"]) {
    color: var(--countersign-on-accent);
    filter: brightness(1.08);
  }

  button.quiet {
    border-color: transparent;
    background: none;
    color: var(--countersign-accent);
  }

  button.quiet:hover:not(:disabled, [aria-disabled="true"]) {
    border-color: var(--countersign-accent);
  }

  button.square {
    display: inline-grid;
    place-items: center;
  }

  summary {
    cursor: pointer;
  }

  summary:hover {
    color: var(--countersign-accent);
  }
`;
