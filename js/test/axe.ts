/** What axe finds in a document, contrast and the sizes of targets (WCAG 2.2) among it. */

import axe from "axe-core";
import type { Page } from "playwright-core";

interface Choice {
  /** Looks at the first element of this selector alone, in a shadow tree or not. */
  readonly part?: string | undefined;
  /** Goes without these rules. */
  readonly without?: readonly string[];
}

/**
 * What is wrong with it, an entry for each rule.
 *
 * Run in the document itself, which takes a quarter of the time that axe's own adapter takes with a tab beside it, and
 * with no results of what is right.
 */
export async function violations(page: Page, { part, without = [] }: Choice = {}): Promise<readonly string[]> {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  return page.evaluate(
    async ([part, without]) => {
      const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
      const within = part === null ? document : find(document, part);
      if (within === null) throw new Error(`there is no ${part}`);
      const rules: Record<string, { enabled: boolean }> = { "target-size": { enabled: true } };
      for (const rule of without) rules[rule] = { enabled: false };
      const { violations } = await axe.run(within, { resultTypes: ["violations"], rules });
      return violations.map(
        ({ id, nodes }) =>
          `${id}: ${nodes
            .map(({ html, target, failureSummary }) => `${target} ${html.slice(0, 160)} ${failureSummary}`)
            .join(" | ")}`,
      );

      function find(root: ParentNode, selector: string): Element | null {
        const shadows = [...root.querySelectorAll("*")].flatMap(({ shadowRoot }) => shadowRoot ?? []);
        return shadows.reduce(
          (found: Element | null, shadow) => found ?? find(shadow, selector),
          root.querySelector(selector),
        );
      }
    },
    [part ?? null, without] as const,
  );
}

/** What stands for the page around a part that is shown by itself. */
export const OF_PAGES: readonly string[] = ["page-has-heading-one", "region"];
