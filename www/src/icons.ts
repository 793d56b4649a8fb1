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
  warning: svg`<path d="M12 3.5 2.5 20h19z" /><path d="M12 9.5v5M12 17.3v.01" />`,
  info: svg`<circle cx="12" cy="12" r="9.2" /><path d="M12 11.2v5.3M12 7.8v.01" />`,
  file: svg`<path d="M6 2.8h8l4.5 4.5v13.9H6z" /><path d="M13.8 2.8v4.7h4.7" />`,
  key: svg`<circle cx="8" cy="15.5" r="4.5" /><path d="m11.3 12.3 8.7-8.7M16.5 7l3 3" />`,
  pin: svg`<path d="M12 21.2s-6.8-6-6.8-11.2a6.8 6.8 0 0 1 13.6 0c0 5.2-6.8 11.2-6.8 11.2z" /><circle cx="12" cy="10" r="2.4" />`,
  offline: svg`<path d="M5 11V8.5a7 7 0 0 1 14 0V11" /><rect x="3.5" y="11" width="17" height="10" rx="2.5" /><path d="M12 15v2.5" />`,
  close: svg`<path d="m5.5 5.5 13 13m0-13-13 13" />`,
  up: svg`<path d="m5 15 7-7 7 7" />`,
  down: svg`<path d="m5 9 7 7 7-7" />`,
} satisfies Record<string, SVGTemplateResult>;

export type IconName = keyof typeof PATHS;

/** A drawing beside a word that says the same; assistive technology reads the word. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
