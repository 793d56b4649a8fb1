import { css } from "lit";
import { basics } from "./basics.js";
import { drawerStyles } from "./drawer.styles.js";
import { frameStyles } from "./frame.styles.js";
import { palette } from "./palette.js";
import { rowsStyles } from "./rows.styles.js";
import { stripStyles } from "./strip.styles.js";
import { tokens } from "./tokens.js";

/** The variables that a page may set on the element, as they are where it sets none. */
const variables = css`
  :host {
    color-scheme: light dark;
    ${palette}
    --countersign-round: 0.5rem;
    --cs-start: left;
    --cs-end: right;
    display: block;
    container: countersign / inline-size;
    color: var(--countersign-ink);
    font: 0.9375rem / 1.5 var(--countersign-sans);
  }

  :host([theme="light"]) {
    color-scheme: light;
  }

  :host([theme="dark"]) {
    color-scheme: dark;
  }

  :host(:dir(rtl)) {
    --cs-start: right;
    --cs-end: left;
  }

  :host([hidden]) {
    display: none;
  }
`;

/** All styles of the viewer. */
export const viewerStyles = [variables, basics, tokens, frameStyles, stripStyles, rowsStyles, drawerStyles];
