import { css } from "lit";

/** What stands around the rows. */
export const frameStyles = css`
  .viewer {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.75rem;
    text-align: var(--cs-start);
  }

  kbd {
    padding: 0.05em 0.4em;
    border: 1px solid var(--countersign-line-strong);
    border-radius: 0.3em;
    background: var(--countersign-sunk);
    font: 0.85em / 1.4 var(--countersign-mono);
    white-space: nowrap;
  }

  .with-icon {
    display: inline-flex;
    align-items: center;
    gap: 0.45rem;
  }

  /* Search and view */

  .tools {
    display: flex;
    flex-wrap: wrap;
    align-items: start;
    gap: 0.5rem;
  }

  cs-query {
    flex: 1 1 22rem;
    min-width: 0;
  }

  .query {
    position: relative;
    display: block;
  }

  .query-field {
    position: relative;
    display: flex;
    align-items: center;
    min-height: 2.25rem;
    border: 1px solid var(--countersign-line-strong);
    border-radius: 0.45rem;
    background: var(--countersign-card);
  }

  .query-field:has(.query-input:focus-visible) {
    outline: 2px solid var(--countersign-accent);
    outline-offset: 1px;
  }

  .query-field:has([aria-invalid]) {
    border-color: var(--countersign-bad);
  }

  .query-field > .icon {
    margin-inline: 0.65rem 0.1rem;
    color: var(--countersign-faint);
  }

  .query-input {
    flex: 1;
    min-width: 0;
    min-height: 2.1rem;
    padding-inline: 0.4rem;
    border: 0;
    outline: 0;
    background: none;
    font-family: var(--countersign-mono);
    font-size: 0.875rem;
    text-overflow: ellipsis;
  }

  .query-input::placeholder {
    color: var(--countersign-faint);
    opacity: 1;
  }

  .query-key {
    margin: 0 0.5rem;
    color: var(--countersign-faint);
  }

  .query-input:not(:placeholder-shown) ~ .query-key,
  .query-input:focus ~ .query-key {
    display: none;
  }

  .query-field .square {
    width: 2rem;
    min-height: 2rem;
    color: var(--countersign-faint);
  }

  .query-list,
  .menu-choices {
    position: absolute;
    z-index: 3;
    inset-inline: 0;
    top: calc(100% + 0.3rem);
    max-height: 22rem;
    overflow: auto;
    padding: 0.3rem;
    border: 1px solid var(--countersign-line-strong);
    border-radius: 0.45rem;
    background: var(--countersign-card);
    box-shadow: 0 0.5rem 1.5rem rgb(10 14 18 / 18%);
  }

  .query-list[hidden],
  .menu-choices[hidden] {
    display: none;
  }

  .query-list li {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    justify-content: space-between;
    gap: 0 1rem;
    padding: 0.3rem 0.6rem;
    border-radius: 0.3rem;
    cursor: pointer;
  }

  .query-list li:hover {
    background: var(--countersign-sunk);
  }

  .query-list li.marked {
    background: var(--countersign-accent);
    color: var(--countersign-on-accent);
  }

  .query-list li.marked .faint {
    color: inherit;
  }

  .query-problems ul {
    display: grid;
    gap: 0.2rem;
    padding-top: 0.35rem;
  }

  .query-problems li {
    display: flex;
    gap: 0.45rem;
  }

  .query-problems .icon {
    margin-top: 0.2rem;
    color: var(--tone);
  }

  .select {
    display: inline-flex;
    max-width: 100%;
  }

  select {
    max-width: 100%;
    min-height: 2.25rem;
    padding: 0.3rem 0.5rem;
    border: 1px solid var(--countersign-line-strong);
    border-radius: 0.45rem;
    background: var(--countersign-card);
    cursor: pointer;
  }

  .menu {
    position: relative;
  }

  .menu-choices {
    inset-inline: auto 0;
    width: max-content;
    max-width: min(24rem, 86cqi);
    padding: 0.6rem;
  }

  .menu-choices > p {
    padding: 0.1rem 0.5rem;
  }

  .choice {
    display: grid;
    width: 100%;
    padding: 0.4rem 0.5rem;
    border-color: transparent;
    background: none;
    font-weight: 400;
    text-align: var(--cs-start);
  }

  .choice:hover:not([aria-disabled="true"]) {
    background: var(--countersign-sunk);
  }

  /* Values and time take no room where there are none. */

  :is(cs-facets, cs-histogram):not(:has(*)) {
    display: none;
  }

  /* Values */

  .facets {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
    align-items: start;
    gap: 0.1rem 1.5rem;
  }

  .facets-toggle {
    display: none;
  }

  .facet {
    display: grid;
    grid-template-columns: 6.5rem minmax(0, 1fr) auto;
    align-items: center;
    gap: 0 0.5rem;
  }

  .facet-name {
    overflow: hidden;
    color: var(--countersign-faint);
    font-size: 0.85rem;
    text-overflow: ellipsis;
  }

  .facet[data-open="true"] {
    align-items: start;
  }

  .facet[data-open="true"] .facet-name {
    padding-block-start: 0.35rem;
  }

  .facet-values {
    display: flex;
    align-items: center;
    gap: 0.3rem;
    min-width: 0;
    /* Room for the outlines of chips. */
    padding: 3px;
    overflow-x: auto;
    scrollbar-width: none;
  }

  .facet[data-over]:not([data-open="true"]) .facet-values {
    mask-image: linear-gradient(to right, #000 calc(100% - 2rem), transparent);
  }

  .facet[data-over]:not([data-open="true"]) .facet-values:dir(rtl) {
    mask-image: linear-gradient(to left, #000 calc(100% - 2rem), transparent);
  }

  .facet[data-open="true"] .facet-values {
    flex-wrap: wrap;
  }

  .facet-more,
  .facet-values .faint {
    min-height: 1.6rem;
    font-size: 0.85rem;
  }

  .facet:not([data-over], [data-open="true"], [data-hides="true"]) .facet-more {
    display: none;
  }

  .chip {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
    max-width: 100%;
    flex: none;
    min-height: 1.6rem;
    padding: 0 0.55rem;
    border-color: var(--countersign-line);
    border-radius: 1rem;
    font-size: 0.85rem;
    font-weight: 450;
  }

  .chip-value {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .chip bdi {
    overflow-wrap: normal;
  }

  .chip-count {
    color: var(--countersign-faint);
    font-variant-numeric: tabular-nums;
  }

  .chip[aria-pressed="true"] {
    border-color: var(--countersign-accent);
    background: var(--countersign-accent);
    color: var(--countersign-on-accent);
  }

  .chip[aria-pressed="true"] .chip-count {
    color: inherit;
  }

  /* Time */

  .histogram {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 0.15rem;
  }

  .histogram-head {
    display: flex;
    flex-wrap: wrap;
    justify-content: space-between;
    gap: 0 1.5rem;
    font-size: 0.85rem;
    font-variant-numeric: tabular-nums;
  }

  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 0 0.85rem;
  }

  .legend li {
    display: inline-flex;
    align-items: center;
    gap: 0.4rem;
  }

  .swatch {
    width: 0.8rem;
    height: 0.8rem;
    border-radius: 0.15rem;
    background: currentColor;
  }

  .swatch-success {
    color: var(--countersign-success);
  }

  .swatch-failure {
    color: var(--countersign-failure);
    background: repeating-linear-gradient(
      -45deg,
      currentColor 0 2px,
      color-mix(in srgb, currentColor 45%, transparent) 2px 4px
    );
  }

  .swatch-unknown {
    color: var(--countersign-unknown);
    background: radial-gradient(circle, color-mix(in srgb, currentColor 45%, transparent) 1px, currentColor 1.5px) 0 0 / 4px 4px;
  }

  .plot {
    height: 104px;
    direction: ltr;
    border-top: 0 solid var(--countersign-line);
  }

  .uplot,
  .u-wrap {
    position: relative;
    user-select: none;
  }

  .uplot canvas {
    display: block;
    position: relative;
    width: 100%;
    height: 100%;
  }

  .u-over,
  .u-under,
  .u-axis,
  .u-select {
    position: absolute;
  }

  .u-under {
    overflow: hidden;
  }

  .u-over {
    cursor: crosshair;
  }

  .u-select {
    background: color-mix(in srgb, var(--countersign-accent) 22%, transparent);
    pointer-events: none;
  }

  .u-cursor-x {
    position: absolute;
    inset: 0 auto auto 0;
    height: 100%;
    border-right: 1px dashed var(--countersign-faint);
    pointer-events: none;
    will-change: transform;
  }

  .u-cursor-y,
  .u-off {
    display: none;
  }

  .histogram-table > summary {
    width: fit-content;
    color: var(--countersign-faint);
    font-size: 0.85rem;
  }

  .table-scroller {
    /* What is for screen readers alone is placed in it, and not beside it. */
    position: relative;
    max-height: 18rem;
    overflow: auto;
    margin-block-start: 0.25rem;
    border: 1px solid var(--countersign-line);
    border-radius: 0.4rem;
    background: var(--countersign-card);
  }

  .table-scroller table {
    width: 100%;
    border-collapse: separate;
    border-spacing: 0;
    font-size: 0.875rem;
    font-variant-numeric: tabular-nums;
  }

  .table-scroller thead th {
    position: sticky;
    inset-block-start: 0;
    background: var(--countersign-sunk);
    color: var(--countersign-faint);
    font-weight: 600;
  }

  .table-scroller time {
    display: inline-block;
  }

  .table-scroller button {
    white-space: nowrap;
  }

  .table-scroller tr:last-child > * {
    border-bottom: 0;
  }

  .table-scroller th,
  .table-scroller td {
    padding: 0.15rem 0.75rem;
    border-bottom: 1px solid var(--countersign-line);
    text-align: var(--cs-start);
    font-weight: 400;
  }

  .table-scroller .number {
    text-align: var(--cs-end);
  }

  /* Whether rows are all there is */

  .notice {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0.2rem 0.6rem;
    min-height: 2rem;
    color: var(--countersign-faint);
  }

  .notice p {
    display: flex;
    flex: 1 1 8rem;
    flex-wrap: wrap;
    gap: 0 0.6rem;
  }

  .notice.filtered,
  .notice.tone-bad {
    padding: 0.3rem 0.75rem;
    border: 1px solid color-mix(in srgb, var(--tone) 40%, var(--countersign-line));
    border-radius: var(--countersign-round);
    background: var(--wash);
    color: var(--countersign-ink);
  }

  .notice > .icon {
    color: var(--tone);
  }

  .unlisted {
    display: inline-flex;
    align-items: start;
    gap: 0.35rem;
    color: var(--countersign-ink);
  }

  .unlisted > .icon {
    margin-top: 0.2em;
    color: var(--countersign-doubt);
  }

  .notice .quiet {
    margin-inline-start: auto;
  }

  /* Rows and drawer */

  .main {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    align-items: start;
    gap: 0.75rem;
  }

  .main[hidden] {
    display: none;
  }

  .main[data-beside="true"] {
    grid-template-columns: minmax(0, 1fr) minmax(22rem, 38%);
  }

  /* Help */

  dialog {
    border: 1px solid var(--countersign-line);
    background: var(--countersign-card);
    color: var(--countersign-ink);
  }

  dialog::backdrop {
    background: rgb(10 14 18 / 45%);
  }

  .help {
    width: min(100vw - 1.5rem, 42rem);
    max-height: calc(100dvh - 2rem);
    padding: 1rem 1.25rem 1.25rem;
    border-radius: var(--countersign-round);
  }

  .help-head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 1rem;
  }

  .help h3 {
    margin-block: 0.9rem 0.3rem;
  }

  .help dl > div {
    display: grid;
    grid-template-columns: minmax(0, 15rem) minmax(0, 1fr);
    gap: 0 1rem;
    padding-block: 0.2rem;
  }

  .help code > span {
    white-space: nowrap;
  }

  @container countersign (max-width: 40rem) {
    .query-key {
      display: none;
    }

    .facets-toggle {
      display: flex;
      width: 100%;
    }

    .facets[data-shown="false"] {
      display: none;
    }

    .facets {
      padding-top: 0.5rem;
    }

    .facet {
      grid-template-columns: minmax(0, 1fr) auto;
    }

    .facet-name {
      grid-column: 1 / -1;
    }

    .tools > .select {
      flex: 1 1 9rem;
    }

    .tools > .select:first-of-type {
      flex-basis: 100%;
    }

    .tools > .select select {
      width: 100%;
    }

    .help dl > div {
      grid-template-columns: minmax(0, 1fr);
    }

    .notice > p {
      flex-basis: calc(100% - 2rem);
    }

    .table-scroller th,
    .table-scroller td {
      padding-inline: 0.4rem;
    }
  }

  @media (forced-colors: active) {
    .chip[aria-pressed="true"] {
      outline: 2px solid Highlight;
    }

    .swatch {
      forced-color-adjust: none;
    }
  }
`;
