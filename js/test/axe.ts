/** Runs axe in a document, including the rules on contrast and target sizes (WCAG 2.2). */

import axe from "axe-core";
import type { Page } from "playwright-core";

interface Choice {
  /** Selector of the only element to check, also in shadow trees. */
  readonly part?: string | undefined;
  /** Rules to disable. */
  readonly without?: readonly string[];
}

/**
 * Returns the violations, one entry per rule.
 *
 * Runs in the document itself, which takes a quarter of the time of axe's own adapter with its additional tab, and
 * without results for passing checks.
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

/** Rules about whole pages, to disable for parts shown alone. */
export const OF_PAGES: readonly string[] = ["page-has-heading-one", "region"];
