import { html } from "lit";
import type { Health } from "../health.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { wordsOf } from "../words.ts";
import { type Card, type StatusInput, toTheSecond } from "./card.ts";

/** Says what the log operator states about the storage. It is never shown as checked. */
export function storageCard({ storage, isTenant }: StatusInput, t: ConsoleTexts): Card {
  const words = t.overview.storage;
  const card = (rest: Omit<Card, "name">): Card => ({ name: "storage", ...rest });
  if (isTenant) return card({ state: "claimed", says: words.ofServer, more: [] });
  const { health, refusal, isAsking, at } = storage;
  if (health === undefined) {
    if (isAsking) return card({ state: "waiting", says: words.asking, more: [] });
    const why = refusal === undefined ? words.unreadable : `${t.refusals[wordsOf(refusal)].title}.`;
    return card({ state: "unchecked", says: words.unknown(why), more: [], action: "refresh-storage" });
  }
  return card({
    state: health.healthy ? "claimed" : "bad",
    says: health.healthy ? words.healthy : words.unhealthy,
    more: [
      problemWords(health, t),
      roomWords(health, t),
      ...(health.backup === undefined
        ? []
        : [html`${t.storage.kept.backup}: ${toTheSecond(health.backup.at)}`]),
      ...(at === undefined ? [] : [html`${t.storage.asked} ${toTheSecond(at.toISOString())}`]),
    ].filter((sentence) => sentence !== ""),
  });
}

/** Returns which parts of the log have problems, if any have. */
function problemWords({ problems }: Health, t: ConsoleTexts): string {
  const parts = new Set(problems.map(({ part }) => t.storage.parts[part]));
  return parts.size === 0 ? "" : t.storage.problemsWith([...parts].join(", "));
}

/** Returns how much room is left, and that there is no backup, if the log says so. */
function roomWords({ storage: { kind, room }, backup }: Health, t: ConsoleTexts): string {
  const { bytes } = t.viewer.figures;
  return [
    room === undefined ? "" : `${t.storage.kept.free({ free: bytes(room.free), total: bytes(room.total) })}.`,
    kind === "folder" && backup === undefined ? t.overview.storage.noBackup : "",
  ]
    .filter(Boolean)
    .join(" ");
}
