import { css } from "lit";

/** How rows look, and the choice of their columns. */
export const rowsStyles = css`
  cs-rows {
    --cs-row: 2.25rem;

    container: cs-rows / inline-size;
    display: flex;
    flex-direction: column;
    min-height: 0;

    & .bar {
      display: flex;
      align-items: center;
      gap: 0.5rem;
      padding-block-end: 0.35rem;
    }

    & .bar-rest {
      flex: 1;
      min-width: 0;
    }

    & .edges {
      position: relative;
      display: flex;
      flex: 0 1 auto;
      flex-direction: column;
      min-height: 0;
    }

    &[more-before] .edges::before,
    &[more-after] .edges::after {
      position: absolute;
      inset-block: 1px;
      z-index: 2;
      width: 1.1rem;
      content: "";
      pointer-events: none;
    }

    &[more-before] .edges::before {
      --cs-way: to right;

      inset-inline-start: 1px;
    }

    &[more-after] .edges::after {
      --cs-way: to left;

      inset-inline-end: 1px;
    }

    &:dir(rtl)[more-before] .edges::before {
      --cs-way: to left;
    }

    &:dir(rtl)[more-after] .edges::after {
      --cs-way: to right;
    }

    &[more-before] .edges::before,
    &[more-after] .edges::after {
      background: linear-gradient(
        var(--cs-way),
        light-dark(rgb(0 0 0 / 20%), rgb(0 0 0 / 55%)),
        transparent
      );
    }

    & .scroller {
      position: relative;
      flex: 1 1 auto;
      min-height: 8rem;
      max-height: var(--countersign-rows-height, min(70vh, 40rem));
      overflow: auto;
      overflow-anchor: none;
      border: 1px solid var(--countersign-line);
      border-radius: 0.4rem;
      background: var(--countersign-card);
      line-height: 1.35;
    }

    & .scroller:focus-visible {
      outline-offset: 0;
    }

    & .probe {
      position: absolute;
      height: var(--cs-row);
      visibility: hidden;
    }

    & .head,
    & .row {
      display: grid;
      grid-template-columns: var(--cs-tracks);
      min-width: var(--cs-least);
      padding-inline-end: 0.5rem;
    }

    & .head {
      position: sticky;
      inset-block-start: 0;
      z-index: 1;
      align-items: stretch;
      height: 2rem;
      border-block-end: 1px solid var(--countersign-line);
      background: var(--countersign-sunk);
      color: var(--countersign-faint);
      font-size: 0.85rem;
      font-weight: 600;
    }

    & .head .cell {
      position: relative;
      display: flex;
      align-items: center;
    }

    & .head .label {
      overflow: hidden;
      text-overflow: ellipsis;
    }

    & .head code {
      font-size: 1em;
    }

    & .grip {
      position: absolute;
      inset-block: 0.3rem;
      inset-inline-end: 0;
      width: 0.75rem;
      border-inline-end: 1px solid var(--countersign-line-strong);
      cursor: col-resize;
      touch-action: none;
      opacity: 0.5;
    }

    & .grip:hover,
    & .grip:active {
      border-inline-end: 3px solid var(--countersign-accent);
      opacity: 1;
    }

    & .body {
      position: relative;
      min-width: var(--cs-least);
    }

    & .window {
      position: absolute;
      inset-inline: 0;
    }

    & .row {
      grid-template-rows: 100%;
      height: var(--cs-row);
      line-height: calc(var(--cs-row) - 1px);
      border-block-end: 1px solid var(--countersign-line);
      contain: strict;
      cursor: default;
    }

    & .row:hover {
      background: var(--countersign-sunk);
    }

    & .row.current {
      background-color: color-mix(in srgb, var(--countersign-accent) 12%, var(--countersign-card));
      box-shadow: inset 3px 0 0 var(--countersign-accent);
    }

    & .row.current:dir(rtl) {
      box-shadow: inset -3px 0 0 var(--countersign-accent);
    }

    & .scroller:focus-visible .row.current {
      outline: 2px solid var(--countersign-accent);
      outline-offset: -2px;
    }

    & .cell {
      min-width: 0;
      padding-inline: 0.5rem;
      overflow: hidden;
      text-overflow: ellipsis;
      white-space: nowrap;
    }

    & .cell bdi {
      overflow-wrap: normal;
    }

    /* Each value is cut where it ends, in its own direction, and piled marks at the row's edges. */
    & .row .cell > :is(bdi, time, code),
    & .row .cell :is(.implied, .outcome, .named) bdi {
      display: block;
      width: fit-content;
      max-width: 100%;
      overflow: hidden;
      text-overflow: ellipsis;
    }

    & .named,
    & .outcome {
      display: flex;
      gap: 0.4em;
      min-width: 0;
    }

    & .named > bdi {
      flex: 0 1 auto;
    }

    /* The name is what somebody calls himself: the identifier stays in view beside it. */
    & .named > .faint {
      flex: 0 100 auto;
      min-width: 3em;
    }

    & .implied {
      color: var(--countersign-faint);
    }

    & .row .label {
      display: none;
    }

    & .sign {
      display: grid;
      place-items: center;
      color: var(--tone, var(--countersign-faint));
    }

    & .row .cell-time,
    & .row .cell-index,
    & .row .cell-line,
    & .row .cell-place {
      font-size: 0.9rem;
      font-variant-numeric: tabular-nums;
    }

    & .row .cell-place,
    & .row .cell-index,
    & .row .cell-line,
    & .row .cell-signer {
      color: var(--countersign-faint);
    }

    & .row .cell-index,
    & .row .cell-line {
      text-align: var(--cs-end);
    }

    & .row .cell-action {
      font-weight: 600;
    }

    & .outcome {
      align-items: center;
    }

    & .outcome.tone-bad {
      color: var(--tone);
      font-weight: 600;
    }

    & .whole,
    & .message.all {
      grid-column: 2 / -1;
    }

    & .unread .whole {
      grid-column: 1 / -1;
      color: var(--countersign-faint);
    }

    & .gap,
    & .withheld {
      background: repeating-linear-gradient(
        135deg,
        transparent 0 6px,
        color-mix(in srgb, var(--countersign-line) 45%, transparent) 6px 7px
      );
      color: var(--countersign-faint);
    }

    & .message,
    & .none,
    & .whole,
    & .label {
      unicode-bidi: plaintext;
    }

    & .message {
      grid-column: span var(--cs-span);
    }

    & .gap .message,
    & .withheld .message {
      color: var(--countersign-ink);
    }

    & .none {
      position: relative;
      display: grid;
      place-items: center;
      /* In the empty list, and not below it. */
      min-height: 6rem;
      margin-block-start: -6rem;
      padding: 1rem;
      color: var(--countersign-faint);
      pointer-events: none;
    }

    @container cs-rows (max-width: 36rem) {
      & .bar:has(.filtered, .unlisted) {
        flex-wrap: wrap;
        justify-content: end;
        row-gap: 0;
      }

      & .bar:has(.filtered, .unlisted) .bar-rest {
        flex: 1 0 100%;
      }

      & .none {
        min-height: 8rem;
        margin-block-start: -8rem;
      }

      & .probe,
      & .row {
        height: calc(var(--cs-lines) * 1.3rem + 1.1rem);
      }

      & .body,
      & .head,
      & .row {
        min-width: 0;
      }

      & .head {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
        border: 0;
      }

      & .row {
        grid-template-rows: none;
        grid-template-columns: 2rem minmax(0, 1fr) auto;
        grid-auto-rows: 1.3rem;
        align-content: start;
        padding-block: 0.55rem;
        line-height: 1.3rem;
      }

      & .row .cell {
        display: flex;
        grid-column: 2 / -1;
        gap: 0.5rem;
        padding-inline: 0.25rem;
        text-align: var(--cs-start);
      }

      & .row .cell > * {
        min-width: 0;
      }

      & .row .cell > .named {
        flex: 1;
      }

      & .row .cell.nil::after {
        color: var(--countersign-faint);
        content: "–" / "";
      }

      & :is(.gap, .withheld) .cell.nil,
      & .row .cell-outcome.nil {
        display: none;
      }

      & .row.gap {
        align-content: center;
      }

      & .row .label {
        display: block;
        flex: none;
        min-width: 5.5rem;
        color: var(--countersign-faint);
        font-size: 0.85rem;
        font-weight: 400;
      }

      & .row .cell-action {
        grid-column: 2;
        order: -2;
      }

      & .row .cell-outcome {
        grid-column: 3;
        order: -1;
      }

      & .row .cell-action .label,
      & .row .cell-outcome .label,
      & .row .cell-time .label {
        display: none;
      }

      & .sign {
        grid-row: 1;
        grid-column: 1;
        order: -3;
        height: 1.3rem;
      }

      & .row .message {
        display: block;
        grid-row: auto / span 3;
        order: -2;
        white-space: normal;
      }

      & .row.gap .message {
        grid-row: auto / span 4;
      }

      & .unread .whole {
        grid-column: 2 / -1;
      }
    }

    @container cs-rows (max-width: 24rem) {
      & .row .label {
        min-width: 5rem;
      }

      & .row .cell {
        font-size: 0.9rem;
      }

      & .row .cell-time {
        font-size: 0.8rem;
      }
    }

    @media (pointer: coarse) {
      --cs-row: 2.75rem;
    }

    @media (forced-colors: active) {
      & .row.current {
        outline: 2px solid Highlight;
        outline-offset: -2px;
      }
    }
  }

  cs-columns {
    & .chooser {
      width: min(100vw - 2rem, 34rem);
      max-height: min(100dvh - 2rem, 44rem);
      padding: 0;
      border: 1px solid var(--countersign-line);
      border-radius: 0.6rem;
      background: var(--countersign-card);
      color: var(--countersign-ink);
      box-shadow: 0 1rem 3rem rgb(10 14 18 / 25%);
    }

    & .chooser[open] {
      display: flex;
      flex-direction: column;
    }

    & .chooser::backdrop {
      background: rgb(10 14 18 / 45%);
    }

    & .chooser-head,
    & .chooser-foot {
      display: flex;
      align-items: center;
      justify-content: space-between;
      gap: 1rem;
      padding: 0.7rem 1.1rem;
    }

    & .chooser-head {
      border-block-end: 1px solid var(--countersign-line);
    }

    & .chooser-foot {
      border-block-start: 1px solid var(--countersign-line);
    }

    & .chooser-head h2 {
      font-size: 1.1rem;
    }

    & .chooser-body {
      flex: 1;
      overflow: auto;
      padding: 0.8rem 1.1rem;
    }

    & li {
      display: flex;
      align-items: center;
      min-height: 2.25rem;
    }

    & li + li {
      border-block-start: 1px solid var(--countersign-line);
    }

    & li label {
      display: flex;
      flex: 1;
      align-items: center;
      gap: 0.6rem;
      min-width: 0;
      min-height: 2.25rem;
      overflow-wrap: anywhere;
    }

    & ul {
      margin-block: 0.6rem 1rem;
    }

    & input[type="checkbox"] {
      flex: none;
      width: 1.1rem;
      height: 1.1rem;
      margin: 0;
      accent-color: var(--countersign-accent);
    }

    & .chooser-width {
      display: flex;
      align-items: center;
      color: var(--countersign-faint);
      font-size: 0.85rem;
      font-variant-numeric: tabular-nums;
      white-space: nowrap;
    }

    & .chooser-member {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0.3rem 0.5rem;
    }

    & .chooser-member label,
    & .chooser-member small {
      grid-column: 1 / -1;
    }

    & .chooser-member label {
      font-weight: 600;
    }

    & .chooser-member input {
      min-width: 0;
      min-height: 2.25rem;
      padding: 0.3rem 0.6rem;
      border: 1px solid var(--countersign-line-strong);
      border-radius: 0.45rem;
      background: var(--countersign-paper);
      font-family: var(--countersign-mono);
      font-size: 0.9em;
    }

    /* Where rows are cards, columns have no width. */
    @media (max-width: 30rem) {
      & .chooser-width {
        display: none;
      }
    }
  }
`;
