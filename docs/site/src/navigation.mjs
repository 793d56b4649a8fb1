/** The navigation, which is the lists of `docs/README.md`. */

import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { HOME, PROJECT, sitePath } from "./paths.mjs";

const ITEM = /^- \[(?<text>[^\]]+)\]\((?<link>[^)#]+\.md)\)(?:: .+)?$/;

/**
 * Returns the groups of pages: `{ text, items: [{ text, page }], groups: [{ text, items }] }`, where `page` is a path in
 * the project. A second-level heading begins a group, and a third-level heading begins a group within it.
 */
export function navigation(markdown = readFileSync(PROJECT + HOME, "utf8")) {
  const groups = [];
  let group;
  for (const line of markdown.split("\n")) {
    const heading = /^(##|###) (.+)$/.exec(line);
    if (heading?.[1] === "##") {
      group = { text: heading[2], items: [], groups: [] };
      groups.push(group);
    } else if (heading !== null) {
      if (groups.length === 0)
        throw new Error(`${HOME}: ${line}: a group must begin with a heading of level 2`);
      group = { text: heading[2], items: [] };
      groups.at(-1).groups.push(group);
    } else if (line.startsWith("- ")) {
      const item = ITEM.exec(line)?.groups;
      if (item === undefined || group === undefined) {
        throw new Error(
          `${HOME}: ${line}: an item must be "- [text](page.md): what the page is about", in a group`,
        );
      }
      group.items.push({ text: item.text, page: posix.join(posix.dirname(HOME), item.link) });
    }
  }
  return groups;
}

/** Returns the paths of all pages in the project, in order, including the home page. */
export function pages(groups = navigation()) {
  const own = ({ items, groups = [] }) => [...items.map(({ page }) => page), ...groups.flatMap(own)];
  return [HOME, ...groups.flatMap(own)];
}

/** Returns the groups as a sidebar of VitePress. Each generated page follows the page that it belongs to. */
export function sidebar(groups = navigation(), generated = []) {
  const link = ({ text, page }) => ({ text, link: `/${sitePath(page)}`, ...children(page) });
  const children = (page) => {
    const items = generated
      .filter(({ parent }) => parent === page)
      .map(({ text, page }) => ({ text, link: `/${page}` }));
    return items.length === 0 ? {} : { collapsed: true, items };
  };
  return groups.map(({ text, items, groups = [] }) => ({
    text,
    items: [...items.map(link), ...sidebar(groups, generated)],
  }));
}
