/** German. */

import { SENTENCES } from "./core.de.js";
import { fromCore } from "./core.js";
import { counting, grouped, lasting, sized } from "./figures.js";
import { frameDe } from "./frame.de.js";
import { rowsDe } from "./rows.de.js";
import type { ResultTexts, Texts } from "./texts.js";

const LANG = "de";
const counted = (one: string, many: string) => counting(LANG, one, many);

const NEVER_TRUTH =
  "Es bedeutet nicht, dass die Ereignisse wahr sind, und nicht, dass alles aufgezeichnet wurde, was geschah: nur, dass genau das signiert wurde.";
const ONE_BY_ONE = "Jedes gezeigte Ereignis hat eine gültige Signatur. Auf die Datei als Ganzes ist kein Verlass.";

const result: ResultTexts = {
  verdicts: {
    altered: {
      word: "Verändert.",
      says: "Etwas hier ist nicht das, was aufgezeichnet wurde.",
      not: [
        "Es sagt nicht, wer etwas verändert hat und ob mit Absicht: Eine beschädigte und eine gefälschte Datei sehen gleich aus.",
        ONE_BY_ONE,
      ],
      next: "Die Fehler unten ansehen, diese Datei als Beleg aufheben und den Export noch einmal an seiner Quelle anfordern.",
    },
    broken: {
      word: "Fehlerhaft.",
      says: "Etwas fehlt, kommt doppelt vor, steht in falscher Reihenfolge, ist nicht erlaubt oder anders als erwartet. Manipulation oder ein fehlerhafter Schreiber.",
      not: ["Es sagt nicht, was von beidem: Die Fehler unten zeigen, was wo gefunden wurde.", ONE_BY_ONE],
      next: "Die Fehler unten ansehen, diese Datei aufheben und den Export noch einmal an seiner Quelle anfordern.",
    },
    not_checked: {
      word: "Nicht zu Ende geprüft.",
      says: "Das sagt nichts über die Unversehrtheit des Logs.",
      not: [
        "Es bedeutet weder Manipulation noch, dass alles bestanden ist: Eine hier nötige Prüfung blieb ohne Antwort. Welche und warum, sagen die Prüfungen unten.",
        "Die Prüfungen unten zeigen, welche und warum.",
      ],
      next: "Oft fehlt eine Vertrauensdatei oder ein neuerer Export mit einem Checkpoint.",
    },
    unconfirmed: {
      word: "In sich stimmig, Unterzeichner nicht bestätigt.",
      says: "Signiert mit einem Schlüssel, dem hier niemand vertraut hat: Jeder könnte das gemacht haben.",
      not: [
        "Es bedeutet nicht, dass etwas manipuliert wurde. Aber wer einen Export mit eigenem Schlüssel frei erfindet, bekommt dasselbe Urteil.",
      ],
      next: "Eine Vertrauensdatei oder den Schlüssel des Unterzeichners von jemandem beschaffen, dem zu trauen ist, auf einem anderen Weg als diese Datei.",
    },
    partial: {
      word: "Unversehrt, Vollständigkeit nicht gezeigt.",
      says: "Frühere, spätere oder andere Ereignisse kann es geben, oder einige sind vorenthalten.",
      not: [
        "Es bedeutet nicht, dass etwas manipuliert wurde: Oft wurde nur ein Teil eines Logs angefordert.",
        NEVER_TRUTH,
      ],
      next: "",
    },
    verified: {
      word: "Geprüft.",
      says: "Unverändert, in richtiger Reihenfolge, signiert mit Schlüsseln, denen vertraut wird",
      not: [NEVER_TRUTH],
      next: "",
    },
  },
  complete: {
    range: (first, last) => `vollständig für die Blätter ${first} bis ${last} dieses Logs.`,
    closure: "vollständig für die gezeigten Ketten.",
    unseenWithLog:
      "Ein auf einen früheren Stand gekürztes Log fällt nur gegenüber einem Pin oder einem Höchstalter auf: den Pin für das nächste Mal sichern.",
    unseenWithoutLog:
      "Ohne Log fällt nicht auf, wenn eine ganze Kette oder eine Schlüsselnotiz aus der Datei genommen wurde, auch nicht die Reihenfolge der Ketten.",
  },
  checks: {
    format: { title: "Format", about: "Jede Zeile ist wohlgeformt", items: counted("Zeile", "Zeilen") },
    payloads: {
      title: "Ereignisse",
      about: "Jedes Ereignis ist das, auf das sein Glied festgelegt ist",
      items: counted("Ereignis", "Ereignisse"),
    },
    chains: { title: "Ketten", about: "Jedes Glied folgt auf das vorige", items: counted("Glied", "Glieder") },
    signatures: {
      title: "Signaturen",
      about: "Vertraute Schlüssel decken jedes Glied",
      items: counted("Glied", "Glieder"),
    },
    tree: {
      title: "Baum",
      about: "Die Checkpoints passen zu den Blättern",
      items: counted("Checkpoint", "Checkpoints"),
    },
    log: {
      title: "Log",
      about: "Die Checkpoints sind vom Log signiert",
      items: counted("Checkpoint", "Checkpoints"),
    },
    range: { title: "Bereich", about: "Der angegebene Bereich ist ganz da", items: counted("Bereich", "Bereiche") },
    append_only: {
      title: "Nur angefügt",
      about: "Das Log ist seit den Pins nur gewachsen",
      items: counted("Pin", "Pins"),
    },
    witnesses: {
      title: "Zeugen",
      about: "Genügend vertraute Zeugen haben mitsigniert",
      items: counted("Checkpoint", "Checkpoints"),
    },
    time: {
      title: "Zeit",
      about: "Kein Glied ist vor dem datiert, auf das es folgt",
      items: counted("Glied", "Glieder"),
    },
    closure: {
      title: "Abschluss",
      about: "Jede Kette ist abgeschlossen und ganz",
      items: counted("Kette", "Ketten"),
    },
    expected: {
      title: "Erwartung",
      about: "Es ist das, was verlangt wurde",
      items: counted("Erwartung", "Erwartungen"),
    },
  },
  states: { pass: "Bestanden", fail: "Fehler", not_checked: "Nicht geprüft" },
  severities: {
    error: counted("Fehler", "Fehler"),
    warning: counted("Warnung", "Warnungen"),
    info: counted("Hinweis", "Hinweise"),
  },
  unread: {
    says: "Das sagt nichts über die Unversehrtheit des Logs.",
    not: ["Es bedeutet weder Manipulation noch, dass alles bestanden ist: Nichts in der Datei wurde geprüft."],
    next: "Was die Datei zu sein scheint und was zu tun ist, steht unten beim Befund.",
  },
  logUnconfirmed: {
    word: "In sich stimmig, Log nicht bestätigt.",
    says: "Den letzten Checkpoint hat kein vertrauter Schlüssel des Logs signiert: Jeder könnte diese Ketten zusammengestellt haben.",
    not: [
      "Es bedeutet nicht, dass etwas manipuliert wurde, und die Ereignisse sind mit vertrauten Schlüsseln signiert. Aber Ketten oder ihre Enden können fehlen.",
    ],
    next: "Den Schlüssel des Logs von jemandem beschaffen, dem zu trauen ist, auf einem anderen Weg als diese Datei, und in die Vertrauensdatei aufnehmen.",
  },
  signers: {
    trust_file: { word: "Vertraut", why: "Die Vertrauensdatei nennt diesen Schlüssel als Unterzeichner." },
    granted: { word: "Vertraut", why: "Ein vertrauter Aussteller hat ihn in diesem Log zugelassen." },
    revoked: {
      word: "Widerrufen",
      why: "Dieser Schlüssel wurde widerrufen, in diesem Log oder in der Vertrauensdatei.",
    },
    unknown: {
      word: "Nicht bestätigt",
      why: "Niemand, dem vertraut wird, bürgt für diesen Schlüssel. Sein Name ist nur, wie der Unterzeichner sich selbst nennt.",
    },
  },
  codes: {
    "append_only.not_reached": "Mit dem Pin nicht zu vergleichen",
    "append_only.rollback": "Das Log ist kleiner als zur Zeit des Pins",
    "append_only.split_view": "Das Log ist ein anderes als das des Pins",
    "chain.after_close": "Ein Glied nach dem Ende der Kette",
    "chain.fork": "Zwei Glieder für einen Platz",
    "chain.gap": "Glieder fehlen",
    "chain.jump": "Glieder sind ausgelassen",
    "chain.no_open": "Das erste Glied der Kette fehlt",
    "chain.open": "Die Kette ist nicht abgeschlossen",
    "chain.origin": "Die Kette gehört zu einem anderen Log",
    "chain.prev": "Ein Glied folgt nicht aus dem vorigen",
    "expected.age": "Die Zeit des Logs ist zu alt",
    "expected.origin": "Ein anderes Log als erwartet",
    "expected.range": "Erwartete Blätter fehlen",
    "format.checkpoint": "Ein fehlerhafter Checkpoint",
    "format.compression": "Auf eine Weise gepackt, die nicht gelesen wird",
    "format.header": "Kein countersign-Export, oder sein Kopf ist beschädigt",
    "format.leaf_size": "Ein Blatt ist zu groß",
    "format.line": "Eine fehlerhafte Zeile",
    "format.link": "Ein fehlerhaftes Glied",
    "format.note": "Eine fehlerhafte Schlüsselnotiz",
    "format.truncated": "Die Datei wurde abgeschnitten",
    "format.unknown_member": "Ein Feld, das nicht geprüft wird",
    "key.expired": "Signiert nach der Zeit des Schlüssels",
    "key.late": "Nicht rechtzeitig bezeugt",
    "key.not_yet_valid": "Signiert vor der Zeit des Schlüssels",
    "key.revoked": "Signiert mit einem widerrufenen Schlüssel",
    "key.statement": "Eine Schlüsselnotiz ohne Wirkung",
    "key.suspect": "Vielleicht von einem Dieb signiert",
    "key.unknown": "Ein Schlüssel, dem niemand vertraut hat",
    "key.unseen": "Ein Widerruf kann unter dem Ausgelassenen sein",
    "log.origin": "Ein Checkpoint eines anderen Logs",
    "log.signature": "Die Signatur des Logs ist ungültig",
    "log.unknown": "Kein vertrauter Schlüssel des Logs hat signiert",
    "payload.duplicate_member": "Ein Ereignis hat ein Feld zweimal",
    "payload.mismatch": "Ein Ereignis ist nicht das aufgezeichnete",
    "payload.reserialised": "Ein Ereignis wurde umformatiert",
    "payload.withheld": "Ein Ereignis ist vorenthalten",
    "range.missing": "Angegebene Blätter fehlen",
    "signature.invalid": "Eine Signatur ist ungültig",
    "signature.unsigned_tail": "Glieder, die keine Signatur deckt",
    "time.future": "Später datiert, als es schon da war",
    "time.late": "Lange vor der Zeit des Logs datiert",
    "time.order": "Die Zeit läuft zurück",
    "tree.position": "Ein Checkpoint am falschen Platz",
    "tree.root": "Die Blätter sind nicht die des Checkpoints",
    "tree.skip_alignment": "Eine Auslassung, wo keine stehen kann",
    "tree.uncovered": "Blätter nach dem letzten Checkpoint",
    "witness.quorum": "Zu wenige vertraute Zeugen haben mitsigniert",
    "witness.signature": "Die Mitsignatur eines Zeugen ist ungültig",
  },
};

/** What the viewer says in German. */
export const de: Texts = {
  ...frameDe,
  lang: LANG,
  core: fromCore(SENTENCES, grouped(LANG)),
  figures: {
    count: grouped(LANG),
    bytes: sized(LANG, counted("Byte", "Byte")),
    duration: lasting("weniger als eine Sekunde"),
    events: counted("Ereignis", "Ereignisse"),
    leaves: counted("Blatt", "Blätter"),
    chains: counted("Kette", "Ketten"),
  },
  result,
  rows: rowsDe,
};
