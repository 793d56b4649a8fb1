import { html } from "lit";
import type { Language } from "../texts/index.ts";

const en = {
  filed: {
    heading: "Evidence file",
    opening: "Checking what is in this evidence file…",
    refused: "This evidence file doesn’t verify",
    refusedAbout: "Nothing of what is in it is shown.",
    place: (line: number | undefined) => (line === undefined ? "" : `Line ${line} of the evidence: `),
    verified: (when: unknown, events: string) =>
      html`This page has just checked what is in the file (${when}): ${events}. They give the same report as the one in the file.`,
    own: "The page in the file is, byte for byte, the one that you are using.",
    other: (sha256: unknown) =>
      html`The page in the file isn’t the one that you are using: it is of another version, or somebody altered it. It wasn’t run. Its
        SHA-256 is ${sha256}; releases publish theirs in SHA256SUMS.`,
    inside: html`You are using the copy of the page in the file. Whoever edits the file can edit that copy too, and it can then say anything.
      For what matters, open a copy that you got from a release and drop this file on it, or run <code>countersign report --check</code>.`,
    trust:
      "Checked by the trust file in it, which is its writer’s choice. If you have one from somebody you trust, choose it above.",
    keys: "This came out of an evidence file. Unless you chose a trust file of your own, the keys are those that its writer trusts.",
    ownTrust: "Below, its events are checked by the keys that you trust, not by the trust file in it.",
    whole: "Of the whole export its writer’s tool said:",
    wholeAbout:
      "That can be checked with the export, and not from this file. Compare the SHA-256 with the export, where you can get it.",
    sections: (count: string, of: number) =>
      `What its writer says (${count} ${of === 1 ? "section" : "sections"})`,
    sectionsAbout:
      "This was written by whoever made the file. The events it speaks of were checked here; what it says of them was not.",
    made: "Made by",
    facts: "What it is of, who made it, and by which keys",
    file: "Export",
    trustFile: "Trust file",
    pins: "Pins",
    query: "Query",
    all: "all events",
    selected: "Selected",
    sample: "Sample",
    reference: "Reference",
    examiner: "Examiner",
    papers: "Notes",
  },
  make: {
    heading: "Evidence",
    about:
      "Saves the events that your search on the Events tab shows, with their proofs. Without a search, it saves all of them.",
    reference: "Reference",
    examiner: "Examiner",
    typed: "Both appear in what you save and print. They are sent nowhere.",
    save: "Save as evidence",
    saveAbout:
      "One HTML file with the selected events, the trust file, the report and this page. It verifies itself when it is opened, offline.",
    working: "Working…",
    selection: "Events to save:",
    toSearch: "Go to the search",
    sampled: (events: string) => `A sample of ${events} is saved.`,
    sampleDropped: "The search changed, so the sample was dropped. Draw another.",
    saved: (events: string, name: string) => `Saved ${events}: ${name}.`,
    reported: (events: string, name: string) => `Saved the report on ${events}: ${name}.`,
    tooLong: "There are more than 64 MB of events. Search for fewer, or draw a sample.",
    nothing: "The search finds no event to save.",
    notReady: "This isn’t ready yet. Try again in a moment.",
    question: "Answer a question",
    who: "Who",
    from: "From",
    until: "To",
    actions: "Actions",
    actionsHint: "such as user.update, role.*",
    answer: "Save slice, report and evidence",
    answerAbout: "Searches for it in place of the search on the Events tab, then saves the three files.",
    asks: "Searches for:",
    noQuestion: "Fill in at least one field.",
    sampleHeading: "Draw a sample for testing",
    size: "How many",
    seed: "Seed",
    seedAbout: "A text that both sides agreed on before they saw the log.",
    draw: "Draw",
    drop: "Use all events again",
    noRoot: "No checkpoint of this export matches, and a sample is drawn by the root of one.",
    drawn: (drawn: string, of: string) => `${drawn} of ${of}, drawn by`,
    witnessed: "the last checkpoint that witnesses saw",
    unwitnessed: "the last checkpoint, which no quorum of witnesses saw",
    root: "Root",
    again: "Anyone draws the same:",
    papers: "Ticks, flags and notes",
    papersAbout:
      "They stay in this browser’s storage, beside the file’s SHA-256. Those on the events to save go into what you save.",
    notKept: "This browser keeps nothing: save the evidence before you close the page.",
    full: "No more than 1,000 events can have notes.",
    open: "Show the events",
    first: (shown: string, of: string) =>
      `The first ${shown} of ${of}. Search for what you want to annotate.`,
    leaf: "Entry",
    time: "Recorded",
    happened: "Happened",
    what: "Who, what, to what",
    tick: "Ticked",
    flag: "Flagged",
    comment: "Note",
    withheldRow: "withheld",
  },
  paper: {
    filter: "Search",
    events: "Events",
    more: (more: string) => `${more} more are in the evidence file or the slice.`,
    page: "Page",
    here: "Search in it",
    contained: "Export in the evidence",
    noHash: "not computed yet",
    inError: "error",
    refused: "The search has an error, so no events are printed:",
    waiting: "The events weren’t loaded yet when this was printed, so they are missing here. Print it again.",
    printReference: "Reference of this print",
    printExaminer: "Printed by",
  },
};

