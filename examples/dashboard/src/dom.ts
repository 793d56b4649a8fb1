/** Minimal view helpers for this page. */

type Child = Node | string | undefined | false;
type Attributes = { readonly [name: string]: string | boolean | undefined | ((event: Event) => void) };

/** Creates an element. Attributes that are functions become event listeners. */
export function el(name: string, attributes: Attributes = {}, ...children: readonly Child[]): HTMLElement {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(attribute, value);
    } else if (typeof value === "string" || value === true) {
      element.setAttribute(attribute, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

const PATHS = {
  queued: '<circle cx="12" cy="12" r="9"/><path d="M12 7v5.2l3.4 2"/>',
  sending: '<path d="M12 20V5"/><path d="m5.5 11 6.5-6.5 6.5 6.5"/>',
  proven: '<path d="m4.5 12.8 4.8 4.8L19.5 7"/>',
  verified:
    '<path d="M12 2.8 4.8 5.4v5.7c0 4.6 3 8.2 7.2 10.1 4.2-1.9 7.2-5.5 7.2-10.1V5.4z"/><path d="m8.4 11.9 2.6 2.6 4.7-5"/>',
  doubt:
    '<circle cx="12" cy="12" r="9" stroke-dasharray="3.6 2.9"/><path d="M9.3 9.6a2.7 2.7 0 1 1 3.7 2.5c-.7.3-1 .8-1 1.6M12 16.7v.01"/>',
  failed: '<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>',
  warning: '<path d="M12 3.5 2.5 20h19z"/><path d="M12 9.5v5M12 17.3v.01"/>',
  run: '<path d="M7 4.5v15l12-7.5z"/>',
  pause: '<path d="M8 5v14M16 5v14"/>',
  remove: '<path d="M4.5 6.5h15M9.5 6V4h5v2M6.5 6.5l1 13.5h9l1-13.5"/>',
} as const;

export type IconName = keyof typeof PATHS;

/** Returns a decorative icon next to a label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = PATHS[name];
  return svg;
}

const COUNT = new Intl.NumberFormat("en");

/** Formats a number with its unit. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${COUNT.format(count)} ${count === 1 ? one : many}`;
}
