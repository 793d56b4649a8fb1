import { css } from "lit";

/** The strip on top, and the alarm. */
export const stripStyles = css`
  .strip,
  .alarm {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr) auto;
    align-items: start;
    gap: 0 0.8rem;
    padding: 0.75rem 1rem;
    border: 1px solid color-mix(in srgb, var(--tone) 40%, var(--countersign-line));
    border-radius: var(--countersign-round);
    background: var(--wash);
  }

  .strip > .icon,
  .alarm > .icon {
    width: 1.75rem;
    height: 1.75rem;
    color: var(--tone);
    stroke-width: 1.7;
  }

  .strip h2 {
    padding-block: 0.15rem;
    color: var(--tone);
    font-size: 1.1rem;
  }

  .strip.tone-faint {
    background: var(--countersign-card);
  }

  .strip.tone-faint h2 {
    color: var(--countersign-ink);
  }

  .strip-body {
    display: grid;
    gap: 0.3rem;
  }

  .strip-more > summary {
    width: fit-content;
    color: var(--countersign-accent);
    font-weight: 550;
  }

  .strip-more > summary > .faint {
    display: inline-block;
    font-weight: 400;
  }

  .strip-details {
    display: grid;
    gap: 1rem;
    margin-block: 0.6rem 0.25rem;
    padding: 0.9rem 1rem;
    border: 1px solid var(--countersign-line);
    border-radius: var(--countersign-round);
    background: var(--countersign-card);
  }

  .not {
    display: grid;
    gap: 0.2rem;
    max-width: 48rem;
    padding-inline-start: 1.1rem;
    list-style: disc;
  }

  .figures {
    display: flex;
    flex-wrap: wrap;
    gap: 0.1rem 1.25rem;
    min-height: 1.5em;
    color: var(--countersign-faint);
    font-variant-numeric: tabular-nums;
  }

  .figures > span {
    unicode-bidi: plaintext;
  }

  progress {
    appearance: none;
    display: block;
    width: 100%;
    height: 0.45rem;
    margin-block: 0.2rem;
    border: 0;
    border-radius: 1rem;
    overflow: hidden;
    background: var(--countersign-line);
    color: var(--countersign-accent);
  }

  progress::-webkit-progress-bar {
    background: var(--countersign-line);
  }

  progress::-webkit-progress-value {
    border-radius: 1rem;
    background: var(--countersign-accent);
  }

  progress::-moz-progress-bar {
    border-radius: 1rem;
    background: var(--countersign-accent);
  }

  progress:indeterminate {
    background: repeating-linear-gradient(
      -45deg,
      var(--countersign-line) 0 0.5rem,
      color-mix(in srgb, var(--countersign-accent) 55%, var(--countersign-line)) 0.5rem 1rem
    );
  }

  progress:indeterminate::-webkit-progress-bar {
    background: none;
  }

  .first-failure {
    display: grid;
    gap: 0.2rem;
    padding: 0.5rem 0.75rem;
    border-inline-start: 0.25rem solid var(--tone);
    border-radius: 0.25rem;
    background: var(--wash);
  }

  .first-failure strong {
    color: var(--tone);
  }

  .checks {
    width: 100%;
    border-collapse: collapse;
  }

  .checks th,
  .checks td {
    padding: 0.25rem 0;
    padding-inline-end: 1rem;
    border-top: 1px solid var(--countersign-line);
    text-align: var(--cs-start);
    vertical-align: top;
    font-weight: 400;
  }

  .checks td > .faint {
    display: block;
  }

  .finding-group {
    padding: 0.4rem 0.75rem;
    border: 1px solid var(--countersign-line);
    border-inline-start: 0.25rem solid var(--tone);
    border-radius: 0.35rem;
    background: var(--countersign-card);
  }

  .finding-group + .finding-group,
  h3 + .finding-group {
    margin-top: 0.4rem;
  }

  .strip-details .finding-group {
    background: none;
  }

  .checks tr:first-child > * {
    border-top: 0;
  }

  .strip-details h3 {
    margin-bottom: 0.25rem;
  }

  .finding {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    align-items: start;
    gap: 0 1rem;
    padding-block: 0.35rem;
  }

  .finding-group > summary > .state {
    align-items: baseline;
  }

  .finding-group > summary .icon {
    align-self: center;
  }

  .finding-group .finding {
    border-top: 1px solid var(--countersign-line);
  }

  .alarm {
    --tone: var(--countersign-bad);
    --wash: var(--countersign-bad-wash);
    border-width: 2px;
    border-color: var(--tone);
  }

  .alarm > div {
    display: grid;
    gap: 0.4rem;
  }

  .alarm h2 {
    color: var(--tone);
    font-size: 1.1rem;
  }

  .buttons {
    display: flex;
    flex-wrap: wrap;
    gap: 0.5rem;
  }

  .live-line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.2rem 0.9rem;
  }

  .live-dot {
    display: inline-block;
    width: 0.6rem;
    height: 0.6rem;
    margin-inline-end: 0.45rem;
    border-radius: 50%;
    background: var(--countersign-good);
  }

  .live-line[data-state="lost"] .live-dot,
  .live-line[data-state="ended"] .live-dot,
  .live-line[data-state="connecting"] .live-dot {
    border: 2px solid var(--countersign-doubt);
    background: none;
  }

  .live-line[data-state="stopped"] .live-dot {
    border: 2px solid var(--countersign-faint);
    background: none;
  }

  @media (prefers-reduced-motion: no-preference) {
    .live-line[data-state="following"] .live-dot {
      animation: countersign-pulse 2s ease-in-out infinite;
    }

    @keyframes countersign-pulse {
      50% {
        opacity: 0.35;
      }
    }
  }

  @container countersign (max-width: 40rem) {
    .strip,
    .alarm {
      grid-template-columns: auto minmax(0, 1fr);
      padding: 0.7rem 0.8rem;
    }

    .strip-action {
      grid-column: 2;
      justify-self: start;
      margin-top: 0.5rem;
    }

    .strip-details {
      margin-inline-start: -2.55rem;
    }

    .checks tr {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0 0.75rem;
      padding-block: 0.4rem;
      border-top: 1px solid var(--countersign-line);
    }

    .checks th,
    .checks td {
      padding: 0;
      border: 0;
    }

    /* What it is about stands below its name and its state. */
    .checks th {
      display: contents;
    }

    .checks th + td {
      grid-row: 1;
      grid-column: 2;
    }

    .checks :is(th .faint, td:last-child) {
      grid-column: 1 / -1;
    }

    .finding {
      grid-template-columns: minmax(0, 1fr);
      justify-items: start;
    }

    .finding button {
      margin-inline-start: -0.5rem;
    }
  }
`;