export type EvidenceTexts = typeof en;

const de: EvidenceTexts = {
  filed: {
    heading: "Beweisdatei",
    opening: "Der Inhalt dieser Beweisdatei wird geprüft …",
    refused: "Diese Beweisdatei hält der Prüfung nicht stand",
    refusedAbout: "Von ihrem Inhalt wird nichts gezeigt.",
    place: (line) => (line === undefined ? "" : `Zeile ${line} des Beweises: `),
    verified: (when, events) =>
      html`Diese Seite hat den Inhalt der Datei soeben geprüft (${when}): ${events}. Sie ergeben denselben Bericht wie den in der Datei.`,
    own: "Die Seite in der Datei ist Byte für Byte die, die Sie benutzen.",
    other: (sha256) =>
      html`Die Seite in der Datei ist nicht die, die Sie benutzen: Sie gehört zu einer anderen Version, oder jemand hat sie verändert. Sie
        wurde nicht ausgeführt. Ihr SHA-256 ist ${sha256}; jede Veröffentlichung nennt ihren in SHA256SUMS.`,
    inside: html`Sie benutzen die Kopie der Seite in der Datei. Wer die Datei bearbeitet, kann auch diese Kopie bearbeiten, und dann sagt sie
      irgendetwas. Wenn es darauf ankommt, öffnen Sie eine Kopie aus einer Veröffentlichung und ziehen diese Datei darauf, oder benutzen Sie
      <code>countersign report --check</code>.`,
    trust:
      "Geprüft mit der Vertrauensdatei darin, die der Verfasser gewählt hat. Wenn Sie eine von jemandem haben, dem Sie vertrauen, wählen Sie sie oben.",
    keys: "Das kommt aus einer Beweisdatei. Wenn Sie keine eigene Vertrauensdatei gewählt haben, sind die Schlüssel die, denen ihr Verfasser vertraut.",
    ownTrust:
      "Unten sind die Ereignisse mit den Schlüsseln geprüft, denen Sie vertrauen, nicht mit der Vertrauensdatei darin.",
    whole: "Über den ganzen Export sagte das Programm des Verfassers:",
    wholeAbout:
      "Das lässt sich mit dem Export prüfen, nicht aus dieser Datei. Vergleichen Sie den SHA-256 mit dem Export, wenn Sie ihn bekommen können.",
    sections: (count: string, of: number) =>
      `Was der Verfasser sagt (${count} ${of === 1 ? "Abschnitt" : "Abschnitte"})`,
    sectionsAbout:
      "Das hat geschrieben, wer die Datei erstellt hat. Die Ereignisse, von denen es handelt, sind hier geprüft; was darüber gesagt wird, ist es nicht.",
    made: "Erstellt mit",
    facts: "Wovon sie ist, von wem, und nach welchen Schlüsseln",
    file: "Export",
    trustFile: "Vertrauensdatei",
    pins: "Pins",
    query: "Suche",
    all: "alle Ereignisse",
    selected: "Ausgewählt",
    sample: "Stichprobe",
    reference: "Aktenzeichen",
    examiner: "Geprüft von",
    papers: "Notizen",
  },
  make: {
    heading: "Beweise",
    about:
      "Speichert die Ereignisse, die Ihre Suche unter Ereignisse zeigt, mit ihren Beweisen. Ohne Suche sind es alle.",
    reference: "Aktenzeichen",
    examiner: "Geprüft von",
    typed: "Beides steht in dem, was Sie speichern und drucken. Es wird nirgendwohin gesendet.",
    save: "Als Beweis speichern",
    saveAbout:
      "Eine HTML-Datei mit den ausgewählten Ereignissen, der Vertrauensdatei, dem Bericht und dieser Seite. Sie prüft sich selbst, wenn man sie öffnet, auch offline.",
    working: "In Arbeit …",
    selection: "Zu speichern:",
    toSearch: "Zur Suche",
    sampled: (events) => `Gespeichert wird eine Stichprobe davon: ${events}.`,
    sampleDropped: "Die Suche wurde geändert; die Stichprobe gilt nicht mehr. Ziehen Sie eine neue.",
    saved: (events, name) => `${events} gespeichert: ${name}.`,
    reported: (events, name) => `Bericht über ${events} gespeichert: ${name}.`,
    tooLong: "Es sind mehr als 64 MB Ereignisse. Suchen Sie nach weniger, oder ziehen Sie eine Stichprobe.",
    nothing: "Die Suche findet kein Ereignis, das zu speichern wäre.",
    notReady: "Das ist noch nicht bereit. Versuchen Sie es gleich noch einmal.",
    question: "Eine Frage beantworten",
    who: "Wer",
    from: "Von",
    until: "Bis",
    actions: "Aktionen",
    actionsHint: "etwa user.update, role.*",
    answer: "Auszug, Bericht und Beweis speichern",
    answerAbout: "Sucht danach anstelle der Suche unter Ereignisse und speichert dann die drei Dateien.",
    asks: "Sucht nach:",
    noQuestion: "Füllen Sie mindestens ein Feld aus.",
    sampleHeading: "Eine Stichprobe zum Prüfen ziehen",
    size: "Wie viele",
    seed: "Startwert",
    seedAbout: "Ein Text, auf den sich beide Seiten geeinigt haben, bevor sie das Log sahen.",
    draw: "Ziehen",
    drop: "Wieder alle Ereignisse verwenden",
    noRoot:
      "Kein Checkpoint dieses Exports passt, und eine Stichprobe wird mit der Wurzel eines Checkpoints gezogen.",
    drawn: (drawn, of) => `${drawn} von ${of}, gezogen mit`,
    witnessed: "dem letzten Checkpoint, den Zeugen sahen",
    unwitnessed: "dem letzten Checkpoint, den kein Quorum von Zeugen sah",
    root: "Wurzel",
    again: "Jeder zieht dieselbe:",
    papers: "Haken, Markierungen und Notizen",
    papersAbout:
      "Sie bleiben im Speicher dieses Browsers, beim SHA-256 der Datei. Die zu den gespeicherten Ereignissen stehen in dem, was Sie speichern.",
    notKept: "Dieser Browser behält nichts: Speichern Sie den Beweis, bevor Sie die Seite schließen.",
    full: "Nicht mehr als 1.000 Ereignisse können Notizen haben.",
    open: "Ereignisse zeigen",
    first: (shown, of) =>
      `Die ersten ${shown} von ${of}. Suchen Sie nach dem, wozu Sie etwas notieren wollen.`,
    leaf: "Eintrag",
    time: "Aufgezeichnet",
    happened: "Geschehen",
    what: "Wer, was, womit",
    tick: "Abgehakt",
    flag: "Markiert",
    comment: "Notiz",
    withheldRow: "zurückgehalten",
  },
  paper: {
    filter: "Suche",
    events: "Ereignisse",
    more: (more) => `${more} weitere sind in der Beweisdatei oder im Auszug.`,
    page: "Seite",
    here: "Suche darin",
    contained: "Export in der Beweisdatei",
    noHash: "noch nicht berechnet",
    inError: "fehlerhaft",
    refused: "Die Suche enthält einen Fehler, deshalb sind keine Ereignisse gedruckt:",
    waiting: "Beim Drucken waren die Ereignisse noch nicht geladen; sie fehlen hier. Noch einmal drucken.",
    printReference: "Aktenzeichen dieses Ausdrucks",
    printExaminer: "Gedruckt von",
  },
};

const TEXTS: Readonly<Record<Language, EvidenceTexts>> = { en, de };

/** What is said about evidence, in the page's language. */
export function evidenceTexts(lang: string): EvidenceTexts {
  return lang === "de" ? TEXTS.de : TEXTS.en;
}
