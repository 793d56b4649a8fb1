/** What axe finds on a page. */

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";

/** What it finds, each with the elements and what is wrong with them. `choose` says what it looks at and by which rules. */
export async function violations(
  page: Page,
  choose: (builder: AxeBuilder) => AxeBuilder = (builder) => builder,
): Promise<unknown[]> {
  // The builder's own types are of another copy of the same Page. In one go: there are no frames to gather from.
  const { violations } = await choose(new AxeBuilder({ page: page as never }).setLegacyMode()).analyze();
  return violations.map(({ id, nodes }) => [id, nodes.map(({ target, failureSummary }) => [target, failureSummary])]);
}

/** The same where the page shows a part of the viewer by itself. */
export async function violationsOfPart(page: Page): Promise<unknown[]> {
  return violations(page, (builder) => builder.disableRules(["page-has-heading-one", "region"]));
}
