import type { Case, Part } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { ofAll } from "./parts.ts";
import { progressAnnouncement } from "./progress.ts";
import { type VerdictContext, verdictAnnouncement } from "./verdict.ts";

/** Progress between two announcements, in percent. */
const ANNOUNCE_EACH = 10;

/** Returns the announcement of a case to screen readers; empty if there is none. */
export function announcement(work: Case, contextOf: (part: Part) => VerdictContext, t: PageTexts): string {
  switch (work.phase) {
    case "empty":
      return "";
    case "verifying":
    case "agreeing":
      return progressAnnouncement(work, ANNOUNCE_EACH, t);
    case "canceled":
      return t.stopped.canceled;
    case "failed":
      return failed(work, t);
    case "done":
      return [...verdicts(work, contextOf, t), ...together(work, t)].join(" ");
  }
}

function verdicts({ parts }: Case, contextOf: (part: Part) => VerdictContext, t: PageTexts): string[] {
  return parts.flatMap((part) => {
    const { file, session } = part;
    if (!session?.verification) return [];
    const verdict = verdictAnnouncement(part, session.verification, contextOf(part), t);
    return [parts.length === 1 ? verdict : `${file.name}: ${verdict}`];
  });
}

function together({ parts }: Case, t: PageTexts): string[] {
  return parts.length === 1 ? [] : ofAll(parts, t).map(({ words }) => words);
}

function failed({ failure }: Case, t: PageTexts): string {
  const { message = "", phrases } = failure ?? {};
  return `${t.stopped.said} ${t.viewer.core(message, phrases) ?? message}`;
}
