import { de as viewer } from "@countersign/ui/viewer/texts/de.js";
import { counting } from "@countersign/ui/viewer/texts/figures.js";
import { html } from "lit";
import { wordsOf } from "../evidence/name-words.ts";
import type { KeyKind } from "../input/trust.ts";
import { daysIn, listed } from "./days.ts";
import type { PageTexts } from "./en.ts";

const LANG = "de";
const { count, events, entries } = viewer.figures;
const files = counting(LANG, "Datei", "Dateien");
const keys = counting(LANG, "weiterer Schlüssel", "weitere Schlüssel");
const checkpoints = counting(LANG, "Checkpoint", "Checkpoints");
const days = daysIn(LANG);
const dayCount = counting(LANG, "Tag", "Tage");
const anyOf = (names: readonly string[]) => new Intl.ListFormat(LANG, { type: "disjunction" }).format(names);
const quote = (name: string) => `„${name}“`;
const allOf = (words: readonly string[]) =>
  new Intl.ListFormat(LANG, { type: "conjunction" }).format(words.map(quote));

const kinds: Record<KeyKind, { title: string; about: string }> = {
  emitter: {
    title: "Unterzeichner",
    about: "signiert selbst Ketten von Ereignissen: ein Dienst, ein Dashboard",
  },
  issuer: {
    title: "Aussteller",
    about: "lässt Unterzeichner zu und widerruft sie, deren Namen mit seinem beginnen",
  },
  log: { title: "Log", about: "signiert die Checkpoints des Logs, das den Namen des Schlüssels trägt" },
};

