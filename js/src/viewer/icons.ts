import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

const PATHS = {
  verified: svg`<path d="M12 2.8 4.8 5.4v5.7c0 4.6 3 8.2 7.2 10.1 4.2-1.9 7.2-5.5 7.2-10.1V5.4z" /><path d="m8.4 11.9 2.6 2.6 4.7-5" />`,
  partial: svg`<path d="M12 2.8a9.2 9.2 0 0 1 0 18.4" /><path d="M12 2.8a9.2 9.2 0 0 0 0 18.4" stroke-dasharray="2.4 2.6" /><path d="m8.2 12.2 2.7 2.7 5-5.4" />`,
  unconfirmed: svg`<circle cx="10" cy="8" r="4.2" /><path d="M2.8 20.2c.5-4 3.4-6.2 7.2-6.2 1.2 0 2.3.2 3.2.6" /><path d="M16.3 15.2a2.3 2.3 0 1 1 3 2.2c-.7.2-.9.6-.9 1.2" /><path d="M18.4 21.3v.01" />`,
  not_checked: svg`<circle cx="12" cy="12" r="9.2" stroke-dasharray="3.6 2.95" /><path d="M9.3 9.6a2.7 2.7 0 1 1 3.7 2.5c-.7.3-1 .8-1 1.6" /><path d="M12 16.7v.01" />`,
  broken: svg`<path d="m10.5 6.5 1.8-1.8a4.4 4.4 0 0 1 6.2 6.2l-1.8 1.8" /><path d="m13.5 17.5-1.8 1.8a4.4 4.4 0 0 1-6.2-6.2l1.8-1.8" /><path d="M4 4l3 3M20 20l-3-3" />`,
  altered: svg`<path d="M8.2 2.8h7.6l5.4 5.4v7.6l-5.4 5.4H8.2l-5.4-5.4V8.2z" /><path d="m9 9 6 6m0-6-6 6" />`,
  pass: svg`<circle cx="12" cy="12" r="9.2" /><path d="m8 12.3 2.7 2.7 5.3-5.7" />`,
  fail: svg`<circle cx="12" cy="12" r="9.2" /><path d="m9 9 6 6m0-6-6 6" />`,
  unknown: svg`<circle cx="12" cy="12" r="9.2" stroke-dasharray="3.6 2.95" /><path d="M8.5 12h7" />`,
  waiting: svg`<path d="M6.5 2.8h11M6.5 21.2h11M7.5 2.8c0 5 9 5.5 9 9.2s-9 4.2-9 9.2M16.5 2.8c0 5-9 5.5-9 9.2s9 4.2 9 9.2" />`,
  warning: svg`<path d="M12 3.5 2.5 20h19z" /><path d="M12 9.5v5M12 17.3v.01" />`,
  info: svg`<circle cx="12" cy="12" r="9.2" /><path d="M12 11.2v5.3M12 7.8v.01" />`,
  file: svg`<path d="M6 2.8h8l4.5 4.5v13.9H6z" /><path d="M13.8 2.8v4.7h4.7" />`,
  key: svg`<circle cx="8" cy="15.5" r="4.5" /><path d="m11.3 12.3 8.7-8.7M16.5 7l3 3" />`,
  pin: svg`<path d="M12 21.2s-6.8-6-6.8-11.2a6.8 6.8 0 0 1 13.6 0c0 5.2-6.8 11.2-6.8 11.2z" /><circle cx="12" cy="10" r="2.4" />`,
  offline: svg`<path d="M5 11V8.5a7 7 0 0 1 14 0V11" /><rect x="3.5" y="11" width="17" height="10" rx="2.5" /><path d="M12 15v2.5" />`,
  close: svg`<path d="m5.5 5.5 13 13m0-13-13 13" />`,
  gap: svg`<path d="M3 5.5h18M3 18.5h18" /><path d="M3 12h2.5M10.5 12h3M18.5 12h2.5" />`,
  withheld: svg`<path d="M3.5 12S6.8 6 12 6c1.3 0 2.5.4 3.5.9M20.5 12s-3.3 6-8.5 6c-1.3 0-2.5-.4-3.5-.9" /><path d="m4 20 16-16" />`,
  columns: svg`<rect x="3" y="4.5" width="18" height="15" rx="1.8" /><path d="M9 4.5v15M15 4.5v15" />`,
  added: svg`<path d="M12 5v14M5 12h14" />`,
  removed: svg`<path d="M5 12h14" />`,
  changed: svg`<path d="M4 8.5h13m-3.5-4 4 4-4 4" /><path d="M20 15.5H7m3.5-4-4 4 4 4" />`,
  narrower: svg`<path d="M2.5 12H9M6 8.5 9.5 12 6 15.5M21.5 12H15m3-3.5L14.5 12l3.5 3.5" />`,
  wider: svg`<path d="M9.5 12H3m3.5-3.5L3 12l3.5 3.5M14.5 12H21m-3.5-3.5L21 12l-3.5 3.5" />`,
  copy: svg`<rect x="8.5" y="8.5" width="12" height="12" rx="1.8" /><path d="M15.5 5.5v-.2a1.8 1.8 0 0 0-1.8-1.8H5.3a1.8 1.8 0 0 0-1.8 1.8v8.4a1.8 1.8 0 0 0 1.8 1.8h.2" />`,
  save: svg`<path d="M12 3.5v11.5m-4.5-4.5L12 15l4.5-4.5M4 20.5h16" />`,
  search: svg`<circle cx="10.5" cy="10.5" r="6.7" /><path d="m15.6 15.6 5.2 5.2" />`,
  filter: svg`<path d="M3.5 5h17l-6.5 8v6.5l-4-2V13z" />`,
  check: svg`<path d="m4.5 12.8 5 5L19.5 6.5" />`,
  help: svg`<circle cx="12" cy="12" r="9.2" /><path d="M9.3 9.6a2.7 2.7 0 1 1 3.7 2.5c-.7.3-1 .8-1 1.6M12 16.7v.01" />`,
  flag: svg`<path d="M5.5 21.5V3.5" /><path d="M5.5 4.5c4-2.5 7 2 13 0v8.5c-6 2-9-2.5-13 0z" />`,
  up: svg`<path d="m5 15 7-7 7 7" />`,
  down: svg`<path d="m5 9 7 7 7-7" />`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof PATHS;

/** How a state is shown beside its icon and its word: never by its colour alone. */
export type Tone = "good" | "fair" | "doubt" | "bad" | "faint";

/** A drawing beside a word that says the same; assistive technology reads the word. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
