/** German. */

import { counting, grouped, sized } from "./figures.js";
import type { RowsTexts } from "./rows.js";

const LANG = "de-DE";
const count = grouped(LANG);
const counted = (one: string, many: string) => counting(LANG, one, many);
const bytes = sized(LANG, counted("Byte", "Byte"));

export const rowsDe: RowsTexts = {
  standing: {
    trusted: {
      word: "Vertrauter Unterzeichner",
      why: "Genau dies hat ein Schlüssel signiert, dem hier vertraut wird.",
    },
    unconfirmed: {
      word: "Unterzeichner nicht bestätigt",
      why: "Genau dies hat der Schlüssel signiert; ihm wurde aber nicht das Vertrauen ausgesprochen.",
    },
    suspect: {
      word: "Unterzeichner verdächtig",
      why: "Der Schlüssel wurde widerrufen oder nicht rechtzeitig bezeugt: Womöglich hat ein Dieb dies signiert.",
    },
    unsettled: {
      word: "Unterzeichner noch offen",
      why: "Genau dies hat der Schlüssel signiert. Ob ihm zu vertrauen ist, steht fest, sobald die ganze Datei gelesen ist.",
    },
  },
  list: {
    label: (rows) =>
      `${counted("Zeile", "Zeilen")(rows)}: signierte Ereignisse und was fehlt. Die Eingabetaste zeigt die Einzelheiten.`,
    standing: "Unterzeichner",
    reading: "Wird gelesen …",
    lost: "Der Browser hat diese Ereignisse verloren. Datei erneut prüfen.",
    none: "Keine Ereignisse.",
    gap: (leaves) =>
      leaves === 1
        ? "1 Blatt fehlt hier: vom Ersteller des Exports ausgelassen"
        : `${count(leaves)} Blätter fehlen hier: vom Ersteller des Exports ausgelassen`,
    gapPlace: (first, last) =>
      first === last ? `Blatt ${count(first)}` : `Blätter ${count(first)} bis ${count(last)}`,
    withheld: {
      erased: "Ereignis vorenthalten, ungeprüfter Grund: gelöscht",
      redacted: "Ereignis vorenthalten, ungeprüfter Grund: geschwärzt",
      filtered: "Ereignis vorenthalten, ungeprüfter Grund: nicht für diesen Export ausgewählt",
      unsaid: "Ereignis vorenthalten, ohne Angabe eines Grundes",
    },
  },
  columns: {
    names: {
      time: "Zeit",
      action: "Handlung",
      actor: "Akteur",
      target: "Ziel",
      outcome: "Ergebnis",
      tenant: "Mandant",
      place: "Kette / Nr.",
      signer: "Schlüssel",
      index: "Blatt",
      line: "Zeile",
    },
    open: "Spalten",
    heading: "Spalten",
    about: "Spalten ändern, was gezeigt wird, nicht, was geprüft wurde.",
    earlier: (column) => `${column} nach vorn rücken`,
    later: (column) => `${column} nach hinten rücken`,
    narrower: (column) => `${column} schmaler machen`,
    wider: (column) => `${column} breiter machen`,
    member: "Ein anderes Feld",
    memberHint: "Sein Pfad, etwa context.ip",
    add: "Hinzufügen",
    reset: "Wie zu Beginn",
    close: "Fertig",
  },
  drawer: {
    event: (line) => `Ereignis in Zeile ${count(line)}`,
    withheld: (line) => `Vorenthaltenes Ereignis in Zeile ${count(line)}`,
    gap: (line) => `Ausgelassene Blätter bei Zeile ${count(line)}`,
    position: (row, of) => `${count(row)} von ${count(of)}`,
    previous: "Voriges",
    next: "Nächstes",
    close: "Schließen",
    sentences: {
      all: "{actor}: {action}, betrifft {target}.",
      withoutTarget: "{actor}: {action}.",
      withoutActor: "Jemand ohne Namen: {action}, betrifft {target}.",
      actionAlone: "{action} hat stattgefunden.",
      outcome: "Ergebnis: {outcome}.",
      untold: "Das Ereignis sagt nicht in den üblichen Feldern, wer was getan hat.",
    },
    withheldAbout:
      "Ein Schlüssel hat signiert, dass hier ein Ereignis aufgezeichnet wurde. Das Ereignis selbst ist nicht in dieser Datei; über seinen Inhalt lässt sich daher nichts sagen.",
    withheldWhy: "Den Grund nennt der Ersteller des Exports. Nichts belegt ihn.",
    gapAbout: "Das Log enthält diese Blätter, die Datei nur einen Hash, der für sie steht.",
    gapUnknown: "Wie viele davon Ereignisse sind und was in ihnen steht, lässt sich aus dieser Datei nicht ersehen.",
    changes: "Was sich geändert hat",
    members: "Wie aufgezeichnet",
    place: "Sein Platz",
    proof: "Wie es bewiesen ist",
    bytes: "Die geprüften Bytes",
    facts: {
      time: "Aufgezeichnet am",
      chain: "Kette",
      seq: "Nummer",
      index: "Blatt",
      line: "Zeile",
      signer: "Schlüssel",
      id: "Schlüssel-ID",
      key: "Schlüssel",
      trust: "Vertrauen",
      leaves: "Blätter",
    },
    bySigner: "nach der Uhr des Unterzeichners",
    wholeKey: "Der ganze Prüfschlüssel",
    empty: "leer",
    looksLike: "sieht aus wie {other}, ist aber ein anderer Name",
    moreMembers: (members) => `${counted("weiteres Feld", "weitere Felder")(members)} nicht dargestellt.`,
    showMore: "Mehr zeigen",
    unreadable: "Seine Felder können hier nicht gezeigt werden; die Bytes stehen unten.",
    clipped: (shown, of) => `Die ersten ${count(shown)} von ${count(of)} Zeichen.`,
    showAll: "Alles zeigen",
    copy: "Kopieren",
    copied: "Kopiert",
    notCopied: "Der Browser erlaubt es nicht: Text markieren und kopieren",
  },
  diff: {
    kinds: { added: "Hinzugekommen", removed: "Entfallen", changed: "Geändert" },
    before: "Vorher",
    after: "Nachher",
    same: (members) =>
      members === 1 ? "1 Feld ist gleich geblieben." : `${count(members)} Felder sind gleich geblieben.`,
    nothing: "Vorher und nachher sind gleich.",
    more: (changes) => `${counted("weitere Änderung", "weitere Änderungen")(changes)} nicht dargestellt.`,
    onlyBefore: "Nur der Zustand vorher wurde aufgezeichnet.",
    onlyAfter: "Nur der Zustand nachher wurde aufgezeichnet.",
    about: "Nach Angabe des Aufzeichnenden: Er hat beide Zustände signiert, und dies ist ihr Unterschied.",
  },
  proof: {
    about: "Die Hashes führen von den Bytes bis zu den Signaturen, die für sie bürgen.",
    explain: "Beweis erklären",
    explaining: "Die Datei wird für den Beweis gelesen",
    read: (read, of) => `${bytes(read)} von ${bytes(of)}`,
    cancel: "Abbrechen",
    save: "Beweis sichern",
    saveAbout: "Ein Export dieses einen Ereignisses, den jeder prüfen kann.",
    failed: "Der Beweis konnte nicht erstellt werden.",
    again: "Noch einmal versuchen",
    states: { pass: "Stimmt", fail: "Stimmt nicht", not_checked: "Nicht geprüft" },
    steps: {
      event: { title: "Das Ereignis", about: "Seine Bytes, wie sie in der Datei stehen." },
      commit: {
        title: "Seine Festlegung",
        about:
          "Der Hash aus einem zufälligen Salz und diesen Bytes muss der sein, auf den sich das Glied festlegt. Ein einziges anderes Byte ergäbe einen anderen Hash.",
      },
      link: {
        title: "Sein Glied",
        about: "Die Zeile, die sein Unterzeichner daraus machte: Kette, Platz, Zeit und Festlegung.",
      },
      chain: {
        title: "Seine Kette",
        about:
          "Jedes Glied muss den Hash des vorigen enthalten; so lässt sich keines ändern, herausnehmen oder dazwischensetzen.",
      },
      signature: {
        title: "Die Signatur",
        about:
          "Eine gültige Signatur über ein Glied bürgt für dieses Glied und durch die Hashes für alle vor ihm in seiner Kette.",
      },
      key: { title: "Der Schlüssel", about: "Wessen Schlüssel es ist, und ob ihm hier vertraut wird." },
      leaf: {
        title: "Sein Blatt im Log",
        about: "Der Hash des Glieds muss ein Blatt im Baum des Logs sein.",
      },
      path: {
        title: "Der Weg den Baum hinauf",
        about: "Stufe für Stufe mit seinen Nachbarn gehasht, muss das Blatt die Wurzel des Baums ergeben.",
      },
      checkpoint: {
        title: "Der Checkpoint",
        about: "Die eigene Aussage des Logs über seine Größe und Wurzel. Das Blatt muss zu dieser Wurzel führen.",
      },
      log: {
        title: "Die Signatur des Logs",
        about: "Der Checkpoint muss vom Log signiert sein, mit einem Schlüssel, dem hier vertraut wird.",
      },
      witnesses: {
        title: "Die Zeugen",
        about:
          "Wer sonst denselben Checkpoint signiert hat. Mit genügend Zeugen kann das Log niemandem unbemerkt eine andere Geschichte zeigen.",
      },
    },
    facts: {
      bytes: "Bytes",
      salt: "Salz",
      reserialised: "Neu geschrieben nach",
      computed: "Hier berechnet",
      stated: "Wie angegeben",
      link: "Glied",
      chain: "Kette",
      seq: "Nummer",
      time: "Zeit",
      prev: "Hash des vorigen Glieds",
      hash: "Hash",
      open: "Erstes Glied der Kette",
      open_hash: "Sein Hash",
      next: "Nächstes Glied",
      signed: "Signierter Text",
      signature: "Signatur",
      vkey: "Prüfschlüssel",
      trust: "Vertrauen",
      statement: "Schlüsselnotiz",
      index: "Blatt",
      origin: "Log",
      size: "Blätter im Baum",
      root: "Wurzel",
      signer: "Signiert von",
    },
    hashes: counted("Hash", "Hashes"),
    level: "Stufe",
    side: "Seite",
    hash: "Hash des Nachbarn",
    node: "Ergibt",
    sides: { left: "links", right: "rechts" },
    verdict: "Der Beweis für sich:",
  },
};