/** German texts of the page, besides those of the viewer. */
export const de: PageTexts = {
  viewer,
  lang: "de",
  named: "Deutsch",
  language: "Sprache",

  english: "Einige Meldungen des Prüfprogramms gibt es nur auf Englisch.",

  title: "Ein Audit-Log prüfen – countersign",
  heading: "Ein Audit-Log prüfen",
  lead: "Prüfen, ob ein Audit-Log seit der Signatur verändert wurde, wer es signiert hat und ob es vollständig ist.",
  truth:
    "Ein Urteil sagt, ob etwas das ist, was signiert wurde, und von wem. Ob ein Ereignis wahr ist, lässt sich keiner Datei ansehen.",
  drop: "Exporte, Vertrauensdateien, Schlüssel und Pins ablegen",

  privacy: {
    summary: "Nichts wird hochgeladen.",
    paragraphs: [
      html`Diese Seite liest Ihre Dateien in Ihrem Browser und sendet sie nirgendwohin. Sie müssen ihr das nicht glauben: In ihrer Content
        Security Policy, in den ersten Zeilen ihres Quelltexts, steht <code>connect-src 'none'</code>. Darum blockiert der Browser jede
        Verbindung.`,
      html`Sie ist eine einzige Datei und braucht kein Netz. Speichern Sie sie, trennen Sie die Verbindung, öffnen Sie sie von der
        Festplatte, und prüfen Sie Ihre Dateien dort. Oder beobachten Sie in den Entwicklerwerkzeugen des Browsers den Netzwerkverkehr.`,
      html`Was sie sich über Logs merkt, Ihre Notizen und die gewählte Sprache bleiben im Speicher dieses Browsers. Ereignisse, Vertrauensdateien und
        Schlüssel werden nie aufbewahrt.`,
    ],
  },
  export: {
    heading: "Zu prüfende Datei",
    hint: "Dateien irgendwo auf dieser Seite ablegen",
    formats: "Der Export eines Logs (.ndjson, .ndjson.gz oder .ndjson.zst), als eine Datei oder in Teilen",
    choose: "Datei wählen",
    another: "Andere Datei wählen",
    add: "Teil oder zweite Datei hinzufügen",
    sample: "Das Beispiel ausprobieren",
    joined: (pieces) => `zusammengesetzt aus ${files(pieces)}`,
    remove: "Entfernen",
    unreadable:
      "nicht lesbar. Ist es ein Ordner, wählen Sie die Dateien darin. Sonst wurde die Datei verschoben oder geändert; wählen Sie sie noch einmal.",
    evidenceAlone: "nicht geöffnet, denn eine Beweisdatei wird für sich geprüft. Wählen Sie sie allein.",
    evidenceCompared: (command) =>
      `Um sie mit dem Export zu vergleichen, aus dem sie stammt, führen Sie aus: ${command}`,
    evidenceClosed:
      "geschlossen. Die Ereignisse darin werden jetzt als eigene Datei geprüft, mit den Schlüsseln, denen Sie vertrauen.",
    empty: "nicht benutzt, denn die Datei ist leer. Laden Sie sie noch einmal herunter.",
  },

  trust: {
    heading: "Vertraute Schlüssel",
    authors: "Schlüssel, denen der Verfasser der Datei vertraut",
    none: "Ohne einen Schlüssel von jemandem, dem zu trauen ist, kann diese Seite sagen, dass eine Datei unverändert ist, aber nicht, wer sie gemacht hat.",
    choose: "Vertrauensdatei wählen",
    another: "Andere Vertrauensdatei wählen",
    pin: "Pin hinzufügen",
    remove: "Entfernen",
    forSession: "für diese Sitzung",
    pinOf: (size) => `bei ${size} Einträgen`,
    noTrustFile:
      "keine Vertrauensdatei. Eine Vertrauensdatei ist eine kleine Textdatei mit Zeilen wie „log …“ und „emitter …“, jede mit einem Schlüssel. Bitten Sie die Organisation darum, der das Log gehört.",
    noPin:
      "kein Pin. Ein Pin ist ein Checkpoint des Logs, wie ihn diese Seite oder „countersign verify --save-pin“ gespeichert hat.",
    replaced: (name) =>
      `nicht verwendet, weil zugleich eine andere Vertrauensdatei abgelegt wurde: ${name}. Alles, dem Sie vertrauen, gehört in eine Datei.`,
    account: {
      log: "Log",
      witness: "Zeuge",
      issuer: "Aussteller",
      emitter: "Unterzeichner",
      revoke: "Widerruf",
    },
    accounts: {
      log: "Logs",
      witness: "Zeugen",
      issuer: "Aussteller",
      emitter: "Unterzeichner",
      revoke: "Widerrufe",
    },
    noKey: "nennt keinen Schlüssel",
  },

  inputs: {
    heading: "Was geprüft wird",
    change: "Ändern",
    done: "Fertig",
    noTrust: "Keine Vertrauensdatei",
    pins: counting(LANG, "Pin", "Pins"),
    more: (more) => `und ${count(more)} weitere`,
  },

  tabs: {
    save: "Speichern…",
    label: "Teile des Ergebnisses",
    names: {
      summary: "Überblick",
      events: "Ereignisse",
      problems: "Probleme",
      detections: "Funde",
      signers: "Unterzeichner",
      coverage: "Abdeckung",
      technical: "Technisches",
    },
    found: (rules, ofSearch) =>
      `${rules === undefined ? "" : `${count(rules)} von Regeln`}${ofSearch === undefined ? "" : `, davon ${count(ofSearch)} zu den Ereignissen der Suche`}`,
    ofLevel: (number, level) => `${count(number)} ${level.toLowerCase()}`,
    unapplied: "die Regeln wurden nicht angewendet",
    soFar: "bisher",
    inapplicable: "keine Regel konnte diese Ereignisse untersuchen",
    mayBeMore: "es kann mehr geben, weil Regeln nicht alles prüfen konnten",
  },

  answers: {
    heading: "Drei Fragen",
    words: { yes: "Ja", no: "Nein", partly: "Zum Teil", open: "Nicht feststellbar" },
    unchanged: {
      question: "Unverändert?",
      yes: (shown) =>
        shown === 0
          ? "Alles in dieser Datei ist so, wie es signiert wurde."
          : shown === 1
            ? "Das eine Ereignis hier ist genau so, wie es signiert wurde."
            : `Alle ${events(shown)} sind genau so, wie sie signiert wurden, und in ihrer Reihenfolge.`,
      events: (changed, of) =>
        `${count(changed)} von ${of === 1 ? "1 Ereignis" : `${count(of)} Ereignissen`} ${changed === 1 ? "wurde" : "wurden"} nach der Signatur verändert.`,
      other: "Etwas in dieser Datei ist nicht das, was signiert wurde.",
      history: "Diese Datei widerspricht dem, was vorher von diesem Log zu sehen war.",
      older:
        "Kein veränderter Eintrag wurde gefunden, aber die Datei endet vor einem früher gesehenen Stand dieses Logs.",
      order: "Etwas fehlt, ist doppelt, steht in falscher Reihenfolge oder ist nicht erlaubt.",
      unread: "Nicht die ganze Datei ist lesbar.",
      unsigned: "Nicht alles hier ist von einer Signatur gedeckt.",
      empty: "In dieser Datei ist kein Eintrag, der verändert sein könnte.",
    },
    signed: {
      question: "Von wem signiert?",
      words: { yes: "Mit vertrauten Schlüsseln", no: "Nicht gültig", open: "Nicht feststellbar" },
      byWriter: "Mit Schlüsseln, denen ihr Verfasser vertraut",
      allBut: (changed, by) => `Alle bis auf ${events(changed)}: ${by.charAt(0).toLowerCase()}${by.slice(1)}`,
      allButLog: (by) => `${by}, außer dem des Logs`,
      yes: (names, more) => html`Von ${listed(LANG, names, more, `${count(more)} weiteren`)}.`,
      invalid: "Eine Signatur ist ungültig.",
      revoked: "Mit einem Schlüssel signiert, der widerrufen war oder zu der Zeit nicht galt.",
      unknown: (names, more) =>
        html`Die Datei sagt: ${listed(LANG, names, more, `${count(more)} weitere`)}. ${names.length + more === 1 ? "Diesem Schlüssel" : "Nicht allen diesen Schlüsseln"} wird ${names.length + more === 1 ? "nicht " : ""}vertraut, und jeder könnte sie gemacht haben.`,
      log: (names, more) =>
        html`Von ${listed(LANG, names, more, `${count(more)} weiteren`)} mit vertrauten Schlüsseln. Dem Schlüssel des Logs selbst wird nicht vertraut.`,
      instead: (names, more) =>
        html`Die Datei sagt: ${listed(LANG, names, more, `${count(more)} weitere`)}. Was mit anderen Schlüsseln signiert ist, könnte jeder gemacht haben.`,
      suspect:
        "Ein Schlüssel wurde widerrufen, oder nichts zeigt, dass er rechtzeitig benutzt wurde. Einiges hier könnte von einem Dieb sein.",
      other: "Nicht jede Signatur ließ sich prüfen.",
      nobody: "In dieser Datei ist kein Schlüssel genannt.",
      unread: "Nichts in dieser Datei ist lesbar.",
    },
    complete: {
      question: "Vollständig?",
      log: (all) =>
        all === 0
          ? "Im Log wurde bisher nichts aufgezeichnet"
          : all === 1
            ? "Das einzige Ereignis des Logs bisher"
            : `Alle ${events(all)} des Logs bisher`,
      range: (all) => `Alle ${events(all)} des Abschnitts, den diese Datei abdeckt`,
      chains: (all) => `Alle ${events(all)} der Ketten in dieser Datei`,
      chainsWord: "Für ihre Ketten",
      otherChains: "Ob es weitere Ketten gab, ist nicht feststellbar.",
      logKeyShows: "Eine Vertrauensdatei mit dem Schlüssel des Logs kann es zeigen.",
      between: "dazwischen fehlt nichts",
      shown: (shown, of, events) =>
        `${count(shown)} von ${of === 1 ? "1 Eintrag" : `${count(of)} Einträgen`} ${shown === 1 ? "ist" : "sind"} gezeigt${shown === events ? "" : `, davon ${count(events)} ${events === 1 ? "Ereignis" : "Ereignisse"}`}`,
      undetermined: (here) =>
        `Zwischen ${here === 1 ? "1 Eintrag" : `den ${count(here)} Einträgen`} hier fehlt nichts. Ob es davor oder danach weitere gab, ist nicht feststellbar.`,
      failed: "Eine Datei, die eine Prüfung nicht besteht, kann das nicht beantworten.",
      missing: "Einträge des angegebenen Bereichs fehlen.",
      empty: "In dieser Datei ist nichts.",
      unread: "Nichts in dieser Datei ist lesbar.",
    },
    days,
    showFirst: "Das erste zeigen",
    showPlaces: "Die Probleme zeigen",
    signers: "Zu den Unterzeichnern",
    coverage: "Zeigen, was da ist",
  },

  changed: {
    heading: "Nach der Signatur verändert",
    lead: "Jedes veränderte Ereignis zwischen seinen beiden nächsten unveränderten Nachbarn.",
    of: (place, all) => `${count(place)} von ${count(all)}`,
    previous: "Voriges",
    next: "Nächstes",
    untrusted: "Nicht das, was signiert wurde. Verlassen Sie sich auf nichts in diesem Kasten.",
    before: "Was vorher da stand, lässt sich aus dieser Datei nicht wiederherstellen.",
    signed: "Wie signiert",
    edge: {
      before: "Davor ist in dieser Datei nichts so, wie es signiert wurde.",
      after: "Danach ist in dieser Datei nichts so, wie es signiert wurde.",
    },
    reading: "Die Datei wird gelesen",
    unreadable:
      "Die Bytes lassen sich hier nicht zeigen, weil dieser Browser die Datei nicht auspacken kann.",
    cut: "Der Rest wird hier nicht gezeigt.",
    show: "Ereignis zeigen",
    entry: (index, line) => `Eintrag ${count(index)}, Zeile ${count(line)}`,
  },

  welcome: {
    heading: "Hat Ihnen jemand eine Datei geschickt?",
    items: [
      {
        title: "Was sie ist",
        text: "Ein Audit-Log: wer in einem System was wann getan hat. Jedes Ereignis wurde signiert, als es aufgezeichnet wurde. Eine spätere Änderung fällt deshalb auf.",
      },
      {
        title: "Wer sie gemacht hat",
        text: "Die Datei nennt die Schlüssel, die sie signiert haben. Ein Name allein beweist nichts: Einen Schlüssel mit irgendeinem Namen kann jeder machen. Welche Schlüssel wirklich der Organisation gehören, sagt eine Vertrauensdatei.",
      },
      {
        title: "Woher die Vertrauensdatei kommt",
        text: "Von der Organisation, der das Log gehört, und auf einem anderen Weg: von ihrer Website, von ihrer Revision, am Telefon. Kam sie in derselben E-Mail wie die Datei, könnte beides gefälscht sein.",
      },
    ],
    tryHeading: "Ausprobieren",
    tryText: "Sehen, wie eine echte Datei aussieht, und dann, was ein einziges verändertes Byte ausmacht.",
    altered: "Ein Byte ändern und sehen",
    alterHere: "Ein Byte ändern",
    restore: "Änderung zurücknehmen",
    alteredName: "beispiel-ein-byte-geaendert.countersign.ndjson",
  },

  phone: {
    summary: "Am Telefon vergleichen",
    how: "Rufen Sie den Eigentümer unter einer Nummer an, die Sie schon kennen. Er öffnet seine eigene Kopie auf dieser Seite, und Sie lesen einander diese Wörter vor. Alle müssen übereinstimmen.",
    words: "Wörter zum Vergleichen",
    hash: "Oder vergleichen Sie den SHA-256, oder scannen Sie den Code mit einem Telefon.",
    qr: "QR-Code",
  },

  technical: {
    heading: "Technische Angaben",
    hashes: "Hashes",
    counts: "Was in der Datei ist",
    lines: "Zeilen",
    entries: "Einträge",
    signatures: "Signaturen",
    checkpoints: "Checkpoints",
    notes: "Schlüsselnotizen",
    chains: "Ketten",
    origin: "Log",
    size: "Größe in Byte",
  },

  paste: {
    summary: "Vertrauensdatei, Schlüssel oder Pin einfügen",
    label: "Text",
    placeholder: "name+1a2b3c4d+A…",
    help: "Von jemandem, dem zu trauen ist, und nicht auf demselben Weg wie die zu prüfende Datei.",
    kind: "Wessen Schlüssel ist es?",
    kinds,
    useKey: "Für diese Sitzung vertrauen",
    use: "Verwenden",
    neither:
      "Das ist weder eine Vertrauensdatei noch ein Schlüssel noch ein Pin. Ein Schlüssel sieht aus wie name+1a2b3c4d+ und Base64.",
    trustName: "eingefuegtes-vertrauen.txt",
    pinName: (size) => `eingefuegt-${size}.pin.txt`,
    rulesName: "eingefügte Regeln",
    exportName: "eingefuegt.countersign.ndjson",
    reportName: "eingefügt.report.json",
  },

  confirm: {
    heading: (name: unknown) => html`${name} vertrauen?`,
    compare:
      "Dieser Schlüssel kam mit der Datei, beweist also noch nichts. Vergleichen Sie ihn Zeichen für Zeichen mit dem, den sein Eigentümer Ihnen auf anderem Weg gegeben hat.",
    after:
      "Ihm wird dann als Unterzeichner vertraut, bis diese Seite geschlossen wird, und die Datei wird erneut geprüft.",
    trust: "Für diese Sitzung vertrauen",
    dismiss: "Nicht vertrauen",
  },

  memory: {
    summary: "Auf diesem Gerät geprüfte Logs",
    none: "Noch keine. Wenn der Checkpoint eines Logs gültig ist, werden hier seine Größe und die Zeit gemerkt.",
    switch: "Logs auf diesem Gerät merken und erkennen, wenn sie umgeschrieben werden",
    refused:
      "Dieser Browser lässt die Seite nichts aufbewahren, also werden Logs nicht gemerkt. Speichern Sie stattdessen Pins als Dateien.",
    stays: "Bleibt allein in diesem Browser und verlässt das Gerät nie.",
    seen: (size) => `zuletzt gesehen mit ${entries(size)} am`,
    forget: "Vergessen",
    forgetAll: "Alle vergessen",
    grown: (size) => `Hier zuletzt gesehen mit ${entries(size)} am`,
    grownThen: ": Seitdem wurde nichts umgeschrieben.",
    grownBadThen: ": Der Baum des Logs ist seitdem nur gewachsen. Am Urteil ändert das nichts.",
    sameBadThen: ": Der Baum des Logs ist noch derselbe. Am Urteil ändert das nichts.",
    unknownThen: (size) =>
      `. Ob seitdem etwas umgeschrieben wurde, lässt sich nicht sagen: Dieser Export lässt aus, wo Eintrag ${count(size)} beginnt. Fordern Sie einen mit dieser Grenze an.`,
    smallerThen:
      ", und dieser Export endet davor. Entweder ist er älter, oder das Log wurde gekürzt. Das Urteil berücksichtigt das.",
    rewrittenFaultyThen:
      ". Was in dieser Datei steht, ist nicht das, was damals da war. Aber diese Datei besteht auch die eigene Prüfung nicht, kann also nach dem Export verändert worden sein: Holen Sie sie noch einmal von ihrer Quelle, bevor Sie schließen, dass das Log umgeschrieben wurde.",
    rewrittenThen:
      ". Was in dieser Datei steht, ist nicht das, was damals da war: Das Log wurde umgeschrieben, oder ein anderes Log trägt denselben Namen. Diese Datei als Beleg aufheben.",
    otherPin: ({ name, pinned, origin }) =>
      html`${name} ist ein Pin von ${pinned}, nicht von ${origin}, und sagt deshalb nichts über diese Datei.`,
    first: "Dieses Gerät sieht dieses Log zum ersten Mal. Es merkt sich jetzt dessen Größe:",
    leaveOut: "Erneut prüfen, ohne das, was dieses Gerät sich merkt",
  },

  progress: {
    heading: (name: unknown) => html`Prüfung von ${name}`,
    said: (percent) => `Prüfung läuft, ${percent} Prozent`,
    of: ({ done, all }) => `${done} von ${all}`,
    perSecond: (rate) => `${rate}/s`,
    eventsPerSecond: (rate) => `${events(rate)} pro Sekunde`,
    left: (time) => `noch ${time}`,
    finishing: "gleich fertig",
    cancel: "Abbrechen",
    part: (part, all) => `Teil ${count(part)} von ${count(all)}`,
    agreeing: "Die Teile werden miteinander verglichen",
    firstFailure: "Erstes Problem bisher",
    goesOn: "Die Prüfung geht bis zum Ende weiter, um alle Probleme zu finden. Danach steht das Urteil fest.",
    readAgain: {
      entries:
        "Die Datei hat zu viele Einträge, um die Ergebnisse der ersten Prüfung aufzubewahren. Deshalb wird sie noch einmal gelesen.",
      events:
        "Die neue Eingabe kann ändern, welche Ereignisse die Prüfung bestehen. Deshalb wird die Datei noch einmal gelesen.",
    },
  },

  stopped: {
    canceled: "Abgebrochen",
    nothing:
      "Die Datei wurde nicht bis zum Ende gelesen. Es gibt kein Ergebnis, und nichts wird als geprüft gezeigt.",
    again: "Erneut prüfen",
    trust: "Die Vertrauensdatei ist unbrauchbar",
    pin: "Ein Pin ist unbrauchbar",
    unreadable: "Die Datei ist nicht lesbar",
    other: "Die Datei konnte nicht geprüft werden",
    line: (line) => `Zeile ${count(line)}: `,
    noVerdict: "Das ist kein Urteil: Über die Datei wurde nichts festgestellt.",
    said: "Kein Urteil:",
  },

  parts: {
    heading: "Teile",
    said: (verdicts) => `Jeder Teil hat sein eigenes Urteil: ${verdicts}.`,
    choose: "Das eigene Urteil jedes Teils",
    logs: (logs) =>
      `Das sind Exporte von ${count(logs)} verschiedenen Logs. Darum gibt es kein gemeinsames Ergebnis.`,
    together: (here, all) =>
      here === all
        ? `Zusammen enthalten sie alle ${entries(all)} bis zum Ende des größten.`
        : `Zusammen enthalten sie ${count(here)} von ${count(all)} Einträgen bis zum Ende des größten.`,
    missing: "In keinem:",
    agree: "Sie stimmen überein: Das Log ist von jedem zum nächstgrößeren nur gewachsen.",
    allIdentical: "Sie sind dieselbe Datei, Byte für Byte: Zusammen zeigen sie nicht mehr als eine davon.",
    same: "dasselbe Log, nur gewachsen",
    identical: "dieselbe Datei, Byte für Byte",
    contradicts: "widerspricht",
    unknown: "nicht feststellbar",
    contradiction:
      "Sie widersprechen einander: Sie können nicht alle von einem Log stammen, das nur gewachsen ist.",
    contradictionOfOne:
      "Zwei davon sind aus einem Log und widersprechen einander: Das Log wurde umgeschrieben.",
    undetermined: "Ob sie von einem Log stammen, das nur gewachsen ist, ließ sich nicht für alle sagen.",
    sameState: "dasselbe Log, im selben Stand",
    faulty: "Übereinstimmung nicht gezeigt",
    differs: "stimmt nicht überein:",
    differsIn: (changed, names) =>
      html`${entries(changed)} ${changed === 1 ? "weicht" : "weichen"} ab, und ${names.length === 1 ? html`${names[0]} besteht` : "beide bestehen"} die eigene Prüfung nicht`,
    differ: (changed) =>
      `Die beiden Dateien stimmen nicht überein: ${entries(changed)} ${changed === 1 ? "weicht" : "weichen"} ab.`,
    someDiffer:
      "Diese Dateien stimmen nicht alle überein. Vergleichen Sie zwei davon, um die abweichenden Einträge zu sehen.",
    fails: (names) =>
      names.length === 1
        ? html`denn ${names[0]} besteht die eigene Prüfung nicht`
        : "denn beide bestehen die eigene Prüfung nicht",
    faultyOf: (faulty, all, saysMore) =>
      `${count(faulty)} von ${count(all)} Dateien ${faulty === 1 ? "besteht" : "bestehen"} die eigene Prüfung nicht.${saysMore ? "" : " Zusammen zeigen sie deshalb nichts."} Siehe das Ergebnis jeder Datei.`,
    othersAgree: (others) =>
      `Die anderen ${count(others)} Dateien stimmen überein: Sie sind von einem Log, das nur gewachsen ist.`,
    allSameState: "Sie stimmen überein: Alle sind von demselben Log, im selben Stand.",
    waiting: "Wartet",
    agreement: {
      "no-pin": "der kleinere hat keinen Checkpoint, der jede Prüfung besteht",
      "not-reached": "der größere lässt aus, wo der kleinere endet",
      "other-log": "ein anderes Log",
      unread: "einer von beiden ist nicht lesbar",
      failed: "er ließ sich nicht noch einmal lesen",
    },
    against: "verglichen mit",
  },

  verdict: {
    now: "Nächste Schritte",
    not: "Was das nicht bedeutet",
    trustSource: (name) =>
      `Die Schlüssel sind aus ${name}. Kam sie zusammen mit dem Log, kann, wer das eine gefälscht hat, auch das andere gefälscht haben.`,
    said: (words, errors) => `Urteil: ${words}${errors > 0 ? ` ${count(errors)} Fehler aufgeführt.` : ""}`,
    rewritten: "Es weicht ab von dem, was dieses Gerät gesehen hat am",
    otherCopy: "Haben Sie eine andere Kopie?",
    ofFaulty: "Aus einem Export, der die Prüfung nicht besteht.",
    ofFaultyEvents: "Die Ereignisse hier sind so, wie sie signiert wurden.",
    ofFaultySays: (word) =>
      `Die Datei gibt über den Export an, aus dem sie stammt: „${word}“ Auf das Übrige in jenem Export ist kein Verlass. Prüfen Sie den Export selbst`,
    authors: "Unverändert nach der Vertrauensdatei des Verfassers.",
    authorsSays:
      "Eine solche Datei kann jeder mit eigenen Schlüsseln machen. Wählen Sie eine Vertrauensdatei aus anderer Quelle, um sie mit Schlüsseln zu prüfen, denen Sie vertrauen",
    contradicted: "Ein anderer hier gewählter Export widerspricht diesem: siehe Teile.",
    sample:
      "Das Beispiel und seine Vertrauensdatei kamen zusammen, mit dieser Seite. Bei echten Dateien muss die Vertrauensdatei aus einer anderen Quelle kommen als die Datei selbst.",
    file: "Datei",
    log: "Log",
    noHeader: "nicht lesbar",
    holds: "Inhalt",
    holdsIn: ({ events, chains, entries }) => `${events} in ${chains}, ${entries}`,
    leftOut: "Nicht in dieser Datei",
    withheld: (withheld) => `${events(withheld)} zurückgehalten`,
    skipped: (skipped) => `${entries(skipped)} ausgelassen`,
    checkpoint: "Letzter Checkpoint",
    none: "keiner",
    seenBy: ", von Zeugen bestätigt um",
    root: "Wurzel-Hash des Logs beim letzten Checkpoint",
    sha256: "SHA-256",
  },

  checks: {
    heading: "Prüfungen",
    all: (passed, failed, open, idle) =>
      [
        `${count(passed)} bestanden`,
        ...(failed > 0 ? [`${count(failed)} fehlgeschlagen`] : []),
        ...(open > 0 ? [`${count(open)} nicht geprüft`] : []),
        ...(idle > 0 ? [`${count(idle)} nicht nötig`] : []),
      ].join(", "),
    check: "Prüfung",
    result: "Ergebnis",
    covered: "Was geprüft wurde",
    failed: (failed, all) => `${all}, davon ${count(failed)} fehlerhaft`,
    answered: (all) => `${all} prüfbar`,
    notContent: (changed) =>
      changed === 1
        ? "nicht aber, was 1 Ereignis sagt, das geändert wurde"
        : `nicht aber, was ${events(changed)} sagen, die geändert wurden`,
    see: "Siehe",
  },

  coverage: {
    heading: "Abdeckung",
    about:
      "Die Einträge des Logs in dieser Datei, ihre Positionen im Log und die Checkpoints, die sie abdecken.",
    aboutChains:
      "Die Position jeder Zeile. Es gibt keine Checkpoints: Nur die Ketten verbinden die Ereignisse.",
    shown: "Gezeigt",
    other: "In der Datei, aber nicht geprüft",
    withheld: "Zurückgehalten",
    skipped: "Ausgelassen",
    mismatch: "Checkpoint, der nicht passt",
    note: "Schlüsselnotiz",
    from: (index) => `Eintrag ${count(index)}`,
    chart: (parts) => `Abdeckung des Logs: ${parts}.`,
    chartShown: (shown) => `${entries(shown)} gezeigt`,
    rows: {
      entries: "Einträge",
      checkpoints: "Checkpoints",
      cosigned: "Bezeugt",
      notes: "Notizen",
      findings: "Probleme",
    },
    findingsShort: (drawn) => `Von jeder Art von Problem sind die ersten ${count(drawn)} eingezeichnet.`,
    list: "Als Liste",
    show: "Zeigen",
    range: (begin, end) =>
      end - begin === 1 ? `Eintrag ${count(begin)}` : `Einträge ${count(begin)} bis ${count(end - 1)}`,
    matches: "passt zu den Einträgen davor",
    mismatches: "passt nicht zu den Einträgen davor",
    existed: "vorhanden spätestens um",
    seen: "gesehen um",
    more: (more) => `${count(more)} weitere sind nicht aufgeführt.`,
    size: (size) => `Checkpoint bei ${size === 1 ? "1 Eintrag" : `${count(size)} Einträgen`}`,
    kinds: { log: "das Log", witness: "Zeuge", unknown: "unbekannter Schlüssel" },
    valid: "gültig",
    invalid: "ungültig",
    unchecked: "nicht geprüft",
    grant: "lässt zu:",
    revoke: "widerruft:",
    checkpoints,
    cosignatures: counting(LANG, "Mitsignatur", "Mitsignaturen"),
    notes: counting(LANG, "Schlüsselnotiz", "Schlüsselnotizen"),
    findings: counting(LANG, "Problem", "Probleme"),
    acts: "wirkt",
    actsNot: "bewirkt nichts",
  },

  findings: {
    heading: "Probleme",
    none: "Keine Probleme gefunden.",
    times: (times) => `${count(times)}-mal`,
    first: (listed, all) => `Der Bericht führt die ersten ${count(listed)} von ${count(all)} auf.`,
    severity: { error: "Fehler", warning: "Warnung", info: "Hinweis" },
    line: "Zeile",
    entry: "Eintrag",
    chain: "Kette",
    seq: "Nr.",
    show: { event: "Ereignis zeigen", withheld: "Zeigen, wo es fehlt" },
  },

  signers: {
    heading: "Unterzeichner",
    none: "Hier ist kein Schlüssel genannt.",
    more: (more) => `${keys(more)} im Bericht.`,
    vkey: "Öffentlicher Schlüssel (vkey)",
    id: "Schlüssel-ID",
    idAndVkey: "Schlüssel-ID und öffentlicher Schlüssel (vkey)",
    signed: "Hier signiert",
    chainsLinks: (chains, links) => `${chains}, ${count(links)} ${links === 1 ? "Glied" : "Glieder"}`,
    clock: "Nach eigener Uhr",
    to: "bis",
    trustIt: "Für diese Sitzung vertrauen …",
    session: "Diesem Schlüssel wird vertraut, bis Sie diese Seite schließen.",
    roles: { emitter: "Unterzeichner", issuer: "Aussteller", log: "Log", witness: "Zeuge" },
    from: "Vertraut durch",
    trustFile: (line) => `die Vertrauensdatei, Zeile ${count(line)}`,
    forSession: "eigene Wahl, für diese Sitzung",
    grantedBy: "in diesem Log zugelassen von",
    revocable: "Ein Eintrag, den dieser Export auslässt, könnte diesen Schlüssel widerrufen.",
    nowhere: "nichts: weder die Vertrauensdatei noch ein Aussteller darin bürgt dafür",
    history: "Verlauf",
    granted: "Zugelassen",
    revoked: "Widerrufen",
    validFrom: "ab",
    validUntil: "bis",
    since: "seit",
    by: "von",
    at: (index, line) => `Eintrag ${count(index)}, Zeile ${count(line)}`,
    inTrust: (line) => `in der Vertrauensdatei, Zeile ${count(line)}`,
    noEffect: "wirkungslos",
    always: "ohne Ablauf",
    signedCheckpoints: (valid) => `${checkpoints(valid)}, gültig`,
    invalidCheckpoints: (invalid) => `${checkpoints(invalid)}, ungültig`,
    lastCosigned: "Zuletzt, nach eigener Uhr",
    signedNotes: counting(LANG, "Schlüsselnotiz, die wirkt", "Schlüsselnotizen, die wirken"),
    unseen: "hat hier nichts signiert",
    others: "Aussteller, Logs und Zeugen",
  },

  rules: {
    own: "Diese Regeln gehören zu dieser Seite. Das Programm countersign derselben Version hat dieselben Regeln und findet dasselbe.",
    brought: "Das sind die Regeln aus",
    choose: "Andere Regeln verwenden",
    remove: "Die Regeln dieser Seite verwenden",
    saveAbout:
      "Eine HTML-Datei mit den Regeln, ihrem Ergebnis für alle Ereignisse, der Vertrauensdatei und dieser Seite. Wenn keine Regel angeschlagen hat, enthält sie alle Ereignisse, und jeder kann die Regeln noch einmal anwenden. Sonst enthält sie die Ereignisse, die in Funden vorkommen; dass es keine anderen Funde gibt, ist dann Ihre Aussage.",
    tooLarge: "ein Regelpaket hat höchstens 16 MiB",
  },

  events: {
    heading: "Ereignisse",
    none: "Kein Ereignis in dieser Datei hat eine gültige Signatur.",
    each: "Jedes Ereignis ist genau so gezeigt, wie es signiert wurde. Nichts anderes aus der Datei wird hier gezeigt.",
    notWhole: "Verlassen Sie sich nicht auf die Datei als Ganzes. Siehe das Urteil.",
    untrusted:
      "Unterzeichner nicht vertraut: So bezeichnete Ereignisse sind mit Schlüsseln signiert, denen nicht vertraut wird. Jeder könnte sie gemacht haben.",
    suspect:
      "Unterzeichner verdächtig oder widerrufen: So bezeichnete Ereignisse sind mit Schlüsseln signiert, die widerrufen wurden, oder nichts belegt, dass sie rechtzeitig signiert wurden. Ein Dieb könnte sie gemacht haben.",
    reformatted: (reformatted) =>
      `${events(reformatted)} dieser Datei ${reformatted === 1 ? "wurde" : "wurden"} von einem Werkzeug umformatiert. Der Inhalt ist derselbe; gezeigt ist die Form, die signiert wurde.`,
    unlisted: (unlisted) =>
      `${events(unlisted)} dieser Datei ${unlisted === 1 ? "ist" : "sind"} nicht aufgeführt, weil ${unlisted === 1 ? "es" : "sie"} verändert ${unlisted === 1 ? "wurde" : "wurden"} oder eine Signatur fehlt oder ungültig ist.`,
    withheld: (withheld) =>
      `${events(withheld)} ${withheld === 1 ? "ist" : "sind"} zurückgehalten: aufgezeichnet, aber nicht in dieser Datei.`,
    lost: "Der Browser hat dieses Ereignis nicht mehr. Prüfen Sie die Datei erneut.",
    early: "Erste Ereignisse, noch in Prüfung: nicht endgültig.",
    notFinal:
      "Ihre Signaturen stimmen bisher, aber es gibt noch kein Ergebnis. Ein später gefundenes Problem zieht sie zurück.",
    indexing: (percent) => `Suchregister: ${percent} %`,
    notIndexed: "Die Ereignisse werden noch ins Suchregister aufgenommen.",
  },

  report: {
    heading: (name) => html`Bericht ${name}`,
    needs: (file) =>
      html`Das ist ein Bericht, kein Export. Legen Sie den Export, den er nennt, ${file}, auf dieser Seite ab, um zu prüfen, ob das Ergebnis dasselbe ist. Bis dahin ist alles im Bericht nur eine Behauptung.`,
    needsAny:
      "Das ist ein Bericht, kein Export. Er nennt seine Datei nicht. Legen Sie den Export, aus dem er stammt, auf dieser Seite ab, um zu prüfen, ob das Ergebnis dasselbe ist. Bis dahin ist alles im Bericht nur eine Behauptung.",
    choose: "Den Export wählen",
    states: "Der Bericht sagt",
    waits: "Der Bericht wird verglichen, sobald der Export geprüft ist.",
    same: "Der Bericht nennt dasselbe Ergebnis wie diese Seite.",
    different:
      "Der Bericht nennt ein anderes Ergebnis als diese Seite. Verlassen Sie sich auf das Ergebnis dieser Seite.",
    remembered: (day) =>
      html`Die Urteile weichen ab, weil dieses Gerät sich einen Stand dieses Logs vom ${day} gemerkt hat, zu dem die Datei nicht passt. Der Bericht wurde nicht mit diesem Stand verglichen.`,
    pinIn: {
      ours: "Diese Seite hat das Log außerdem mit einem früheren Stand verglichen, einem Pin oder dem, was dieses Gerät sich gemerkt hat: Seitdem wurde nichts umgeschrieben. Der Bericht wurde damit nicht verglichen.",
      theirs:
        "Der Bericht sagt, das Log sei außerdem mit einem früheren Stand verglichen worden, einem Pin, und seitdem sei nichts umgeschrieben worden. Dieser Seite fehlt dieser Pin.",
    },
    other: (name) => html`Der Bericht handelt von einer anderen Datei als ${name}.`,
    hashOf: (name) => html`Der SHA-256 von ${name} ist`,
    unnamed:
      "Der Bericht nennt weder seine Datei noch seine Vertrauensdatei. Ein anderer Export oder eine andere Vertrauensdatei kann deshalb jeden Unterschied erklären.",
    named:
      "Der Bericht nennt diese Datei mit ihrem SHA-256 und dieselbe Vertrauensdatei. Seine Suche, Stichprobe und Notizen werden nicht verglichen.",
    otherTrust:
      "Der Bericht nennt diese Datei mit ihrem SHA-256, aber eine andere Vertrauensdatei. Das kann andere Urteile und Unterzeichner erklären. Seine Suche, Stichprobe und Notizen werden nicht verglichen.",
    unreadable:
      "ein Bericht, den diese Seite nicht lesen kann. Er ist beschädigt oder von einer anderen Version geschrieben.",
    statement: "Unterschied",
    found: "Diese Seite",
    signer: "Unterzeichner",
    facts: {
      verdict: "Urteil",
      origin: "Log",
      complete: "Vollständig",
      size: "Größe des Logs",
      root: "Wurzelhash des Logs",
      time: "Von Zeugen bestätigt um",
    },
    counts: {
      entries: "Einträge",
      events: "Ereignisse",
      withheld: "Zurückgehaltene Ereignisse",
      skipped: "Ausgelassene Einträge",
      chains: "Ketten",
    },
  },

  compare: {
    heading: "Vergleich",
    printed: "Vergleich zweier Exporte",
    unread:
      "Die abweichenden Felder waren beim Drucken noch nicht gelesen und fehlen hier. Noch einmal drucken.",
    openParts: "Zwei davon vergleichen",
    close: "Vergleich schließen",
    one: "Diese Datei",
    other: "Mit",
    same: "Dasselbe Log. Bis zum Ende der kleineren Datei haben beide dieselbe Geschichte.",
    sameState: (entries) =>
      `Dasselbe Log, im selben Stand: Beide haben dieselbe Geschichte von ${entries}. Sie können sich nur darin unterscheiden, was sie zurückhalten oder auslassen.`,
    faulty: {
      heading: "Das zeigt nicht, dass die Dateien übereinstimmen.",
      differ: "Die Dateien stimmen nicht überein.",
      fails: (names) =>
        names.length === 1
          ? html`${names[0]} besteht die eigene Prüfung nicht. Verlassen Sie sich nicht darauf.`
          : "Beide Dateien bestehen die eigene Prüfung nicht. Verlassen Sie sich auf keine von beiden.",
      grown:
        "Ihre Baum-Hashes stimmen überein, soweit die kleinere Datei reicht. Ein Ereignis, das dort geändert wurde, ist deshalb oben genannt: Die eine Datei zeigt es, in der anderen ist es nicht gültig.",
      identical:
        "Sie sind dieselbe Datei, Byte für Byte. Die eine kann also nicht zeigen, was in der anderen geändert wurde.",
      contradicts:
        "Ihre Baum-Hashes widersprechen sich außerdem. Eine Datei, die die eigene Prüfung nicht besteht, beweist aber nicht, dass das Log umgeschrieben wurde: Holen Sie sie noch einmal von ihrer Quelle, und vergleichen Sie dann.",
      otherLog: "Außerdem nennen sie verschiedene Logs. Es gibt nichts zu vergleichen.",
    },
    identical: "Das ist dieselbe Datei, Byte für Byte. Es gibt nichts zu vergleichen.",
    contradiction: "Die beiden widersprechen einander.",
    evidence:
      "Diese zwei Stände eines Logs können nicht beide wahr sein. Der Betreiber des Logs hat verschiedenen Lesern verschiedene Logs gezeigt oder das Log umgeschrieben. Heben Sie beide Dateien und beide Checkpoints als Beleg auf.",
    undetermined: "Ob es dasselbe Log ist, ist nicht feststellbar:",
    byClaim: "Der Vergleich unten richtet sich nach den Positionen, die jede Datei für ihre Einträge angibt.",
    byPlace:
      "Der Vergleich unten richtet sich nur nach Positionen: An derselben Position können die beiden Dateien verschiedene Ereignisse enthalten.",
    otherLog: "Diese Dateien sind aus verschiedenen Logs. Es gibt nichts zu vergleichen.",
    hides: ({ one, other }) => html`In ${one}, aber nicht in ${other}`,
    nothing: "Nichts: Jedes Ereignis, das sie zeigt, ist auch in der anderen Datei.",
    nothingElse: "Sonst nichts: Die geänderten Einträge stehen oben.",
    nothingByPlace:
      "Nichts: Wo sie ein Ereignis zeigt, zeigt auch die andere Datei eines an derselben Position.",
    has: ({ shown, leftOut, last }) =>
      `${shown} gezeigt${leftOut.map((part) => `, ${part}`).join("")}; sie endet nach ${last}`,
    empty: "sie enthält keinen Eintrag",
    as: {
      withheld: "dort zurückgehalten",
      skipped: "dort ausgelassen",
      beyond: "nach deren Ende",
      failed: "dort, aber nicht geprüft",
    },
    entries,
    rewrittenAt: "Verschiedener Inhalt am selben Eintrag",
    firstCompared: (compared) =>
      `Verglichen wurden nur die ersten ${entries(compared)}, die beide Dateien zeigen.`,
    differ: (entries) => `Der Unterschied: ${entries}:`,
    changedIn: ({ name, entries }) => html`Geändert in ${name}: ${entries}:`,
    differsIn: ({ field, there, file, signed }) =>
      html`${field} ist ${there} in ${file}, wie signiert ${signed}`,
    recorded: "aufgezeichnet",
    field: "Feld",
    asSigned: "wie signiert",
    notSigned: "nicht wie signiert",
    noField: "kein solches Feld",
    spelling:
      "Alle Felder sind gleich. Nur die Schreibweise ist verschieden, etwa die Reihenfolge, Leerzeichen oder ein doppeltes Feld.",
    unreadable:
      "Die beiden Zeilen lassen sich nicht Feld für Feld vergleichen. Eine ist zu lang oder kein JSON.",
    moreFields: (more) => `${count(more)} weitere Felder sind nicht aufgeführt.`,
    moreChanged: (more) => `${entries(more)} sind nicht aufgeführt.`,
    show: "Zeigen",
    more: (more) => `${count(more)} weitere Bereiche sind nicht aufgeführt.`,
    saveCheckpoints: "Beide Checkpoints speichern",
    checkpointOf: "Checkpoint von",
  },

  keep: {
    heading: "Speichern und weitergeben",
    saveExport: "Datei speichern",
    selection: "Ereignisse in Bericht und Druck:",
    sampled: (events) => `Eine Stichprobe (${events}), gezogen aus:`,
    report: "Bericht herunterladen",
    print: "Bericht drucken",
    pin: "Pin speichern",
    trust: "Vertrauensdatei speichern",
    noPin:
      "Es gibt keinen Pin zu speichern. Dazu müssen Baum und Signatur des Logs bestehen, und keine Prüfung darf fehlschlagen.",
    pinHelp:
      "Ein Pin ist der letzte Checkpoint des Logs. Fügen Sie ihn beim nächsten Mal hinzu, um zu erkennen, ob das Log seitdem umgeschrieben oder gekürzt wurde.",
    command: (missing) => `Dieselbe Prüfung auf der Kommandozeile${missing}:`,
    once: (things) => ` (vorher zu speichern: ${things.join(" und ")})`,
    theExport: "die Datei",
    theTrust: "die Vertrauensdatei",
    theSeen: "der gemerkte Pin",
    seen: "Gemerkten Pin speichern",
    thePin: { pasted: "was als Pin eingefügt wurde", evidence: "der Pin in der Beweisdatei" },
    savePin: { pasted: "Eingefügten Pin speichern", evidence: "Pin aus der Beweisdatei speichern" },
    compare: "Mit anderer Datei vergleichen",
    joinedFirst: ", sobald die Teile zusammengesetzt sind",
    copy: "Kopieren",
    copied: "Kopiert.",
    copyRefused:
      "Der Browser erlaubt das Kopieren nicht. Markieren Sie den Befehl, und kopieren Sie ihn selbst.",
  },

  printed: {
    heading: "Bericht über ein Audit-Log",
    verified: "Geprüft um",
    tool: "Geprüft mit",
    page: (version) => `countersign ${version}, Prüfseite`,
    script: "Hash nur des Skripts der Seite, wie ihn der Browser prüft:",
    trusted: "Vertraute Schlüssel",
    nothing: "keine: Es wurde keine Vertrauensdatei angegeben",
    pins: "Pins",
    noPins: "keine",
    bytes: (bytes) => `${count(bytes)} Byte`,
    sumLater: (name) => `hier nicht berechnet: sha256sum ${name}`,
    more: (more) => `${count(more)} weitere im Bericht als JSON`,
    entries: (entries) => `Einträge ${entries}`,
    run: ({ first, last }) => `${first} bis ${last}`,
  },

  evidence: {
    ask: {
      heading: "Fragen",
      who: "Wer",
      whoHint: "Name, ID oder Teil davon",
      behalfOf: "Im Auftrag von",
      behalfHint: "Für wen ein Agent handelte",
      actions: "Hat was getan",
      actionsHint: "Aktion, etwa login oder role",
      target: "Woran",
      targetHint: "Name, ID oder Teil davon",
      from: "Vom Tag",
      until: "Bis zum Tag",
      basis: "Zeit",
      happened: "wann es geschah",
      recorded: "wann es aufgezeichnet wurde",
      ask: "Fragen",
      clear: "Leeren",
      about: "Tage sind UTC-Tage, und beide zählen mit. Die Antwort ersetzt die Suche unter Ereignisse.",
      ofFile: (name) => html`In ${name}:`,
      nothing: "Füllen Sie mindestens ein Feld aus.",
      backwards: "Der erste Tag liegt nach dem letzten.",
      searching: "Suche läuft …",
      changed:
        "Unter Ereignisse steht jetzt eine andere Suche. Fragen Sie noch einmal, um die Antwort zu sehen.",
      edited: "Das ist die Antwort auf die Frage davor. Drücken Sie Fragen für die Antwort auf die obige.",
      judgedAgain:
        "Die Ereignisse werden noch einmal geprüft. Diese Antwort ist von der Prüfung davor; danach wird die Frage noch einmal gestellt.",
      query: "Suche:",
      found: events,
      noEvents: "Es gibt keine Ereignisse",
      noneHere: "Diese Datei zeigt keine Ereignisse",
      by: {
        whole: (name) => ` von ${name}`,
        part: (name) => ` von Handelnden mit „${name}“ in Name, ID, Typ oder E-Mail-Adresse`,
        words: (name) => ` von Handelnden mit ${allOf(wordsOf(name))} in Name, ID, Typ oder E-Mail-Adresse`,
        pattern: (name) => ` von Handelnden mit Name, ID, Typ oder E-Mail-Adresse wie „${name}“`,
      },
      byNames: (names) => html` von ${listed(LANG, names, 0, "")}`,
      behalf: {
        whole: (name) => ` im Auftrag von ${name}`,
        part: (name) => ` im Auftrag von jemandem mit „${name}“ in Name, ID oder Typ`,
        words: (name) => ` im Auftrag von jemandem mit ${allOf(wordsOf(name))} in Name, ID oder Typ`,
        pattern: (name) => ` im Auftrag von jemandem mit Name, ID oder Typ wie „${name}“`,
      },
      action: (whole, part) =>
        whole.length === 0
          ? ` mit ${anyOf(part.map(allOf))} in der Aktion`
          : ` mit der Aktion ${anyOf(whole)}${part.length === 0 ? "" : ` oder mit ${anyOf(part.map(allOf))} in der Aktion`}`,
      to: {
        whole: (name) => ` an ${name}`,
        part: (name) => ` an Zielen mit „${name}“ in Name, ID oder Typ`,
        words: (name) => ` an Zielen mit ${allOf(wordsOf(name))} in Name, ID oder Typ`,
        pattern: (name) => ` an Zielen mit Name, ID oder Typ wie „${name}“`,
      },
      between: ({ from, until }) =>
        from === ""
          ? until === ""
            ? ""
            : ` bis einschließlich ${until}`
          : until === ""
            ? ` seit ${from}`
            : from === until
              ? ` am ${from}`
              : ` vom ${from} bis ${until}`,
      recordedWithin: (between) => `, aufgezeichnet${between}`,
      statedWithin: (within, of) =>
        within > 0
          ? `davon ${within === 1 ? "nennt 1" : `nennen ${count(within)}`} eine Zeit in diesen Tagen`
          : of === 1
            ? "es nennt eine Zeit außerhalb dieser Tage"
            : "keines davon nennt eine Zeit in diesen Tagen",
      ofVerified: ", nur gültige Ereignisse gezählt",
      outcomes: {
        all: {
          success: (all) => (all === 1 ? "erfolgreich" : "alle erfolgreich"),
          failure: (all) => (all === 1 ? "fehlgeschlagen" : "alle fehlgeschlagen"),
          denied: (all) => (all === 1 ? "abgelehnt" : "alle abgelehnt"),
          unknown: () => "Ausgang unbekannt",
          "not-stated": () => "Ausgang nicht angegeben",
        },
        some: {
          success: (some) => `${some} erfolgreich`,
          failure: (some) => `${some} fehlgeschlagen`,
          denied: (some) => `${some} abgelehnt`,
          unknown: (some) => `${some} mit unbekanntem Ausgang`,
          "not-stated": (some) => `${some} ohne Angabe zum Ausgang`,
        },
      },
      changedTo: ({ who, what, changes }) =>
        `${who ?? "Jemand ohne Namen"} änderte ${what === undefined ? "" : `${what}: `}${changes}`,
      byAction: "Nach Aktion:",
      narrowAction: (kept) => `Wählen Sie eine Aktion, um nur nach ihr zu fragen${kept}.`,
      noAction: (silent) => `${silent} ohne Aktion`,
      actionsOfFirst: (read) => `Nach Aktion gezählt sind nur die ersten ${read}.`,
      kinds: { who: "Handelnden", behalf: "Auftraggeber", actions: "Aktionen", target: "Ziele" },
      similar: "Meinten Sie:",
      present: {
        action: ({ name, isWhole, events: number, byOthers }) => {
          const occurs = isWhole ? `Die Aktion ${name} kommt` : `Aktionen wie ${quote(name)} kommen`;
          const others =
            byOthers === undefined || byOthers === 0
              ? ""
              : byOthers === number
                ? ", von anderen"
                : `, davon ${count(byOthers)}-mal von anderen`;
          return `${occurs} in dieser Datei ${count(number)}-mal vor${others}.`;
        },
        onDays: (number) =>
          number === 0 ? "Davon ist nichts an diesen Tagen." : `An diesen Tagen: ${events(number)}.`,
      },
      frequent: ({ kind, actor, hasDays, hasOthers }) =>
        `Die Ereignisse${actor === undefined ? "" : ` von „${actor}“`} hier${hasDays ? " an diesen Tagen" : ""} haben ${hasOthers ? "außerdem " : ""}diese ${kind}:`,
      misplaced: {
        who: (name, found) => `„${name}“ findet Handelnde in: ${events(found)}.`,
        behalf: (name, found) =>
          `Andere, etwa Agenten, handelten im Auftrag von „${name}“ in: ${events(found)}.`,
        actions: (name, found) => `„${name}“ findet Aktionen in: ${events(found)}.`,
        target: (name, found) => `„${name}“ findet Ziele in: ${events(found)}.`,
      },
      askMisplaced: {
        who: "Nach Handelnden fragen",
        behalf: "Nach dem Auftrag fragen",
        actions: "Nach der Aktion fragen",
        target: "Nach dem Ziel fragen",
      },
      elsewhere: (name, found) =>
        `„${name}“ steht in anderen Feldern von ${found === 1 ? "1 Ereignis" : `${count(found)} Ereignissen`}, die diese Frage nicht durchsucht.`,
      showElsewhere: () => "Unter Ereignisse zeigen",
      noDay: "Kein Ereignis hier ist von diesen Tagen.",
      claims: (claims) =>
        claims === 1
          ? "1 verändertes Ereignis gibt an, zur Frage zu passen. Es zählt nicht, denn es sagt nicht, was signiert wurde:"
          : `${count(claims)} veränderte Ereignisse geben an, zur Frage zu passen. Sie zählen nicht, denn sie sagen nicht, was signiert wurde:`,
      claim: (entry) => `Eintrag ${entry}`,
      unreadClaims: (unread) =>
        unread === 1
          ? "1 verändertes Ereignis war nicht lesbar. Es kann auch angeben, zur Frage zu passen."
          : `${count(unread)} veränderte Ereignisse waren nicht lesbar. Sie können auch angeben, zur Frage zu passen.`,
      unverifiedAbove: (unverified) =>
        `${events(unverified)} ${unverified === 1 ? "ist nicht gültig und zählt" : "sind nicht gültig und zählen"} deshalb nicht. Siehe oben.`,
      unverifiedOther: (unverified) =>
        unverified === 1
          ? "1 Ereignis ist nicht gültig und zählt deshalb nicht. Was es angibt, passt nicht, aber es sagt nicht, was signiert wurde."
          : `${events(unverified)} sind nicht gültig und zählen deshalb nicht. Was sie angeben, passt nicht, aber sie sagen nicht, was signiert wurde.`,
      uncounted: "Wie viele davon fehlgeschlagen sind, ist hier nicht bekannt.",
      unknown: {
        who: (names, isPartial) =>
          `Kein Ereignis hier${isPartial ? ", das die Prüfung besteht," : ""} nennt als Handelnden ${anyOf(names.map(quote))}`,
        behalf: (names, isPartial) =>
          `In keinem Ereignis hier${isPartial ? ", das die Prüfung besteht," : ""} handelte jemand im Auftrag von ${anyOf(names.map(quote))}`,
        actions: (names, isPartial) =>
          `Kein Ereignis hier${isPartial ? ", das die Prüfung besteht," : ""} hat die Aktion ${anyOf(names.map(quote))}`,
        target: (names, isPartial) =>
          `Kein Ereignis hier${isPartial ? ", das die Prüfung besteht," : ""} nennt als Ziel ${anyOf(names.map(quote))}`,
      },
      searchedNames: {
        who: "Durchsucht wurden nur Namen, IDs, Typen und E-Mail-Adressen von Handelnden. Vielleicht ist es anders geschrieben.",
        behalf: "Durchsucht wurden nur Namen, IDs und Typen. Vielleicht ist es anders geschrieben.",
        actions:
          "Durchsucht wurden nur Aktionen. Vielleicht ist es anders geschrieben; für einen Namen oder eine ID benutzen Sie „Woran“.",
        target:
          "Durchsucht wurden nur Namen, IDs und Typen von Zielen. Vielleicht ist es anders geschrieben.",
      },
      covered: {
        who: (typed) => `Handelnde, die ${anyOf(typed.map(quote))} unter allen Ereignissen hier findet:`,
        behalf: (typed) =>
          `Auftraggeber, die ${anyOf(typed.map(quote))} unter allen Ereignissen hier findet:`,
        actions: (typed) => `Aktionen, die ${anyOf(typed.map(quote))} unter allen Ereignissen hier findet:`,
        target: (typed) => `Ziele, die ${anyOf(typed.map(quote))} unter allen Ereignissen hier findet:`,
      },
      moreNames: (more) => `und ${more} weitere`,
      namesOfFirst: (read) => `Das sind die der ersten ${read}. Es kann weitere geben.`,
      wider: (more) => `Noch ${events(more)}, wenn Namen Ihre Eingabe nur enthalten müssen.`,
      widerUnknown: "Ereignisse mit längeren Namen, die Ihre Eingabe enthalten, wurden nicht gezählt.",
      widen: "Dazunehmen",
      late: (late, longest, of) =>
        `${of === undefined ? events(late) : `${count(late)} der ersten ${of}`} ${late === 1 ? "wurde" : "wurden"} ${late === 1 ? `${dayCount(longest)} nach der Zeit aufgezeichnet, die es angibt` : `mehr als einen Tag nach der Zeit aufgezeichnet, die sie angeben, höchstens ${dayCount(longest)} danach`}. Bis ein Ereignis aufgezeichnet ist, schützt es nichts.`,
      future: (future, of) =>
        `${of === undefined ? events(future) : `${count(future)} der ersten ${of}`} ${future === 1 ? "nennt" : "nennen"} eine spätere Zeit als die der Aufzeichnung.`,
      inFile: (events, isAll) =>
        isAll ? `In dieser Datei (${events})` : `Unter den ersten ${events} dieser Datei`,
      lateOf: (late, longest, of) =>
        `${of}: ${count(late)} ${late === 1 ? "wurde" : "wurden"} mehr als einen Tag nach der Zeit aufgezeichnet, die ${late === 1 ? "es angibt" : "sie angeben"}, höchstens ${dayCount(longest)} danach.`,
      futureOf: (future, of) =>
        `${of}: ${count(future)} ${future === 1 ? "nennt" : "nennen"} eine spätere Zeit als die der Aufzeichnung.`,
      timesOfFirst: (read) => `Auf späte Aufzeichnung wurden nur die ersten ${read} untersucht.`,
      isLate: (delay) => `${dayCount(delay)} später`,
      isFuture: "früher als angegeben",
      onBehalf: {
        more: (more, name) => `Und ${events(more)} von anderen, etwa Agenten, im Auftrag von ${name}.`,
        unknown: (name) => `Was andere, etwa Agenten, im Auftrag von ${name} taten, wurde nicht gezählt.`,
        ask: "Fragen, was sie taten",
      },
      readUnrecognized: (unread) =>
        `Lesen Sie ${unread === 1 ? "es" : "sie"}, bevor Sie schreiben, dass es keine weiteren gibt.`,
      listUnrecognized: (events) => `${events} unter Ereignisse auflisten`,
      otherTime: {
        recorded: (more) =>
          `Noch ${events(more)} ${more === 1 ? "wurde" : "wurden"} an diesen Tagen aufgezeichnet, ${more === 1 ? "gibt" : "geben"} aber eine andere Zeit an.`,
        happened: (more) =>
          `Noch ${events(more)} ${more === 1 ? "gibt" : "geben"} eine Zeit an diesen Tagen an, ${more === 1 ? "wurde" : "wurden"} aber zu einer anderen aufgezeichnet.`,
        unclear:
          "Wie viele Ereignisse nach ihrer anderen Zeit passen, ließ sich nicht sagen: Die Suche verbindet Zeiten mit anderen Bedingungen.",
        elsewhere:
          "Diese Datei enthält nur die ausgewählten Ereignisse. Sie sagt also nicht, wie viele andere eine Zeit an diesen Tagen angeben, aber zu einer anderen aufgezeichnet wurden, oder umgekehrt, oder an anderen Tagen liegen.",
        unknown:
          "Nicht gezählt sind Ereignisse, von denen nur die angegebene Zeit oder nur die Aufzeichnung an diesen Tagen liegt.",
        ask: { recorded: "Nach Aufzeichnung fragen", happened: "Nach angegebener Zeit fragen" },
      },
      anyDay: (all) => `An beliebigen Tagen: ${events(all)}.`,
      askAnyDay: "Ohne die Tage fragen",
      press: "Wählen Sie ein Ereignis, um Einzelheiten zu sehen.",
      open: (entry) => `Eintrag ${entry} öffnen`,
      all: ({ entries, seen, events }) =>
        html`Alle ${entries} des Logs${seen === undefined ? " bisher" : html` bis ${seen}`} sind hier, und alle ${events} darunter wurden durchsucht: Das ist alles.`,
      searched: ({ entries, seen, events }) =>
        html`Alle ${entries} des Logs${seen === undefined ? " bisher" : html` bis ${seen}`} sind hier, und alle ${events} darunter wurden durchsucht.`,
      statedAll: ({ entries, seen, events }) =>
        html`Nach dem Bericht des Prüfers hat der Export alle ${entries} des Logs${seen === undefined ? " bisher" : html` bis ${seen}`}, und alle ${events} darunter wurden durchsucht. Zeigen kann das nur der Export.`,
      others: (others) =>
        others === 1
          ? "Der andere Eintrag ist kein Ereignis: Mit ihm beginnt oder endet eine Kette, oder er betrifft einen Schlüssel."
          : `Die anderen ${count(others)} Einträge sind keine Ereignisse: Mit ihnen beginnen oder enden Ketten, oder sie betreffen Schlüssel.`,
      bounds: {
        searched: (events) => `${events} durchsucht.`,
        part: ({ first, last }) =>
          `Alle Einträge ${first} bis ${last} des Logs sind hier: Darunter ist das alles. Davor oder danach kann es weitere geben.`,
        range: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} wurden durchsucht: Darunter ist das alles.`,
        claimed:
          "Aus dem Teil des Logs, den diese Datei abdeckt, fehlt kein Eintrag: Darin ist das alles. Davor oder danach kann es weitere geben.",
        revocable:
          "Ein Eintrag, den diese Datei auslässt, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains:
          "Die Ketten in dieser Datei sind vollständig: In ihnen ist das alles. Das Log kann weitere Ketten haben.",
      },
      statedBounds: {
        searched: (events) => `Nach dem Bericht des Prüfers: ${events} durchsucht.`,
        part: ({ first, last }) =>
          `Der Export hat alle Einträge ${first} bis ${last} des Logs: Darunter ist das alles. Davor oder danach kann es weitere geben.`,
        range: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} wurden durchsucht: Darunter ist das alles.`,
        claimed:
          "Aus dem Teil des Logs, den der Export abdeckt, fehlt kein Eintrag: Darin ist das alles. Davor oder danach kann es weitere geben.",
        revocable:
          "Ein Eintrag, den der Export auslässt, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains:
          "Die Ketten im Export sind vollständig: In ihnen ist das alles. Das Log kann weitere Ketten haben.",
      },
      part: {
        may: "Das ist vielleicht nur ein Teil, denn:",
        is: "Das ist nur ein Teil des Logs:",
      },
      untrusted: {
        reader: {
          all: "Kein Schlüssel, dem Sie vertrauen, hat diese Ereignisse signiert: Jeder kann sie gemacht haben.",
          some: "Schlüssel, denen Sie nicht vertrauen, haben einige dieser Ereignisse signiert: Jeder kann sie gemacht haben.",
        },
        author: {
          all: "Kein Schlüssel, dem der Verfasser vertraute, hat diese Ereignisse signiert: Jeder kann sie gemacht haben.",
          some: "Schlüssel, denen der Verfasser nicht vertraute, haben einige dieser Ereignisse signiert: Jeder kann sie gemacht haben.",
        },
      },
      doubts: {
        verdict: "Die Datei als Ganzes ist nicht bestätigt: siehe ihr Ergebnis.",
        unverified: (unverified) =>
          `${events(unverified)} in dieser Datei ${unverified === 1 ? "ist" : "sind"} nicht gültig, ${unverified === 1 ? "wurde" : "wurden"} deshalb nicht durchsucht und ${unverified === 1 ? "kann" : "können"} passen. Siehe Probleme.`,
        withheld: (withheld) =>
          `Der Inhalt von ${withheld === 1 ? "1 Ereignis" : `${count(withheld)} Ereignissen`} ist zurückgehalten und ließ sich nicht durchsuchen.`,
        omitted: (omitted) =>
          `${omitted === 1 ? "1 Eintrag" : `${count(omitted)} Einträge`} des Logs ${omitted === 1 ? "ist" : "sind"} in dieser Datei ausgelassen und ${omitted === 1 ? "ließ" : "ließen"} sich nicht durchsuchen.`,
        part: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} des Logs sind hier. Dazwischen fehlt nichts; davor oder danach kann es weitere geben.`,
        range: ({ first, last }) => `Nur die Einträge ${first} bis ${last} wurden durchsucht.`,
        claimed:
          "Nur ein Teil des Logs ist hier. Daraus fehlt nichts; davor oder danach kann es weitere geben.",
        revocable:
          "Ein Eintrag, den diese Datei auslässt, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains: "Nur die Ketten in dieser Datei sind nachweislich vollständig. Das Log kann weitere haben.",
        undetermined: "Nichts zeigt, ob es vor oder nach den Einträgen dieser Datei weitere gab.",
        later: (seen) =>
          html`Die Datei zeigt das Log bis ${seen}. Sie haben auch nach einer späteren Zeit gefragt.`,
        undated: "Nichts zeigt, bis wann diese Datei das Log zeigt.",
        unrecognized: (unread, number) =>
          html`${number} ${unread === 1 ? "nennt" : "nennen"} keinen Handelnden, keine Aktion oder keine Zeit in einer Form, die die Suche kennt.`,
        unexamined: (present) =>
          `${events(present)} ${present === 1 ? "ist" : "sind"} mit den hier benutzten Schlüsseln verifiziert, und nicht alle wurden durchsucht.`,
        empty: "Es gab kein Ereignis zu untersuchen.",
        rules: "Die Regeln konnten nicht alle Ereignisse untersuchen. Die Gründe stehen unten.",
        limits: (rules) =>
          rules === 1
            ? "Eine Regel hat Ereignisse ausgelassen, um Speicher zu sparen oder weil sie zu spät kamen, und kann etwas übersehen haben."
            : `${rules} Regeln haben Ereignisse ausgelassen, um Speicher zu sparen oder weil sie zu spät kamen, und können etwas übersehen haben.`,
        future: (late) =>
          `${events(late)} ${late === 1 ? "nennt" : "nennen"} eine spätere Zeit als die der Aufzeichnung. Regeln über einen Zeitraum zählen ${late === 1 ? "es" : "sie"} nicht.`,
      },
      statedDoubts: {
        verdict: "Der Export als Ganzes ist nicht bestätigt: siehe sein Ergebnis unten.",
        unverified: (unverified) =>
          `${events(unverified)} im Export ${unverified === 1 ? "ist" : "sind"} nicht gültig, ${unverified === 1 ? "wurde" : "wurden"} deshalb nicht durchsucht und ${unverified === 1 ? "kann" : "können"} passen.`,
        omitted: (omitted) =>
          `${omitted === 1 ? "1 Eintrag" : `${count(omitted)} Einträge`} des Logs ${omitted === 1 ? "ist" : "sind"} im Export ausgelassen und ${omitted === 1 ? "ließ" : "ließen"} sich nicht durchsuchen.`,
        part: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} des Logs sind im Export. Dazwischen fehlt nichts; davor oder danach kann es weitere geben.`,
        claimed:
          "Nur ein Teil des Logs ist im Export. Daraus fehlt nichts; davor oder danach kann es weitere geben.",
        revocable:
          "Ein Eintrag, den der Export auslässt, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains: "Nur die Ketten im Export sind nachweislich vollständig. Das Log kann weitere haben.",
        undetermined: "Nichts zeigt, ob es vor oder nach den Einträgen des Exports weitere gab.",
        undated: "Nichts zeigt, bis wann der Export das Log zeigt.",
      },
      times: {
        happened:
          "Zeit: was jedes Ereignis angibt. Wenn es keine angibt, die Zeit, zu der es aufgezeichnet wurde.",
        recorded: "Zeit: wann jedes Ereignis aufgezeichnet wurde, wie mit ihm signiert.",
      },
      some: ({ selected, events, outcomes }) =>
        `Die Suche findet ${selected} von: ${events}${outcomes === "" ? "" : `. Davon ${outcomes}`}.`,
      none: (events) => `Die Suche findet nichts. Durchsucht: ${events}.`,
      first: ({ shown, of }) => `Die ersten ${shown} von ${of}:`,
      show: "Unter Ereignisse zeigen",
      contain: (events) => `Alles aufnehmen (${events}), damit Leser die Antwort prüfen können`,
      choice: (all, found, hasOthers) => ({
        ticked: `Angekreuzt: Leser sehen alles${hasOthers ? ", von allen Handelnden" : ""} (${all}), und prüfen selbst, dass es darunter keine anderen gibt.`,
        unticked: `Nicht angekreuzt: Leser sehen ${found === 0 ? "kein Ereignis" : found === 1 ? "nur dieses Ereignis" : `nur diese ${count(found)} Ereignisse`} und müssen Ihnen glauben, dass es keine anderen gibt.`,
      }),
      statedFaulty: (events) =>
        `Nicht angekreuzt: Leser sehen nur die gefundenen Ereignisse und das Ergebnis des Exports. Sie geben nur an, was unter den gültigen Ereignissen gefunden wurde: ${events}.`,
      tooLarge: "Der Export hat mehr als 64 MiB, deshalb kann die Datei ihn nicht enthalten.",
      slice: "Diese Ereignisse als Export speichern",
      report: "Bericht speichern (JSON)",
    },
    own: {
      running: "Wird geprüft …",
      stopped: "Nicht geprüft. Siehe unten.",
      selected: ({ selected, events, outcomes }) =>
        `Mit Ihrer Vertrauensdatei findet die Suche ${selected}${outcomes === "" ? "" : `: ${outcomes}`}. Durchsucht: ${events}.`,
      contained: ({ selected, events }) =>
        `Mit der Vertrauensdatei darin findet die Suche ${selected}. Durchsucht: ${events}. Die Datei enthält sie alle, und diese Seite hat noch einmal gesucht.`,
      unchangedHere: (events) => `${events} hier: unverändert.`,
      exportBehind: (verdict) =>
        `Der Export, aus dem sie stammen: ${verdict} So steht es im Bericht des Erstellers der Datei.`,
      leftOut: (left, listed) =>
        left === 1
          ? `1 Eintrag passt mit Ihrer Vertrauensdatei zur Suche und fehlt in der Antwort: ${listed}`
          : `${count(left)} Einträge passen mit Ihrer Vertrauensdatei zur Suche und fehlen in der Antwort: ${listed}`,
      unverified: (unverified, listed) =>
        unverified === 1
          ? `1 Eintrag der Antwort ist mit Ihrer Vertrauensdatei nicht verifiziert: ${listed}`
          : `${count(unverified)} Einträge der Antwort sind mit Ihrer Vertrauensdatei nicht verifiziert: ${listed}`,
      more: ({ shown, more }) => `${shown} und ${more} weitere`,
    },
    filed: {
      heading: "Beweisdatei",
      opening: "Der Inhalt dieser Beweisdatei wird geprüft …",
      refused: "Diese Beweisdatei besteht die Prüfung nicht",
      refusedAbout: "Von ihrem Inhalt wird nichts gezeigt.",
      place: (line) => (line === undefined ? "" : `Zeile ${line} des Beweises: `),
      verified: ({ when, events }) =>
        html`Diese Seite hat den Inhalt der Datei soeben geprüft (${when}): ${events}. Sie ergeben denselben Bericht wie den in der Datei.`,
      own: "Die Seite in der Datei ist Byte für Byte die, die Sie benutzen.",
      other: (sha256) =>
        html`Die Seite in der Datei ist nicht die, die Sie benutzen: Sie gehört zu einer anderen Version, oder sie wurde verändert. Sie
          wurde nicht ausgeführt. Ihr SHA-256 ist ${sha256}.`,
      uncompared: (sha256) =>
        html`Die Seite in der Datei wurde mit keiner anderen Kopie verglichen. Sie wurde nicht ausgeführt. Ihr SHA-256 ist ${sha256}.`,
      inside: html`Sie benutzen die Kopie der Seite in der Datei. Wer die Datei bearbeitet, kann auch diese Kopie bearbeiten und sie Beliebiges
        sagen lassen. Wenn es darauf ankommt, öffnen Sie eine Kopie dieser Seite aus einer Quelle, der Sie vertrauen, und ziehen diese Datei darauf, oder benutzen Sie
        <code>countersign report --check</code>.`,
      trust:
        "Geprüft mit der Vertrauensdatei darin, die der Verfasser gewählt hat. Wenn Sie eine von jemandem haben, dem Sie vertrauen, wählen Sie sie hier:",
      keys: "Das kommt aus einer Beweisdatei. Wenn Sie keine eigene Vertrauensdatei gewählt haben, sind die Schlüssel die, denen ihr Verfasser vertraut.",
      ownTrust:
        "Unten sind die Ereignisse mit den Schlüsseln geprüft, denen Sie vertrauen, nicht mit der Vertrauensdatei darin.",
      wholeAbout:
        "Das lässt sich mit dem Export prüfen, nicht aus dieser Datei. Vergleichen Sie den SHA-256 mit dem Export, wenn Sie ihn bekommen können.",
      sections: (count: string, of: number) =>
        `Aussagen des Verfassers (${count} ${of === 1 ? "Abschnitt" : "Abschnitte"})`,
      sectionsAbout:
        "Das hat der Verfasser der Datei geschrieben. Die Ereignisse, die er nennt, wurden hier geprüft, seine Aussagen darüber nicht.",
      made: "Erstellt mit",
      facts: "Gegenstand, Verfasser und Schlüssel",
      file: "Export",
      trustFile: "Vertrauensdatei",
      pins: "Pins",
      rememberedPin:
        "Diesen Zustand des Logs hatte sich der Browser des Verfassers bei einer früheren Prüfung gemerkt.",
      query: "Suche",
      all: "alle Ereignisse",
      selected: "Ausgewählt",
      sample: "Stichprobe",
      reference: "Aktenzeichen",
      examiner: "Geprüft von",
      claimsTitle: "Veränderte Ereignisse, die angeben zu passen",
      noClaims: (altered) =>
        altered === 1
          ? "1 Ereignis des Exports wurde verändert. Was es angibt, passt nicht zur Frage."
          : `${count(altered)} Ereignisse des Exports wurden verändert. Was sie angeben, passt nicht zur Frage.`,
      statedClaims: (claims) =>
        claims === 1
          ? "Laut Bericht des Prüfers gibt 1 verändertes Ereignis des Exports an, zur Frage zu passen. Es zählt nicht, denn es sagt nicht, was signiert wurde:"
          : `Laut Bericht des Prüfers geben ${count(claims)} veränderte Ereignisse des Exports an, zur Frage zu passen. Sie zählen nicht, denn sie sagen nicht, was signiert wurde:`,
      mayClaim: (altered) =>
        altered === 1
          ? "1 Ereignis des Exports besteht die Prüfung nicht und kann zur Frage passen:"
          : `${count(altered)} Ereignisse des Exports bestehen die Prüfung nicht und können zur Frage passen:`,
      sampleOf: ({ drawn, of }) => `Eine Stichprobe wurde gezogen: ${drawn} von ${of}`,
      allOf: (events) => `Alle Ereignisse des Exports: ${events}`,
      allVerified: ({ events, of }) => `Alle verifizierten Ereignisse des Exports: ${events} von ${of}`,
      statedAbout: ({ events, here }) =>
        `Die Aussagen des Verfassers handeln vom ganzen Export: ${events}. Die Datei enthält die Ereignisse, die sie nennen: ${here}.`,
      statedWithin: ({ events, here, first, last }) =>
        `Die Aussagen des Verfassers handeln von den Einträgen ${first} bis ${last}: ${events}. Die Datei enthält die Ereignisse, die sie nennen: ${here}.`,
      allWithin: ({ events, first, last }) => `Alle Ereignisse der Einträge ${first} bis ${last}: ${events}`,
      question: "Frage",
      questions: {
        asked: ({ who, rest }) => (who === "" ? `Was wurde${rest} getan?` : `Was hat ${who}${rest} getan?`),
        recorded: ({ between, within }) => `Was wurde${between}${within} aufgezeichnet?`,
        asRecorded: (between) => ` (aufgezeichnet${between})`,
        search: (within) => `Welche Ereignisse wählt diese Suche${within} aus?`,
        all: (within) => `Was enthält dieser Export${within}?`,
        sample: (within) => `Was enthält eine Stichprobe dieses Exports${within}?`,
        stated: "Was sagt der Verfasser über diesen Export aus?",
        within: ({ first, last }) => ` in den Einträgen ${first} bis ${last}`,
        or: " oder ",
        others: (left) => (left === 1 ? "eine weitere" : `${count(left)} weitere`),
      },
      answer: "Antwort",
      rules: {
        name: "Regeln",
        question: ({ rules, pack, within }) =>
          rules === 1
            ? `Hat die Regel in „${pack}“${within} angeschlagen?`
            : `Hat eine der ${count(rules)} Regeln in „${pack}“${within} angeschlagen?`,
        none: ({ rules, pack, events }) =>
          html`Keine der ${rules} Regeln in „${pack}“ hat angeschlagen. Untersucht: ${events}.`,
        inapplicable: ({ pack, events }) =>
          html`Keine Regel in „${pack}“ konnte eines der Ereignisse untersuchen (${events}).`,
        some: ({ findings, events }) => `Die Regeln ergeben ${findings}. Untersucht: ${events}.`,
        more: (rules) => `und ${rules} weitere`,
        contained: (events) =>
          `Die Datei enthält die Regeln und alles, was sie untersucht haben: ${events}. Diese Seite hat die Regeln noch einmal angewendet, mit demselben Ergebnis.`,
        containedOwn: (events) =>
          `Das ist das Ergebnis mit Ihrer Vertrauensdatei: Die Seite hat die Regeln der Datei auf alles angewendet, was damit gültig ist: ${events}.`,
        differs: ({ findings, events }) =>
          `Mit der Vertrauensdatei aus der Datei ist das Ergebnis ein anderes: ${findings} in ${events}.`,
        stated:
          "Das ist eine Aussage des Prüfers über den unten genannten Export. Die Datei enthält nicht alle Ereignisse, die die Regeln untersucht haben, deshalb kann diese Seite die Regeln nicht noch einmal anwenden.",
        own: "Die Regeln sind die dieser Seite.",
        other: (sha256) =>
          html`Die Regeln sind nicht die dieser Seite: Sie gehören zu einer anderen Version, oder es sind eigene des Prüfers. Ihr SHA-256: ${sha256}`,
      },
      examinedAt: "Untersucht am",
      verdict: "Ergebnis mit der Vertrauensdatei darin",
      ownVerdict: "Ergebnis mit Ihrer Vertrauensdatei",
      byAuthor: "Mit den Schlüsseln, denen der Verfasser der Datei vertraut.",
      whole: "Was das Programm des Verfassers über den ganzen Export gemeldet hat:",
      contained: (events) =>
        `Die Datei enthält alles, was durchsucht wurde: ${events}. Diese Seite hat noch einmal gesucht, mit demselben Ergebnis.`,
      stated:
        "Das ist eine Aussage des Prüfers über den unten genannten Export. Die Datei enthält die anderen durchsuchten Ereignisse nicht, deshalb kann diese Seite die Suche nicht wiederholen.",
      examined: ({ events, unrecognized }) =>
        html`${events} durchsucht; ohne Handelnden, Aktion oder Zeit, die die Suche kennt: ${unrecognized}`,
      similar: (names) => `Ähnlich: ${names}.`,
      wider: (more) =>
        `Noch ${events(more)} ${more === 1 ? "passt" : "passen"}, wenn Namen die der Frage nur enthalten müssen.`,
      authorsVerdict: {
        untrusted: "Unverändert seit der Signatur, aber der Verfasser vertraute dem Schlüssel nicht.",
        log: "Unverändert seit der Signatur, aber der Verfasser vertraute dem Log nicht.",
      },
      below: {
        export: "Die Ereignisse in dieser Beweisdatei: der ganze Export",
        slice: ({ events, of }) => `In dieser Beweisdatei: ${events}. Im Export: ${of}`,
      },
      papers: "Notizen",
    },
    make: {
      heading: "Beweise",
      about:
        "Speichert die Ereignisse, die Ihre Suche unter Ereignisse zeigt, mit ihren Beweisen. Ohne Suche sind es alle.",
      reference: "Aktenzeichen",
      examiner: "Geprüft von",
      typed: "Beides steht in dem, was Sie speichern und drucken. Es wird nirgendwohin gesendet.",
      untyped: "nicht ausgefüllt",
      noSlice: {
        altered:
          "Diese Ereignisse lassen sich nicht als Export speichern, weil diese Datei verändert ist. Ein solcher Export wäre für sich gültig, und nichts darin würde das zeigen. Speichern Sie sie als Beweis: Er behält das Ergebnis dieser Datei.",
        broken:
          "Diese Ereignisse lassen sich nicht als Export speichern, weil diese Datei fehlerhaft ist. Ein solcher Export wäre für sich gültig, und nichts darin würde das zeigen. Speichern Sie sie als Beweis: Er behält das Ergebnis dieser Datei.",
      },
      save: "Als Beweis speichern",
      withAnswer: "Die Antwort oben hat die Schaltflächen, mit denen sie gespeichert wird.",
      saveAbout:
        "Eine HTML-Datei mit den ausgewählten Ereignissen, der Vertrauensdatei, dem Bericht und dieser Seite. Sie prüft sich selbst, wenn man sie öffnet, auch offline.",
      working: "In Arbeit …",
      selection: "Zu speichern:",
      toSearch: "Zur Suche",
      sampled: (events) => `Gespeichert wird eine Stichprobe davon: ${events}.`,
      sampleDropped: "Die Suche wurde geändert; die Stichprobe gilt nicht mehr. Ziehen Sie eine neue.",
      saved: ({ events, name }) => `${events} gespeichert: ${name}.`,
      savedWithAll: ({ events, all, name }) =>
        `Antwort gespeichert, ${events}. Die Datei enthält alles Durchsuchte, ${all}: ${name}.`,
      savedNone: (name) => `Die Antwort, dass nichts gefunden wurde, ist gespeichert: ${name}.`,
      reported: ({ events, name }) => `Bericht über ${events} gespeichert: ${name}.`,
      noPage:
        "Das Log stellt die Seite für Prüfer nicht bereit, mit der eine Beweisdatei beginnt. Wählen Sie unten eine Kopie.",
      tooLong:
        "Es sind mehr als 64 MiB Ereignisse. Suchen Sie nach weniger, oder ziehen Sie eine Stichprobe.",
      notReady: "Das ist noch nicht bereit. Versuchen Sie es gleich noch einmal.",
      sampleHeading: "Eine Stichprobe zum Prüfen ziehen",
      size: "Wie viele",
      seed: "Startwert",
      seedAbout: "Ein Text, auf den sich beide Seiten geeinigt haben, bevor sie das Log sahen.",
      draw: "Ziehen",
      drop: "Wieder alle Ereignisse verwenden",
      noRoot: "Eine Stichprobe braucht die Wurzel eines passenden Checkpoints, und dieser Export hat keinen.",
      drawn: ({ drawn, of }) => `${drawn} von ${of}, gezogen mit`,
      witnessed: "dem letzten Checkpoint, den das Quorum der Zeugen signiert hat",
      unwitnessed: "dem letzten Checkpoint, den das Quorum der Zeugen nicht signiert hat",
      unrequired: "dem letzten Checkpoint (die Vertrauensdatei verlangt keine Zeugen)",
      root: "Wurzel",
      again: "Jeder zieht dieselbe:",
      papers: "Haken, Markierungen und Notizen",
      papersAbout:
        "Sie bleiben im Speicher dieses Browsers, unter dem SHA-256 der Datei. Die zu den ausgewählten Ereignissen werden mitgespeichert.",
      notKept: "Dieser Browser speichert nichts. Speichern Sie den Beweis, bevor Sie die Seite schließen.",
      full: "Nicht mehr als 1.000 Ereignisse können Notizen haben.",
      open: "Ereignisse zeigen",
      first: ({ shown, of }) =>
        `Die ersten ${shown} von ${of}. Suchen Sie nach dem, wozu Sie etwas notieren wollen.`,
      entry: "Eintrag",
      time: "Aufgezeichnet",
      happened: "Geschehen",
      what: "Wer, was, woran",
      tick: "Abgehakt",
      flag: "Markiert",
      comment: "Notiz",
    },
    paper: {
      sign: ["Name", "Ort, Datum", "Unterschrift"],
      filter: "Suche",
      events: "Ereignisse",
      more: (more) => `${more} weitere sind in der Beweisdatei oder im Ausschnitt.`,
      page: "Seite",
      here: "Suche darin",
      contained: "Export in der Beweisdatei",
      noHash: "noch nicht berechnet",
      inError: "fehlerhaft",
      refused: "Die Suche enthält einen Fehler, deshalb sind keine Ereignisse gedruckt:",
      waiting:
        "Beim Drucken waren die Ereignisse noch nicht geladen; sie fehlen hier. Drucken Sie noch einmal.",
      printReference: "Aktenzeichen dieses Ausdrucks",
      printExaminer: "Gedruckt von",
    },
  },

  about: {
    summary: (version) => `countersign ${version}: Ist diese Seite die veröffentlichte?`,
    text: (version) =>
      `Ein Urteil ist so viel wert wie die Seite, die es fällt. Diese Datei sagt, sie sei die Prüfseite von countersign ${version}; eine falsche würde das auch sagen. Also nicht die Seite fragen, sondern die Datei:`,
    how: "Vergleichen Sie den Hash der geöffneten Datei mit der Datei SHA256SUMS der Veröffentlichung.",
    rebuild:
      "Oder bauen Sie sie selbst: Gleiche Quellen ergeben gleiche Bytes. Im Repository, beim Tag der Version:",
    parts: "Die eigene Policy der Seite erlaubt dem Browser nur diese Teile:",
    script: "Skript",
    style: "Stil",
  },
};
