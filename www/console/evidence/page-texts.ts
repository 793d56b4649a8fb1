import type { PageTexts } from "../../src/texts/en.ts";
import type { ConsoleTexts } from "../texts/index.ts";

const loaded = new WeakMap<ConsoleTexts, PageTexts>();
const filed = new WeakMap<ConsoleTexts, PageTexts>();

/** Returns the page's texts for events that are loaded here: "here" instead of "this file". */
export function loadedTexts(t: ConsoleTexts): PageTexts {
  return cached(loaded, t, ({ page, ask: { words }, findings }) => {
    const { ask } = page.evidence;
    const { doubts, ...others } = words;
    const evidence = { ...page.evidence, ask: { ...ask, ...others, doubts: { ...ask.doubts, ...doubts } } };
    return { ...page, rules: { ...page.rules, ...findings.words }, evidence };
  });
}

/** Returns the page's texts for an evidence file that the console checks. */
export function filedTexts(t: ConsoleTexts): PageTexts {
  return cached(filed, t, ({ page, evidence: { words, ownWords } }) => {
    const { filed, own } = page.evidence;
    const evidence = { ...page.evidence, filed: { ...filed, ...words }, own: { ...own, ...ownWords } };
    return { ...page, evidence };
  });
}

/** Makes texts once, so that what shows them isn't updated each time. */
function cached(
  made: WeakMap<ConsoleTexts, PageTexts>,
  t: ConsoleTexts,
  make: (t: ConsoleTexts) => PageTexts,
): PageTexts {
  const texts = made.get(t) ?? make(t);
  made.set(t, texts);
  return texts;
}
