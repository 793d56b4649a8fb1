import type { PageTexts } from "../../src/texts/en.ts";
import type { ConsoleTexts } from "../texts/index.ts";

const made = new WeakMap<ConsoleTexts, PageTexts>();

/** Returns the page's texts in the console's words: "here" instead of "this file". */
export function pageTexts(t: ConsoleTexts): PageTexts {
  const before = made.get(t);
  if (before !== undefined) return before;
  const { page } = t;
  const { ask, filed, own } = page.evidence;
  const { doubts, ...others } = t.ask.words;
  const texts = {
    ...page,
    rules: { ...page.rules, ...t.findings.words },
    evidence: {
      ...page.evidence,
      ask: { ...ask, ...others, doubts: { ...ask.doubts, ...doubts } },
      filed: { ...filed, ...t.evidence.words },
      own: { ...own, ...t.evidence.ownWords },
    },
  };
  made.set(t, texts);
  return texts;
}
