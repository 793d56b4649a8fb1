import { css } from "lit";

/** How one row in full looks. */
export const drawerStyles = css`
  cs-drawer {
    & .drawer {
      padding: 0;
      overflow: hidden;
      border: 1px solid var(--countersign-line);
      background: var(--countersign-card);
      color: var(--countersign-ink);
    }

    & .drawer[open] {
      display: flex;
      flex-direction: column;
    }

    & .drawer:modal {
      width: min(100%, 44rem);
      max-width: none;
      height: 100dvh;
      max-height: none;
      margin-block: 0;
      margin-inline: auto 0;
      border-block-width: 0;
      border-inline-end-width: 0;
    }

    /* As high as the rows are, and never less than it takes to read. */
    &[panel] {
      position: relative;
      display: block;
      align-self: stretch;
      min-height: min(80vh, 32rem);
    }

    & .drawer:not(:modal) {
      position: absolute;
      inset: 0;
      width: auto;
      max-width: none;
      height: auto;
      max-height: none;
      margin: 0;
      border-radius: 0.4rem;
    }

    & .drawer::backdrop {
      background: rgb(10 14 18 / 45%);
    }

    & .drawer-head {
      display: flex;
      align-items: center;
      gap: 0.75rem;
      padding-block: 0.5rem;
      padding-inline: 1.1rem 0.6rem;
      border-block-end: 1px solid var(--countersign-line);
    }

    & .drawer-head h2 {
      min-width: 0;
      font-size: 1.05rem;
      text-wrap: balance;
    }

    & .position {
      flex: 1;
      font-size: 0.85rem;
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }

    & .moves {
      display: flex;
    }

    & .drawer-body {
      position: relative;
      flex: 1;
      min-height: 0;
      overflow: auto;
      padding: 1rem 1.1rem 2rem;
      scroll-padding-block: 0.75rem;
    }

    & .drawer-body:focus-visible {
      outline-offset: -3px;
    }

    & .drawer-body > * + * {
      margin-block-start: 0.6rem;
    }

    & h3 {
      margin-block: 1.5rem 0.5rem;
    }

    & .drawer-body > h3 {
      margin-block-start: 1.5rem;
    }

    & .sentence {
      font-size: 1.1rem;
      line-height: 1.45;
      text-wrap: pretty;
    }

    & .sentence strong {
      font-weight: 650;
    }

    & .standing {
      padding: 0.5rem 0.8rem;
      border-radius: 0.4rem;
      background: var(--wash);
      font-size: 0.925rem;
    }

    & .standing .state {
      display: flex;
    }

    & .absent {
      display: flex;
      gap: 0.6rem;
      padding: 0.7rem 0.9rem;
      border: 1px dashed var(--countersign-line-strong);
      border-radius: 0.4rem;
      font-weight: 600;
    }

    & .absent .icon {
      margin-block-start: 0.15em;
    }

    & .facts {
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 5rem), 1fr));
    }

    & .facts .state {
      display: flex;
    }

    & .facts .wide {
      grid-column: 1 / -1;
    }

    & .actions {
      display: flex;
      flex-wrap: wrap;
      align-items: center;
      gap: 0.4rem 0.7rem;
    }

    /* Members */

    & .members > div {
      display: grid;
      grid-template-columns: minmax(5rem, 9rem) minmax(0, 1fr);
      gap: 0 0.9rem;
      padding: 0.25rem 0;
    }

    & .members > div + div {
      border-block-start: 1px solid var(--countersign-line);
    }

    & .members dt {
      color: var(--countersign-faint);
      font-size: 0.925rem;
      overflow-wrap: anywhere;
    }

    & .members dt.item {
      font-variant-numeric: tabular-nums;
    }

    & .members dd {
      min-width: 0;
    }

    /* Piled marks stay in what they belong to. */
    & :is(.sentence, .members dt, .members dd, .change-path, .change-values > *) {
      overflow-y: clip;
    }

    & .members > div:has(> .item) {
      grid-template-columns: minmax(1.5rem, max-content) minmax(0, 1fr);
    }

    & .members bdi {
      white-space: pre-wrap;
    }

    & .members > .nested {
      grid-template-columns: minmax(0, 1fr);
    }

    & .members .members {
      margin-inline-start: 0.2rem;
      padding-inline-start: 0.8rem;
      border-inline-start: 2px solid var(--countersign-line);
    }

    & .members .members.deep {
      margin-inline-start: 0;
      padding-inline-start: 0;
    }

    & .literal {
      font-family: var(--countersign-mono);
      font-size: 0.9em;
    }

    & .alike {
      display: block;
      color: var(--countersign-doubt);
    }

    /* Before and after */

    & .change {
      --tone: var(--countersign-fair);
      --wash: var(--countersign-fair-wash);

      display: grid;
      grid-template-columns: auto minmax(0, 1fr);
      gap: 0.25rem 0.7rem;
      align-items: center;
      padding: 0.5rem 0;
    }

    & .change + .change {
      border-block-start: 1px solid var(--countersign-line);
    }

    & .change-added {
      --tone: var(--countersign-good);
      --wash: var(--countersign-good-wash);
    }

    & .change-removed {
      --tone: var(--countersign-bad);
      --wash: var(--countersign-bad-wash);
    }

    & .change-kind {
      display: inline-flex;
      align-items: center;
      gap: 0.35rem;
      color: var(--tone);
      font-size: 0.85rem;
      font-weight: 600;
    }

    & .change-path {
      min-width: 0;
      font-weight: 600;
      overflow-wrap: anywhere;
    }

    & .change-values {
      display: grid;
      grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr));
      grid-column: 1 / -1;
      gap: 0.25rem;
    }

    & .change-values > * {
      display: grid;
      grid-template-columns: 1.1rem minmax(0, 1fr);
      align-items: baseline;
      padding: 0.3rem 0.6rem;
      border-inline-start: 3px solid;
      border-radius: 0.2rem;
      text-decoration: none;
    }

    & .change-values > *::before {
      font-weight: 700;
    }

    & .change-values > del {
      border-color: var(--countersign-bad);
      background: var(--countersign-bad-wash);
    }

    & .change-values > del::before {
      content: "−" / "";
      color: var(--countersign-bad);
    }

    & .change-values > ins {
      border-color: var(--countersign-good);
      background: var(--countersign-good-wash);
    }

    & .change-values > ins::before {
      content: "+" / "";
      color: var(--countersign-good);
    }

    & .change-values bdi {
      white-space: pre-wrap;
    }

    & .about {
      margin-block-start: 0.5rem;
      font-size: 0.85rem;
    }

    /* The proof */

    & cs-proof {
      display: block;
    }

    & .proof-progress {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      align-items: center;
      gap: 0.3rem 0.7rem;
      margin-block-start: 0.6rem;
    }

    & .proof-progress :is(label, progress) {
      grid-column: 1 / -1;
    }

    & cs-proof .actions {
      margin-block-start: 0.6rem;
    }

    & .steps {
      margin-block-start: 0.8rem;
    }

    & .step {
      position: relative;
      padding-block-end: 1rem;
      padding-inline-start: 2.1rem;
    }

    & .step::before {
      position: absolute;
      inset-block: 1.6rem 0;
      inset-inline-start: 0.66rem;
      border-inline-start: 2px solid var(--countersign-line);
      content: "";
    }

    & .step:last-child::before {
      display: none;
    }

    & .step-mark {
      position: absolute;
      inset-inline-start: 0;
      inset-block-start: 0;
      color: var(--tone);
      font-size: 1.25rem;
      line-height: 1.2;
    }

    & .step-head {
      display: flex;
      flex-wrap: wrap;
      align-items: baseline;
      gap: 0 0.7rem;
    }

    & .step-head .state {
      font-size: 0.85rem;
    }

    & .step > p {
      font-size: 0.925rem;
    }

    & .step summary {
      color: var(--countersign-accent);
      font-size: 0.9rem;
    }

    & .step-facts {
      display: grid;
      gap: 0.4rem;
      padding-block: 0.4rem;
    }

    & .step-facts dt {
      color: var(--countersign-faint);
      font-size: 0.85rem;
    }

    & .step-facts dd {
      overflow-wrap: anywhere;
    }

    & .step-facts bdi {
      white-space: pre-wrap;
    }

    & .hashes {
      margin-block-start: 0.4rem;
      width: 100%;
      border-collapse: collapse;
      font-size: 0.85rem;
    }

    & .hashes th,
    & .hashes td {
      padding-block: 0.15rem;
      padding-inline: 0 0.8rem;
      font-weight: 400;
      text-align: var(--cs-start);
      vertical-align: baseline;
    }

    & .hashes td:last-child {
      padding-inline-end: 0;
    }

    & .hashes tbody {
      border-block-start: 1px solid var(--countersign-line);
    }

    & .hashes thead th,
    & .hashes tbody th + td {
      color: var(--countersign-faint);
    }

    & .proof-verdict {
      display: flex;
      flex-wrap: wrap;
      gap: 0.2rem 0.5rem;
    }

    & .proof-verdict .state {
      white-space: normal;
    }

    & .proof-failed {
      margin-block-start: 0.6rem;
      padding: 0.6rem 0.9rem;
      border-radius: 0.4rem;
      background: var(--wash);
    }

    /* Bytes */

    & .raw {
      max-height: 20rem;
      overflow: auto;
      padding: 0.65rem 0.8rem;
      border: 1px solid var(--countersign-line);
      border-radius: 0.4rem;
      background: var(--countersign-sunk);
      overflow-wrap: anywhere;
      white-space: pre-wrap;
      unicode-bidi: isolate;
    }

    @media (max-width: 30rem) {
      & .members > div {
        grid-template-columns: minmax(0, 1fr);
      }

      & .drawer-head {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        gap: 0 0.5rem;
        padding-inline-start: 0.9rem;
      }

      & .moves {
        grid-row: 1 / span 2;
        grid-column: 2;
      }

      & .drawer-body {
        padding-inline: 0.9rem;
      }
    }

    @media (prefers-reduced-motion: no-preference) {
      & .drawer:modal {
        animation: cs-slide 160ms ease-out;
      }
    }

    @media print {
      & .moves,
      & .actions {
        display: none;
      }
    }
  }

  @keyframes cs-slide {
    from {
      transform: translateX(1.5rem);
      opacity: 0;
    }
  }
`;
