import { counting } from "@countersign/ui/viewer/texts/figures.js";
import { html } from "lit";
import { de as page } from "../../src/texts/de.ts";
import type { ConsoleTexts } from "./en.ts";

const LANG = "de";
const { count, duration, entries } = page.viewer.figures;
const cosignatures = counting(LANG, "Mitsignatur", "Mitsignaturen");
const calls = counting(LANG, "Aufruf", "Aufrufe");
const emitters = counting(LANG, "Unterzeichner", "Unterzeichner");
const emittersOf = counting(LANG, "Unterzeichner", "Unterzeichnern");
const witnesses = counting(LANG, "Zeugen", "Zeugen");
const callers = counting(LANG, "Aufrufer", "Aufrufern");
const lines = counting(LANG, "Zeile", "Zeilen");
const tenants = counting(LANG, "Mandant", "Mandanten");
const logsOf = counting(LANG, "Log", "Logs");

/** German texts of the console. */
export const de: ConsoleTexts = {
  page,
  viewer: page.viewer,

  title: "Konsole – countersign",
  heading: (origin: unknown) => html`Konsole von ${origin}`,
  headingAlone: "Konsole eines Logs",
  lead: "Alles, was dieses Log sendet, wird in Ihrem Browser mit den Schlüsseln geprüft, denen Sie vertrauen.",
  skip: "Zum Inhalt",
  groups: {
    events: "Ereignisse",
    detection: "Erkennung",
    trust: "Vertrauen",
    operation: "Betrieb",
  },
  tabs: {
    overview: "Übersicht",
    search: "Suche",
    ask: "Fragen",
    live: "Live",
    findings: "Funde",
    sessions: "Sitzungen",
    inventory: "Endpunkte",
    exposure: "Risiko",
    coverage: "Abdeckung",
    keys: "Schlüssel",
    witnesses: "Zeugen",
    evidence: "Beweise",
    storage: "Speicher",
    tenants: "Mandanten",
    across: "Alle durchsuchen",
  },
  tabsName: "Teile der Konsole",

  about: {
    summary: "Ausgeliefert vom Betreiber des Logs. Für eine unabhängige Prüfung die Offline-Seite verwenden.",
    paragraphs: [
      html`Diese Seite verbindet sich nur mit dem Log, das sie ausgeliefert hat: In ihrer Content Security Policy, in den ersten Zeilen ihres
        Quelltexts, steht <code>connect-src 'self'</code>. Ihr Token wird in einer Kopfzeile der Anfragen gesendet. Ihre Vertrauensdatei
        und die Ergebnisse werden nie gesendet.`,
      html`Der Betreiber eines Logs könnte eine Seite ausliefern, die Beliebiges zeigt. Wenn es darauf ankommt, speichern Sie einen Export,
        und prüfen Sie ihn mit der Prüfseite, die offline läuft, oder mit dem Programm, beide aus einer anderen Quelle.`,
    ],
    signIn: (issuer: unknown) =>
      html`Zum Anmelden verbindet sie sich auch mit ${issuer}; ihre Content Security Policy nennt es ebenfalls.`,
  },

  access: {
    heading: "Zugang und Vertrauen",
    token: "Lesetoken",
    tokenHelp: html`Vom Betreiber des Logs: <code>countersign token add NAME</code>, oder <code>countersign tenant add NAME</code>
      für das Log eines einzelnen Kunden. Es wird in einer Kopfzeile gesendet, nie in einer Adresse.`,
    keep: "Beim Neuladen dieser Seite angemeldet bleiben, bis dieser Tab geschlossen wird",
    unkept:
      "Dieser Browser lässt das nicht zu. Nach dem Neuladen müssen Sie Token und Vertrauensdatei noch einmal angeben.",
    signIn: (host: unknown) => html`Bei ${host} anmelden`,
    signInHelp: (host: unknown) =>
      html`Sie melden sich bei ${host} an und kommen hierher zurück. Das Token von dort wird nur an dieses Log gesendet.`,
    signInFailed:
      "Die Anmeldung ist nicht gelungen. Versuchen Sie es noch einmal. Wenn es dabei bleibt, wenden Sie sich an den Betreiber des Logs.",
    orToken: "Oder ein Lesetoken verwenden:",
    use: "Dieses Token verwenden",
    leave: "Abmelden, Token und Vertrauensdatei vergessen",
    checking: "Das Token wird beim Log geprüft",
    malformed:
      "Ein Token ist ein Wort ohne Leerzeichen. Kopieren Sie es noch einmal, ohne Text davor oder danach.",
    missing: "Geben Sie zuerst ein Token an.",
    accepted: "Token angenommen",
    refused: "Token nicht angenommen",
    none: "Kein Token",
    trust: "Schlüssel, denen Sie vertrauen",
    trustHelp:
      "Eine Vertrauensdatei nennt die Schlüssel des Logs, seiner Zeugen und der Unterzeichner. Holen Sie sie von jemandem, dem Sie vertrauen. Vom Log selbst wird sie nie übernommen.",
    withoutTrust: "Keine Vertrauensdatei",
    trustNone: "keiner ihrer Schlüssel hat dieses Log signiert",
    trustSome: "sie bürgt nicht für alle Unterzeichner",
    noTrust:
      "Ohne Vertrauensdatei lässt sich sagen, dass Ereignisse unverändert sind, aber nicht, wer sie signiert hat.",
    choose: "Vertrauensdatei wählen",
    another: "Andere Vertrauensdatei wählen",
    paste: "Vertrauensdatei einfügen",
    pasteLabel: "Vertrauensdatei",
    usePasted: "Verwenden",
    pastedName: "eingefügt.txt",
    notTrust:
      "Das ist keine Vertrauensdatei. Ihre Zeilen beginnen mit log, witness, issuer, emitter, group, quorum, growth, revoke oder origin.",
    tooLarge: "Das ist zu groß für eine Vertrauensdatei.",
    remove: "Entfernen",
    plain:
      "Diese Seite wurde unverschlüsselt geladen. Andere im Netz können ein gesendetes Token lesen und könnten die Seite verändert haben.",
    needed: "Dafür brauchen Sie ein Lesetoken.",
    toToken: "Token angeben",
  },

  refusals: {
    unauthenticated: {
      title: "Das Log nimmt dieses Token nicht an",
      todo: "Prüfen Sie, ob Sie es ganz kopiert haben. Vielleicht wurde es widerrufen oder ist abgelaufen; bitten Sie dann den Betreiber des Logs um ein neues.",
    },
    tokenless: {
      title: "Das Log verlangt ein Token",
      todo: "Bitten Sie den Betreiber des Logs um ein Lesetoken.",
    },
    forbidden: {
      title: "Dieses Token darf das nicht lesen",
      todo: "Bitten Sie den Betreiber des Logs um ein Token, das lesen darf.",
    },
    invalid: {
      title: "Das Log kann diese Suche nicht ausführen",
      todo: "Berichtigen Sie sie, und suchen Sie noch einmal.",
    },
    notFound: {
      title: "Unter dieser Adresse ist nichts",
      todo: "Prüfen Sie, ob diese Seite unter der Adresse des Logs selbst geöffnet ist. Beim Log eines einzelnen Kunden endet sie auf /t/ID/, und auf ein Token für ein anderes Log kommt dieselbe Antwort.",
    },
    busy: { title: "Das Log ist ausgelastet", todo: "" },
    unavailable: { title: "Das Log kann gerade nicht antworten", todo: "" },
    failed: {
      title: "Das Log konnte nicht antworten",
      todo: "Versuchen Sie es später noch einmal. Wenn es dabei bleibt, wenden Sie sich an den Betreiber des Logs.",
    },
    unreachable: {
      title: "Das Log hat nicht geantwortet",
      todo: "Es wurde vielleicht angehalten, oder das Netz ist gestört. Versuchen Sie es später noch einmal.",
    },
    page: {
      title: "Die Antwort ist eine Webseite",
      todo: "Etwas zwischen Browser und Log hat geantwortet, etwa eine Anmeldeseite. Laden Sie diese Seite neu, und versuchen Sie es noch einmal.",
    },
    after: (seconds: number) => `Versuchen Sie es in ${duration(seconds)} noch einmal.`,
    soon: "Versuchen Sie es gleich noch einmal.",
    says: "Das Log sagt:",
  },

  search: {
    heading: "Im Log suchen",
    about: "Suchen Sie hier in den geladenen Ereignissen. Das Log kann alle seine Ereignisse durchsuchen.",
    found: "Das Log hat alle seine Ereignisse durchsucht nach",
    asked: "Im ganzen Log gesucht:",
    back: "Zurück zu den geladenen Ereignissen",
    everywhere: "Das ganze Log durchsuchen",
    onlyLoaded: "Bisher wurden nur die geladenen Ereignisse durchsucht.",
    loading: "Warten auf das Log",
    searching: "Das Log sucht",
    number: (events, isLimit) =>
      isLimit
        ? `Die neuesten ${page.viewer.figures.events(events)}. Es kann mehr geben.`
        : `${page.viewer.figures.events(events)}.`,
    proven: "Jedes ist mit einem Schlüssel signiert, dem Sie vertrauen, und steht im Log.",
    signed: "Jedes ist mit einem Schlüssel signiert, dem Sie vertrauen.",
    couldOmit:
      "Gesucht hat das Log, und es könnte welche auslassen. Um sicher zu sein, laden Sie das ganze Log.",
    loadWhole: "Das ganze Log laden",
    boundary: (size: number) =>
      `Das Log wird auch nach seinem Stand bei ${entries(size)} gefragt, den dieses Gerät zuletzt sah, damit sich beide vergleichen lassen.`,
    emptyLog: "Dieses Log ist leer. Es wurde noch nichts aufgezeichnet.",
    emptyNext: "Die Live-Ansicht zeigt das erste Ereignis, sobald es aufgezeichnet ist.",
  },

  extent: {
    load: "Laden:",
    amount: (newest: string) =>
      newest === "" ? "das ganze Log" : `die neuesten ${count(Number(newest))} Ereignisse`,
    some: "Nur bestimmte Einträge",
    from: "Ab Eintrag",
    to: "Vor Eintrag",
    apply: "Diese laden",
    again: "Neu laden",
    cancel: "Abbrechen",
    noNumber: "Geben Sie eine ganze Zahl ein.",
  },

  overview: {
    heading: "Übersicht",
    names: {
      log: "Log",
      alarms: "Verlauf",
      live: "Live",
      findings: "Funde",
      emitters: "Verstummte Unterzeichner",
      witnesses: "Zeugen",
      storage: "Speicher",
    },
    summary: {
      good: "In Ordnung: Alles, was dieser Browser prüfen kann, ist geprüft. Den Speicher kann er nicht prüfen, und Live nur, solange es läuft.",
      attention: (names) => `Das braucht Aufmerksamkeit: ${names}.`,
      waiting: "Prüfung läuft.",
      open: (names) => `Nicht oder nur zum Teil geprüft: ${names}.`,
    },
    actions: {
      "choose-trust-file": "Vertrauensdatei wählen",
      "allow-memory": "Merken erlauben",
      "load-again": "Neu laden",
      "verify-whole": "Das ganze Log laden",
      "begin-live": "Die Live-Ansicht beginnen",
      "refresh-storage": "Noch einmal fragen",
    },
    notChecked: (why) => `Nicht geprüft. ${why}`,
    noToken: "Dafür brauchen Sie ein Lesetoken.",
    noTrust: "Sie haben keine Vertrauensdatei gewählt.",
    untrusted:
      "Jeder könnte diese Ereignisse gemacht haben, weil Sie den Schlüsseln ihrer Unterzeichner nicht vertrauen.",
    nothingLoaded: "Es wurde nichts geladen.",
    failed: "Die Prüfung wurde nicht beendet.",
    waiting: "Prüfung läuft",
    log: {
      upTo: (size) => `Geprüft bis ${size}`,
      readUpTo: (size) => `Gelesen bis ${size}`,
      newest: "der neueste aufgezeichnet am",
      at: "Geprüft am",
      noCheckpoint: "Das Geladene enthält keinen passenden Checkpoint.",
      added: (added) => `Das Log gibt an, seitdem ${entries(added)} mehr zu haben.`,
    },
    alarms: {
      alarm: "Alarm",
      above: "Oben auf der Seite steht, warum, und was Sie speichern sollten.",
      none: "Kein Alarm. Seit dem letzten Besuch nur gewachsen.",
      continues: (size) => `Es enthält noch die ${entries(size)}, die dieses Gerät zuletzt sah, am`,
      notCompared: "Nicht geprüft",
      memoryOff: "Dieses Gerät merkt sich keine Logs. Also ließ sich nichts vergleichen.",
      first: "Dieses Gerät sah dieses Log zum ersten Mal. Beim nächsten Besuch wird es damit verglichen.",
    },
    live: {
      off: "Wird nicht verfolgt",
      stateAt: "Die anderen Karten zeigen das Log, wie es war am",
      waiting: "Warten auf den ersten Checkpoint des Logs",
    },
    findings: {
      off: "Die Erkennung ist aus.",
    },
    emitters: {
      none: "Im Geladenen hat niemand etwas aufgezeichnet.",
      silent: (silent, all) => `${count(silent)} von ${emittersOf(all)} länger still als sonst`,
      heard: (heard) => `${emitters(heard)} wie gewohnt aktiv`,
      noRhythm: "Nicht geprüft. Es sind zu wenige Einträge, um zu sagen, was üblich ist.",
      unclear: (unclear) => `${emitters(unclear)} mit zu wenigen Einträgen, um zu sagen, was üblich ist.`,
      absent: (absent) => `${emitters(absent)} Ihrer Vertrauensdatei ohne Aufzeichnung im Geladenen.`,
      part: "Gezählt sind nur Unterzeichner aus Ihrer Vertrauensdatei oder den geladenen Einträgen.",
      more: (more) => `und ${more} weitere`,
    },
    witnesses: {
      met: "Ihr Quorum hat den neuesten Checkpoint signiert",
      unmet: "Zu wenige Zeugen haben den neuesten Checkpoint signiert",
      share: (valid, all) => `Signiert von ${count(valid)} von ${witnesses(all)} Ihrer Vertrauensdatei.`,
      seen: (age) => `Das Quorum sah ihn vor ${age}`,
      none: "Nicht geprüft. Ihre Vertrauensdatei nennt keinen Zeugen.",
      noneMeans: "Ohne Zeugen könnte das Log anderen eine andere Geschichte zeigen.",
      unknown: "Nicht geprüft",
    },
    storage: {
      healthy: "Der Betreiber gibt an: in Ordnung. Das lässt sich hier nicht prüfen.",
      unhealthy: "Der Betreiber gibt an: nicht in Ordnung",
      unknown: (why) => `Nicht bekannt. ${why}`,
      unreadable: "Die Antwort des Logs ist nicht lesbar.",
      asking: "Das Log wird gefragt",
      ofServer: "Den Speicher dieses Logs sieht nur der Betreiber.",
      noBackup: "Keine Sicherung bekannt.",
    },
  },

  tenants: {
    heading: "Mandanten",
    about:
      "Die Mandanten dieses Logservers. Jeder hat ein eigenes, vollständiges Log mit einer Konsole, die sich über seinen Namen öffnet. Namen, Zustände und Größen sind Angaben des Logservers; was in einem Log steht, prüft dessen Konsole.",
    filter: "Name oder ID",
    state: "Zustand",
    anyState: "beliebig",
    order: "Reihenfolge",
    orders: { created: "älteste zuerst", name: "nach Namen", size: "größte zuerst" },
    states: {
      live: "aktiv",
      new: "wartet auf seinen ersten Takt",
      ended: "beendet",
      moved: "umgezogen",
      stopped: "angehalten",
    },
    refresh: "Neu laden",
    loading: "Die Mandanten werden geladen",
    name: "Name",
    size: "Einträge",
    since: "Seit Takt",
    id: "ID",
    all: (all: number) => `${tenants(all)}.`,
    shown: (shown: number, all: number) => `${count(shown)} von ${tenants(all)}.`,
    incomplete: "Die Liste ist unvollständig.",
    asked: "Geladen",
    unread: (unread: number) =>
      `${lines(unread)} der Liste ${unread === 1 ? "war" : "waren"} nicht lesbar, also fehlen hier Mandanten. Vielleicht ist die Konsole älter als der Logserver.`,
    none: "Es gibt noch keinen Mandanten. Legen Sie einen an mit countersign tenant add NAME.",
    noMatch: "Kein Mandant passt dazu.",
    more: (more: number) => `${count(more)} weitere. Geben Sie einen Teil des Namens ein, um sie zu finden.`,
    needed:
      "Dafür brauchen Sie ein Token für die Logs aller Mandanten: countersign token add NAME --log all --right read,admin.",
    notAll:
      "Dies ist die Adresse aller Mandanten. Sie verlangt ein Token mit den Rechten read und admin für alle Logs. Mit einem Token für ein einzelnes Log öffnen Sie dessen eigene Adresse, die auf /t/ID/ endet.",
  },

  across: {
    heading: "Alle Mandanten durchsuchen",
    about:
      "Fragt nacheinander das Log jedes Mandanten und prüft jede Antwort in Ihrem Browser, so wie die Konsole dieses Logs. Jedes Log bekommt ein eigenes Urteil. Jede Suche wird in den gelesenen Logs aufgezeichnet, wo die Mandanten sie sehen, außer wenn der Logserver Lesezugriffe nicht aufzeichnet.",
    query: "Suchen nach",
    example: "actor:u_1 action:user.*",
    search: (logs: number) => `${logsOf(logs)} durchsuchen`,
    cancel: "Abbrechen",
    whole: (entries: number) => `Logs bis ${count(entries)} Einträge ganz laden und hier durchsuchen`,
    wholeHelp:
      "Langsamer, aber vollständig: Ein solches Log kann keinen Treffer verbergen. Andere Logs durchsuchen sich selbst, und in ihren Antworten können Ereignisse fehlen.",
    noTrust:
      "Ohne Vertrauensdatei lässt sich nicht sagen, wer diese Logs signiert hat. Wählen Sie unter „Zugang und Vertrauen“ die Vertrauensdatei des Logservers.",
    filtered: (shown: number, all: number) =>
      `Durchsucht nur ${count(shown)} von ${tenants(all)}: die, die zum Filter unter „Mandanten“ passen.`,
    listIncomplete: "Die Liste der Mandanten ist unvollständig, also erfasst die Suche nicht alle.",
    progress: "Durchsuchte Logs",
    looked: (looked: number, all: number) => `${count(looked)} von ${logsOf(all)} angesehen.`,
    found: (events: number, logs: number) =>
      events === 0
        ? "Nichts gefunden."
        : `${page.viewer.figures.events(events)} in ${logsOf(logs)} gefunden.`,
    unread: (unread: number) =>
      `${logsOf(unread)} ${unread === 1 ? "ließ" : "ließen"} sich nicht durchsuchen; die Gründe stehen unten.`,
    left: (left: number) => `${logsOf(left)} ${left === 1 ? "wurde" : "wurden"} nicht gefragt.`,
    ended: "Die Suche endete, bevor alle gefragt waren.",
    resume: (logs: number) => `Die übrigen durchsuchen (${logsOf(logs)})`,
    nothing: (logs: number) => `${logsOf(logs)} ohne Treffer.`,
    proven: "Jedes wurde ganz geprüft.",
    unsure: (logs: number) =>
      `Davon ${logs === 1 ? "wurde" : "wurden"} ${logsOf(logs)} nicht ganz geprüft, also kann ein Treffer fehlen.`,
    matches: (events: number) => page.viewer.figures.events(events),
    cut: "oder mehr: nur die neuesten wurden angefordert",
    undecided: (withheld: number) =>
      `${counting(LANG, "zurückgehaltenes Ereignis", "zurückgehaltene Ereignisse")(withheld)} ${withheld === 1 ? "ließ" : "ließen"} sich nicht durchsuchen.`,
    moreEvents: (more: number) => `${count(more)} weitere in der Konsole dieses Logs.`,
    more: (more: number) => `Mehr zeigen (noch ${logsOf(more)})`,
    noResult: "Für dieses Log gibt es kein Ergebnis.",
    events: "Gefundene Ereignisse, neueste zuerst",
    time: "Zeit",
    action: "Aktion",
    actor: "Akteur",
    target: "Ziel",
    outcome: "Ergebnis",
    entry: "Eintrag",
  },

  live: {
    heading: "Live-Ansicht",
    about:
      "Ereignisse erscheinen, sobald das Log sie veröffentlicht, und werden beim Eintreffen geprüft. Jeder Checkpoint muss den vorigen fortsetzen. Ändert sich die Geschichte des Logs, zeigt jeder Teil der Konsole einen Alarm.",
    start: "Beginnen",
    again: "Neu beginnen",
    since: (size: number) =>
      `Dieses Gerät sah das Log zuletzt mit ${entries(size)} und prüft, dass seitdem nichts umgeschrieben wurde. Das war am`,
    states: {
      connecting: "Verbindung wird hergestellt",
      following: "Folgt dem Log",
      ended: "Beendet",
      lost: (seconds: number) => `Verbindung verloren, neuer Versuch in ${duration(seconds)}`,
      stopped: "Angehalten",
      refused: "Abgelehnt",
      failed: "Fehlgeschlagen",
    },
    goesOn: "Die Live-Ansicht läuft im Hintergrund weiter.",
  },

  verified: {
    none: "Es wurde noch nichts geladen.",
    live: "Die Live-Ansicht beginnen",
    waiting: "Prüfung läuft. Das Ergebnis erscheint hier.",
    source: "Umfang",
    sources: {
      search: "die geladenen Ereignisse",
      found: "was das Log gefunden hat",
      live: "die Live-Ansicht",
    },
    failed: "Es gibt kein Ergebnis, weil die Prüfung nicht beendet wurde.",
  },

  head: {
    covers: "Umfasst",
    thisLog: "dieses Logs",
    log: "des Logs",
    of: "",
    whole: (size) => (size === 1 ? "den einzigen Eintrag" : `alle ${entries(size)}`),
    range: ({ first, last }) => `die Einträge ${first} bis ${last}`,
    between: ({ number, first, last }) => `${number} zwischen Eintrag ${first} und Eintrag ${last}`,
    asked: ({ from, to }) =>
      [from === "" ? "" : `ab Eintrag ${from}`, to === "" ? "" : `vor Eintrag ${to}`]
        .filter(Boolean)
        .join(" und "),
    allEvents: "alle Ereignisse",
    newest: (newest) =>
      newest === 1 ? "das neueste Ereignis" : `die ${page.viewer.figures.count(newest)} neuesten Ereignisse`,
    newestEntries: "die neuesten Einträge",
    matching: "aus einer Suche im ganzen Log:",
    recorded: (days) => `aufgezeichnet ${days}`,
    followed: "live verfolgt",
    since: "seit",
    loaded: "geladen am",
    trust: "Vertrauensdatei:",
    ownKeys: "Vertraut wird nur Schlüsseln, die Sie bestätigt haben.",
    noTrust: "Keine Vertrauensdatei.",
  },

  ask: {
    heading: "Fragen, wer was getan hat",
    about:
      "Fragen Sie, wer was wann getan hat. Die Antwort kommt nur aus Ereignissen, die Ihr Browser geladen und geprüft hat, sagt, worauf sie beruht, und lässt sich als Beweis speichern, auch wenn nichts gefunden wurde.",
    notLive: "Zur Live-Ansicht können Sie nichts fragen. Laden Sie zuerst Einträge.",
    onlyPart: "Nur ein Teil des Logs ist hier geladen. Um nach allem zu fragen:",
    page: "Die Seite in Beweisdateien",
    pageAbout:
      "Eine Beweisdatei beginnt mit der Seite für Prüfer, die sie beim Öffnen prüft. Dieses Log stellt eine Kopie bereit. Wenn Sie sich dafür nicht auf den Betreiber des Logs verlassen wollen, wählen Sie eine Kopie aus einer Quelle, der Sie vertrauen.",
    pageChosen: (name: string) => `Beweisdateien beginnen mit ${name}.`,
    choosePage: "Kopie wählen",
    notPage:
      "Das ist nicht die Seite für Prüfer. Wählen Sie ihre einzelne Datei, etwa countersign-page.html.",
    words: {
      about:
        "Tage sind UTC-Tage; der erste und der letzte zählen mit. Ihre Suche im Abschnitt „Suche“ ändert sich nicht.",
      changed:
        "Die Ereignisse haben sich seit dieser Antwort geändert. Fragen Sie noch einmal, um die Antwort zu sehen.",
      noneHere: "Was hier geladen ist, zeigt keine Ereignisse",
      all: ({ entries, seen, events }) =>
        html`Alle ${entries} des Logs${seen === undefined ? " bisher" : html` bis zum Checkpoint vom ${seen}`} sind hier geladen und verifiziert, und alle ${events} darunter wurden durchsucht: Das ist alles.`,
      searched: ({ entries, seen, events }) =>
        html`Alle ${entries} des Logs${seen === undefined ? " bisher" : html` bis zum Checkpoint vom ${seen}`} sind hier geladen und verifiziert, und alle ${events} darunter wurden durchsucht.`,
      bounds: {
        searched: (events) => `${events} durchsucht.`,
        part: ({ first, last }) =>
          `Alle Einträge ${first} bis ${last} des Logs sind hier geladen: Darunter ist das alles. Davor oder danach kann es weitere geben.`,
        range: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} wurden durchsucht: Darunter ist das alles.`,
        claimed:
          "Aus dem Teil des Logs, der hier geladen ist, fehlt kein Eintrag: Darin ist das alles. Davor oder danach kann es weitere geben.",
        revocable:
          "Ein Eintrag, der hier nicht geladen ist, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains:
          "Die Ketten, die hier geladen sind, sind vollständig: In ihnen ist das alles. Das Log kann weitere Ketten haben.",
      },
      show: "In der Suche zeigen",
      doubts: {
        verdict: "Was hier geladen ist, ist als Ganzes nicht verifiziert: siehe das Ergebnis dazu.",
        omitted: (omitted) =>
          `${omitted === 1 ? "1 Eintrag" : `${count(omitted)} Einträge`} des Logs ${omitted === 1 ? "ist" : "sind"} hier nicht geladen.`,
        part: ({ first, last }) =>
          `Nur die Einträge ${first} bis ${last} des Logs sind hier geladen. Dazwischen fehlt nichts; davor oder danach kann es weitere geben.`,
        revocable:
          "Ein Eintrag, der hier nicht geladen ist, kann einen Schlüssel widerrufen, mit dem einige dieser Ereignisse signiert sind.",
        chains:
          "Nur die Ketten, die hier geladen sind, sind nachweislich vollständig. Das Log kann weitere haben.",
        undetermined: "Nichts zeigt, ob es vor oder nach den geladenen Einträgen weitere gab.",
        later: (seen) =>
          html`Was hier geladen ist, zeigt das Log bis ${seen}. Sie haben auch nach einer späteren Zeit gefragt.`,
        undated: "Nichts zeigt, bis wann das Log hier geladen ist.",
      },
    },
  },

  findings: {
    heading: "Funde",
    about:
      "Was die Regeln dieser Seite in den geladenen Ereignissen finden. Das lässt sich als Beweis speichern, auch wenn keine Regel angeschlagen hat.",
    notLive: "Funde der Live-Ansicht lassen sich nicht als Beweis speichern. Laden Sie zuerst Einträge.",
    onlyPart: "Nur ein Teil des Logs ist hier geladen. Um die Regeln auf alles anzuwenden:",
    words: {
      saveAbout:
        "Eine HTML-Datei mit den Regeln, ihrem Ergebnis für alle geladenen Ereignisse, der Vertrauensdatei und der Seite für Prüfer. Wenn keine Regel angeschlagen hat, enthält sie alle diese Ereignisse, und jeder kann die Regeln noch einmal anwenden. Sonst enthält sie die Ereignisse, die in Funden vorkommen; dass es keine anderen Funde gibt, ist dann Ihre Aussage.",
    },
  },

  evidence: {
    heading: "Beweisdatei prüfen",
    about: html`Ihr Browser prüft die ganze Datei, sucht noch einmal oder wendet die Regeln noch einmal an und zeigt nichts aus einer Datei, die die Prüfung nicht besteht. Die Datei wird nirgendwohin gesendet. Diese Konsole kommt vom Betreiber des Logs: Für eine unabhängige Prüfung benutzen Sie die Seite für Prüfer aus einer anderen Quelle oder <code>countersign report --check</code>.`,
    choose: "Beweisdatei wählen",
    another: "Andere Beweisdatei wählen",
    toSection: "Eine gespeicherte Beweisdatei prüfen",
    close: "Datei schließen",
    notEvidence: (name) =>
      `${name} ist keine Beweisdatei. Wählen Sie eine HTML-Datei, die als Beweis gespeichert wurde.`,
    noTrust: "Ohne Vertrauensdatei wird die Datei mit den Schlüsseln geprüft, denen ihr Verfasser vertraut.",
    otherLog: (origin) =>
      html`Diese Datei stammt nicht aus dem Log, das die Konsole zeigt. Sie stammt aus ${origin}.`,
    words: {
      own: "Die Seite in der Datei ist Byte für Byte die Seite für Prüfer, die dieses Log bereitstellt oder die Sie gewählt haben.",
      other: (sha256) =>
        html`Die Seite in der Datei ist nicht die Seite für Prüfer, die dieses Log bereitstellt oder die Sie gewählt haben: Sie gehört zu einer anderen Version, oder sie wurde verändert. Sie wurde nicht ausgeführt. Ihr SHA-256 ist ${sha256}.`,
      trust:
        "Geprüft mit der Vertrauensdatei darin, die der Verfasser gewählt hat. Wenn Sie eine von jemandem haben, dem Sie vertrauen, wählen Sie sie unter „Zugang und Vertrauen“.",
      ownTrust:
        "Die Ereignisse der Datei sind mit den Schlüsseln geprüft, denen Sie vertrauen, nicht mit der Vertrauensdatei darin.",
    },
    ownWords: { stopped: "Nicht geprüft. Der Grund steht unten." },
  },

  sessions: {
    heading: "Sitzungen und Identitäten",
    about:
      "Sitzungen und Identitäten, zu denen es Funde gibt, die mit den meisten Punkten zuerst. Ein Name führt zu den Ereignissen, ein Fund zu dem Ereignis, um das es geht.",
    scale: "Skala der Punkte",
    scaleAbout:
      "Ein Fund bringt je nach Schwere 1, 5, 20, 50 oder 100 Punkte. Jede Woche halbieren sie sich. Eine Höchstzahl gibt es nicht. Schwere einer Punktzahl:",
    band: (from: number, to: number | undefined) =>
      to === undefined ? `${count(from)} oder mehr` : `${count(from)} bis ${count(to)}`,
    sessionOf: (who: unknown) => html`Sitzung von ${who}`,
    events: "die Ereignisse zeigen",
    sessions: "Sitzungen",
    identities: "Identitäten",
    subject: { sessions: "Sitzung", identities: "Identität" },
    waiting: "Die Punkte erscheinen mit dem Ergebnis.",
    noSessions: "Die Regeln haben zu keiner Sitzung etwas gefunden.",
    noIdentities: "Die Regeln haben zu keiner Identität etwas gefunden.",
    soFar: "Bisher. Die Regeln haben noch nicht alle Ereignisse geprüft.",
    mayBeMore: "Es kann mehr geben, weil Regeln nicht alles prüfen konnten. Warum, steht unter „Funde“.",
    score: "Punkte",
    findings: "Was gefunden wurde",
    worst: "Schwerster Fund",
    last: "Zuletzt",
    others: (count: string) => ` und ${count} weitere`,
    more: (count: string) => `${count} weitere mit weniger Punkten.`,
  },

  /** Chosen files that couldn't be read. */
  unread: (names: string) => `Das ist nicht als Text zu lesen: ${names}`,

  inventory: {
    heading: "Aufgerufene Endpunkte",
    about:
      "Welche Endpunkte Ihrer APIs laut den geladenen Ereignissen aufgerufen wurden, von wem, und wie sie geantwortet haben. Pfade sind zu Mustern zusammengefasst, die sich aus den Aufrufen ergeben.",
    waiting: "Die Endpunkte erscheinen mit dem Ergebnis.",
    description: "Mit einer Beschreibung vergleichen",
    descriptionAbout:
      "Mit einer Datei in OpenAPI oder Swagger, JSON oder YAML, zeigt sich auch, was aufgerufen und nicht beschrieben, veraltet und noch aufgerufen, oder beschrieben und nie aufgerufen wird. Die Datei wird nicht gesendet.",
    choose: "Beschreibung wählen",
    another: "Andere Beschreibung wählen",
    remove: "Entfernen",
    none: (among) =>
      `Kein Aufruf gefunden. Durchsucht: ${page.viewer.figures.events(among)}. Keines hat http.method und http.path, und kein Parser findet die Operation eines Dienstes darin.`,
    unparsed: ({ unparsed, events }) =>
      `Ereignisse ohne Parser: ${count(unparsed)} von ${count(events)}. Aufrufe, die sie aufzeichnen, können fehlen.`,
    noneAnswered: "Kein Aufruf wurde beantwortet.",
    endpoints: counting(LANG, "Endpunkt", "Endpunkte"),
    summary: (made: number, by: number, among: number) =>
      `${calls(made)} von ${callers(by)}, in ${page.viewer.figures.events(among)}.`,
    complete: ([first, end]: readonly [number, number]) =>
      `Geprüft wurden alle Einträge von ${count(first)} bis ${count(end - 1)}.`,
    partial: "Es kann weitere geben: Nur ein Teil des Logs wurde geladen.",
    compared: (title: unknown, operations: number) =>
      html`Verglichen mit ${title}, worin ${counting(LANG, "Operation", "Operationen")(operations)} beschrieben sind.`,
    elsewhere: (paths: number) =>
      `Die Methoden von ${counting(LANG, "Pfad", "Pfaden")(paths)} sind nicht bekannt, weil sie in einer anderen Datei stehen. Fügen Sie die Dateien der Beschreibung zuerst zu einer zusammen.`,
    alike: (operations: number) =>
      `${counting(LANG, "Operation", "Operationen")(operations)} ${operations === 1 ? "lässt" : "lassen"} sich anhand von Aufrufen nicht von einer anderen mit derselben Methode und demselben Pfad unterscheiden (nur durch Abfrage, Fragment oder Namen von Parametern) und ${operations === 1 ? "zählt" : "zählen"} mit ihr als eine.`,
    leftOut: (left: number) => `${calls(left)} ließen sich wegen der Speichergrenze nicht unterscheiden.`,
    endpoint: "Endpunkt",
    risk: "Risiko",
    calls: "Aufrufe",
    callers: "Aufrufer",
    answers: "Antworten",
    time: "Dauer, P50 und P95",
    latency: (half: number, most: number) => `${count(Math.round(half))} ms, ${count(Math.round(most))} ms`,
    notStated: "nicht angegeben",
    last: "Letzter Aufruf",
    events: "die Aufrufe zeigen",
    callerEvents: "die Ereignisse zeigen",
    riskAbout:
      "Das Risiko ist die Summe der Punkte, die bei jedem Endpunkt stehen: mittel ab 20, hoch ab 40. Ein Name führt zu den Aufrufen.",
    nobody: "kein Aufrufer genannt",
    others: (others: string) => `und ${others} weitere`,
    more: (left: string) => `${left} weitere stehen in der gespeicherten Datei.`,
    entry: "Eintrag",
    outcomes: {
      success: "Erfolg",
      failure: "Fehlschlag",
      denied: "verweigert",
      unknown: "unbekannt",
      "not-stated": "nicht angegeben",
    },
    unused: (unused: number) =>
      `${counting(LANG, "Operation ist", "Operationen sind")(unused)} beschrieben und nicht aufgerufen`,
    deprecated: "veraltet",
    probed: (probed: number) =>
      `${counting(LANG, "Pfad wurde", "Pfade wurden")(probed)} angefragt, und jedes Mal verweigert oder nicht gefunden`,
    probedName: "Angefragt, und verweigert oder nicht gefunden",
    save: "Als JSON speichern",
    digest: "Dieselben Ereignisse ergeben denselben Wert, auch mit countersign inventory:",
  },

  exposure: {
    heading: "Risiko in Geld",
    about:
      "Was Ihre eigenen Szenarien in einem Jahr an Verlusten verursachen können: wie oft etwas droht, welcher Teil davon zum Schaden wird, und was ein Schaden kostet. Die Jahre werden hier simuliert, und nichts wird gesendet.",
    unfit: "Zahlen gibt es nur zu verifizierten Ereignissen.",
    scenarios: "Szenarien",
    scenariosAbout: html`Gemeinsam ausgewertet. Beträge, Quellen und Daten geben Sie an; vorgegeben sind keine. Die Szenarien
      bleiben in diesem Browser gespeichert, auch nach dem Abmelden, und werden nirgendwohin gesendet. <code>countersign risk</code>
      verwendet dieselben Dateien.`,
    notKept:
      "Dieser Browser speichert die Szenarien nicht: Es sind zu viele, oder sein Speicher ist abgeschaltet. Speichern Sie sie als YAML, sonst sind sie weg, wenn Sie diese Seite schließen.",
    create: "Neues Szenario",
    exampleScenario: "Mit einem Beispiel beginnen",
    choose: "YAML-Dateien importieren",
    edit: "Bearbeiten",
    export: "Als YAML speichern",
    remove: "Entfernen",
    example: {
      title: "Ein unbeobachteter Endpunkt gibt Daten preis",
      note: "Ein Beispiel mit erfundenen Zahlen. Ersetzen Sie die Zahlen und ihre Quellen durch Ihre eigenen.",
      source: "Für dieses Beispiel erfunden",
      control: "Neue Endpunkte brauchen eine API-Beschreibung",
    },
    editor: {
      new: "Neues Szenario",
      edit: "Bearbeiten:",
      save: "Prüfen und speichern",
      cancel: "Abbrechen",
      toText: "Als YAML bearbeiten",
      toForm: "Im Formular bearbeiten",
      text: "Szenario als YAML. Speichern im Formular entfernt seine Kommentare",
      problems: (problems: number) =>
        `${counting(LANG, "Fehler", "Fehler")(problems)}. Nichts wurde gespeichert.`,
      title: "Name",
      titleHint: "was passiert, in einem Satz",
      id: "Kennung",
      idHint: "etwa exposed-endpoint",
      currency: "Währung",
      currencyHint: "etwa EUR",
      note: "Beschreibung (freiwillig)",
      about: {
        frequency: "Wie oft etwas droht, von 0 bis 100.000 Mal im Jahr.",
        vulnerability:
          "Der Anteil dieser Ereignisse, der zum Schaden wird, von 0 bis 1: 0.2 ist jedes fünfte.",
        loss: "Was ein Schaden kostet: Untersuchung, Reparatur, Benachrichtigungen und Betreuung.",
        "secondary.probability":
          "Wie wahrscheinlich es ist, dass Behörden, Kunden oder Gerichte auf einen Schaden reagieren, von 0 bis 1.",
        "secondary.loss": "Was das kostet: Bußgelder, Schadenersatz und verlorene Kunden.",
      },
      secondary: "Andere können reagieren und einen Folgeschaden verursachen",
      observed: "Beobachtete Bedrohungen",
      observedAbout:
        "Funde und Endpunkte dieses Logs, die als Bedrohung zählen. Aus ihnen wird eine Häufigkeit vorgeschlagen; die Zahlen ändern sich erst, wenn Sie es sagen.",
      addObserved: "Beobachtung hinzufügen",
      kind: "Art",
      kinds: {
        endpoint: "Endpunkt mit dem Merkmal",
        level: "Fund mindestens der Schwere",
        rule: "Fund der Regel mit der Kennung",
        tag: "Fund mit der Markierung",
      },
      value: "Wert",
      choose: "bitte wählen",
      controls: "Maßnahmen",
      controlsAbout: "Was die Verluste verringern könnte, mit den Angaben, die sich dadurch ändern.",
      addControl: "Maßnahme hinzufügen",
      control: (nth: number) => `Maßnahme ${count(nth)}`,
      controlTitle: "Name",
      changes: "Sie ändert",
      hasCost: "Ihre jährlichen Kosten sind bekannt",
      withControl: (name: string) => `${name}, mit der Maßnahme`,
      cost: "Jährliche Kosten der Maßnahme",
    },
    refused: "Zahlen gibt es, sobald das hier berichtigt ist:",
    line: (line: number) => `Zeile ${count(line)}`,
    waiting: "Wird simuliert",
    newer: "Das Log ist gewachsen, seit diese Jahre simuliert wurden.",
    again: "Mit der neuesten Wurzel simulieren",
    together: (scenarios: number) => `${count(scenarios)} Szenarien zusammen`,
    independent:
      "Sie werden unabhängig voneinander simuliert: Gemeinsame Ursachen, die mehrere in einem Jahr auslösen, sind nicht berücksichtigt.",
    chart:
      "Diagramm der Wahrscheinlichkeit, dass die Verluste eines Jahres einen Betrag übersteigen. Die Zahlen stehen in der Tabelle.",
    mean: ({ mean, currency }) => `${mean} ${currency} im Jahr, im Mittel`,
    average: "Mittel",
    formula: (mean: string) => `nach der Formel ${mean}`,
    without: ({ share, most }) => `${share} der Jahre bleiben ohne Verlust. Das schlimmste verliert ${most}.`,
    quantiles: "Perzentil des Jahresverlusts",
    exceeded: "Wahrscheinlichkeit, in einem Jahr mindestens so viel zu verlieren",
    inputs: "Eingaben",
    input: "Eingabe",
    low: "Mindestens",
    mode: "Am ehesten",
    high: "Höchstens",
    source: "Quelle",
    date: "Stand",
    names: {
      frequency: "Bedrohungen im Jahr",
      vulnerability: "Anteil, der zum Schaden wird",
      loss: "Ein Schaden",
      "secondary.probability": "Wahrscheinlichkeit eines Folgeschadens",
      "secondary.loss": "Ein Folgeschaden",
    },
    controls: "Wirkung von Maßnahmen",
    controlsAbout: (currency: string) => `Dieselben Jahre, mit und ohne. Beträge im Jahr, in ${currency}.`,
    control: "Maßnahme",
    all: "Alle zusammen",
    less: "Weniger Verlust",
    meanWith: "Mittel damit",
    cost: "Ihre Kosten",
    net: "Netto",
    notSaid: "nicht angegeben",
    proposals: {
      heading: "Was beobachtet wurde",
      about:
        "Funde und Endpunkte dieses Logs legen nahe, wie oft etwas vorkommt. Die Zahlen ändern sich erst, wenn Sie es wollen.",
      none: html`Vorgeschlagen wird nichts, weil kein Szenario sagt, was als eine seiner Bedrohungen zählt. Dazu dient <code>observed</code>,
        zum Beispiel <code>observed: [{endpoint: shadow}, {level: high}]</code>.`,
      short:
        "Alle Einträge wurden in weniger als einem Tag aufgezeichnet. Das ist zu kurz, um ein Jahr zu schätzen. Geben Sie an, wann die Ereignisse stattfanden.",
      observed: ({ observed, from, to, years }) =>
        `${observed === 0 ? "Nichts" : count(observed)} beobachtet von ${from} bis ${to} (${years} Jahre).`,
      others: "Es kann weitere geben: Betrachtet wurde nicht alles.",
      kinds: (more: number) => `und ${counting(LANG, "weitere Art", "weitere Arten")(more)}`,
      now: "Im Szenario steht",
      proposed: "Vorgeschlagen",
      method:
        "Am ehesten gilt, was beobachtet wurde, geteilt durch die Jahre. Die Grenzen sind das exakte 90-%-Intervall für die Rate eines Poisson-Prozesses (Garwood).",
      line: "Zum Übernehmen kommt diese Zeile an die Stelle von frequency in der Datei des Szenarios:",
      byHand: "Diese Datei lässt sich hier nicht ändern. Fügen Sie die Zeile selbst ein.",
      use: "Für diese Zahlen verwenden",
      save: "Szenario damit speichern",
      trying: "Diese Zahlen verwenden vorgeschlagene Häufigkeiten. Ihre Dateien sind unverändert.",
      back: "Zurück zu den eigenen Dateien",
      effect: "Vorher und nachher",
      written: "Wie in den Dateien",
      tried: "Wie vorgeschlagen",
      span: "Wann die Ereignisse stattfanden",
      from: "Von",
      to: "Bis, ausschließlich",
      propose: "Neu vorschlagen",
      spanAbout:
        "Ohne Daten zählt die Zeit vom ersten Eintrag des Logs bis zum letzten. Bei importierten Ereignissen sind Daten nötig.",
    },
    recompute: "Reproduzierbare Zahlen",
    byLog: "Die Simulation hängt nur von der Wurzel des Logs und jedem Szenario ab.",
    byNoLog:
      "Die Simulation hängt nur von jedem Szenario ab, weil die geladenen Ereignisse keinen Checkpoint und damit keine Wurzel haben.",
    years: (years: number) => `Simuliert sind ${count(years)} Jahre. Gleiche Werte sind gleiche Zahlen:`,
    saveText: "Als Markdown speichern",
    saveChart: "Diagramm speichern",
    file: html`Um es mit den Ereignissen abzulegen: <code>countersign report EXPORT --trust TRUST --scenario FILE -o board.html</code>`,
  },

  coverage: {
    heading: "Abdeckung des Logs",
    seen: "Angabe des Logs, ungeprüft",
    size: "Größe",
    published: "Veröffentlicht",
    at: "Veröffentlicht am",
    here: "Hier geladen",
    upTo: "Bis",
    upToNone: "kein passender Checkpoint",
    shown: "Gezeigte Ereignisse",
    withheld: "Zurückgehalten",
    why: { erased: "gelöscht", redacted: "geschwärzt", filtered: "ausgefiltert", unsaid: "ohne Angabe" },
    whyHelp:
      "Warum Ereignisse zurückgehalten werden, ist nur eine Angabe des Logs. Belegt ist, dass an diesen Positionen Ereignisse sind.",
    skipped: "Ausgelassene Einträge",
    notes: "Schlüsselnotizen",
    checkpoints: "Checkpoints im Lauf der Zeit",
    checkpointsAbout:
      "Eine Suche endet mit einem Checkpoint. Die Live-Ansicht zeigt jeden, sobald er veröffentlicht ist. Der neueste steht oben.",
    table: {
      size: "Größe",
      root: "Wurzel-Hash",
      matches: "Passt",
      log: "Signatur des Logs",
      witnesses: "Mitsignaturen",
      time: "Gesehen am",
    },
    more: (more: number) => `${count(more)} ältere sind nicht aufgeführt.`,
    noCheckpoints: "Das Geladene enthält keinen Checkpoint.",
    yes: "ja",
    no: "nein",
    unchecked: "nicht geprüft",
    another: "Unter dieser Adresse war vorher ein anderes Log",
    anotherWhy: (origins: unknown) =>
      html`Dieses Gerät kennt unter dieser Adresse ${origins}. Ein Log, das seinen Namen ändert, lässt sich nicht mit dem vergleichen, was von ihm bekannt war. Klären Sie den Grund.`,
  },

  keys: {
    heading: "Schlüssel",
    about:
      "Wer die geladenen Ereignisse signiert hat, warum den Schlüsseln vertraut wird, und welche Schlüssel die Schlüsselnotizen des Logs zulassen oder widerrufen.",
    notes: "Schlüsselnotizen",
    noNotes: "Das Geladene enthält keine Schlüsselnotiz.",
    more: (more: number) => `${count(more)} weitere sind nicht aufgeführt.`,
  },

  emitters: {
    heading: "Zuletzt gesehen",
    about:
      "Wann der neueste geladene Eintrag jedes Unterzeichners aufgezeichnet wurde, nach dessen eigener Uhr. Ein Unterzeichner gilt als still, wenn er fünfmal so lange wie üblich und mindestens fünf Minuten nichts aufgezeichnet hat.",
    name: "Unterzeichner",
    last: "Letzter Eintrag",
    usual: "Üblich",
    state: "Jetzt",
    every: (time: string) => `etwa alle ${time}`,
    often: "mehr als einmal pro Sekunde",
    few: "zu wenige Einträge",
    silent: (time: string) => `still seit ${time}`,
    heard: (time: string) => `vor ${time}`,
    events: "die Ereignisse zeigen, die er signiert hat",
  },

  records: {
    erasures: "Löschungen",
    erasuresAbout: "Ereignisse, deren Inhalt gelöscht wurde. Jede Löschung ist selbst ein Eintrag des Logs.",
    noErasures: "Nichts wurde gelöscht.",
    entry: "Eintrag",
    show: "aus dem Log laden",
    at: "Angefordert am",
    events: "Ereignisse",
    state: "Stand",
    evidence: "Belege für Verzweigungen",
    evidenceAbout:
      "Verzweigungen, die das Log abgewiesen hat (zwei Einträge für einen Platz einer Kette), und gegebenenfalls der Grund, aus dem es angehalten hat. Dafür brauchen Sie ein Token mit dem Recht „admin“.",
    noEvidence: "Keine. Nach eigener Angabe hat das Log keine Verzweigung abgewiesen.",
    kept: (kept: number) =>
      `${count(kept)} aufgehoben. Speichern Sie sie, und vergleichen Sie sie mit anderen, die dieses Log verfolgen.`,
    save: "Belege speichern",
    reads: "Wer was gelesen hat",
    readsAbout:
      "Wenn das Log Lesezugriffe aufzeichnet, ist jeder ein Ereignis in der eigenen Kette des Logs, mit dem Namen des Tokens und der Anfrage.",
    readsSearch: "Nach den Ereignissen des Logs selbst suchen",
  },

  witnesses: {
    heading: "Zeugen",
    about:
      "Ein Zeuge signiert einen Checkpoint nur, wenn er die fortsetzt, die der Zeuge vorher signiert hat. Haben genügend Zeugen den neuesten Checkpoint signiert, zeigt das Log allen dieselbe Geschichte.",
    quorum: "Ihr Quorum",
    met: "Beim neuesten Checkpoint erfüllt",
    unmet: "Nicht erfüllt",
    unknown: "Nicht geprüft",
    notNeeded: "Nicht nötig",
    noTrust:
      "Welche Zeugen zählen, sagt Ihre Vertrauensdatei (Zeilen witness, group und quorum). Sie haben keine gewählt.",
    existed: "vorhanden spätestens am",
    seen: "gesehen am",
    yours: "Zeugen der Vertrauensdatei",
    noneYours: "Die Vertrauensdatei nennt keinen Zeugen.",
    cosigned: (valid: number) => cosignatures(valid),
    invalid: (invalid: number) => `${count(invalid)} ungültig`,
    never: "keine Mitsignatur im Geladenen",
    last: "zuletzt am",
    others: "Andere Signaturen auf Checkpoints",
    othersAbout:
      "Die Vertrauensdatei nennt diese Schlüssel nicht; ihre Signaturen wurden nicht geprüft und beweisen nichts.",
    signed: (times: number) => `auf ${counting(LANG, "Checkpoint", "Checkpoints")(times)}`,
    log: "Angabe des Logs",
    noneHeard: "kein Zeuge hat geantwortet; für seinen neuesten Checkpoint bürgt also nur das Log selbst",
    healthy: (met: boolean): string =>
      met
        ? "laut dem Log haben alle nötigen Zeugen den neuesten Checkpoint gesehen"
        : "laut dem Log haben nicht alle nötigen Zeugen den neuesten Checkpoint gesehen",
  },

  storage: {
    heading: "Speicher",
    about: "Was das Log über sich selbst sagt, unter /healthz und /metrics. Nichts davon ist signiert.",
    word: "Angabe des Betreibers, ungeprüft",
    refresh: "Neu laden",
    asked: "Abgefragt um",
    health: "Zustand",
    healthy: "in Ordnung",
    unhealthy: "nicht in Ordnung",
    unreadable: "Die Antwort von /healthz ist nicht lesbar.",
    origin: "Name",
    size: "Gespeicherte Einträge",
    published: "Veröffentlichte Einträge",
    publishedAt: "Veröffentlicht am",
    waiting: "Noch nicht veröffentlicht",
    witnessed: "Von allen nötigen Zeugen gesehen",
    noWitness: "kein Zeuge hat geantwortet",
    clock: "Uhr",
    clocks: {
      agrees: "stimmt mit den Uhren der Zeugen überein",
      ahead: "geht gegenüber den Zeugen vor",
      behind: "geht gegenüber den Zeugen nach",
      jumped: "ist gesprungen und gilt nicht",
      implausible: "liegt weit neben der neuesten Zeit, die das Log kennt",
      behind_last_tick: "geht gegenüber dem letzten Takt nach",
      unknown: "kein Zeuge hat geantwortet",
    },
    unfinished: "Laufende Löschungen",
    parts: {
      disk: "Platte",
      data: "Gespeicherte Daten",
      bucket: "Objektspeicher",
      clock: "Uhr",
      witnesses: "Zeugen",
      journal: "Journal",
      signing: "Signieren",
      erasing: "Löschen",
      control_files: "Steuerdateien",
      tenants: "Logs der Mandanten",
      server: "Server",
      other: "Sonstiges",
    },
    problemsWith: (parts: string) => `Probleme bei: ${parts}.`,
    kept: {
      heading: "Platte, Sicherungen und Prüfungen",
      kind: "Gespeichert in",
      kinds: {
        folder: "einem Ordner des Servers",
        bucket: "einem Objektspeicher, mit einem Index in einem Ordner des Servers",
        object: "einem Durable Object",
      },
      room: "Platz",
      free: ({ free, total }) => `${free} frei von ${total}`,
      least: "Unter 64 MiB meldet das Log, dass es nicht in Ordnung ist.",
      byPlatform: "darum kümmert sich die Plattform",
      backup: "Letzte Sicherung",
      since: (since: number) => `${entries(since)} kamen seither hinzu.`,
      noBackup: "keine bekannt. Das Log weiß nur von Sicherungen mit countersign backup.",
      backupOfBucket: "keine bekannt. Zu sichern ist der Objektspeicher, nicht der Ordner dieses Servers.",
      backupOfObject: "darum kümmert sich die Plattform",
      check: "Selbstprüfung",
      whole: "keine Probleme gefunden",
      problems: (problems: number) => counting(LANG, "Problem gefunden", "Probleme gefunden")(problems),
      firstCheck: "noch nicht abgeschlossen",
      pace: (percent: number, within: string) =>
        `Die laufende Prüfung ist zu ${percent} % fertig. Sie liest alles einmal in ${within}.`,
      checkOff: "abgeschaltet",
      noCheck: "keine: ein Durable Object prüft sich nicht selbst",
      index: "Suchindex",
      indexed: (indexed: number, size: number) =>
        indexed >= size
          ? "vollständig"
          : `${count(indexed)} von ${entries(size)}. Die übrigen werden einzeln durchsucht.`,
      indexDamaged:
        "teilweise beschädigt; er wird neu aufgebaut. Bis dahin sind Suchen langsamer, aber richtig.",
      indexOff: "keiner: jede Suche prüft alle Ereignisse",
      noIndex: "keiner: in einem Durable Object prüft jede Suche alle Ereignisse",
      witnesses: "Zeugen, die geantwortet haben",
      skews: "Sekunden, um die die Uhr des Logs der jedes Zeugen vorgeht.",
    },
    yes: "ja",
    no: "nein",
    unknown: "nicht bekannt",
    since: "Seit dem Start des Servers",
    taken: "Angenommene Einträge",
    commits: "Dauerhafte Schreibvorgänge",
    failed: "Fehlgeschlagene Schreibvorgänge",
    commit: "Ein Schreibvorgang dauerte im Mittel",
    erased: "Gelöschte Ereignisse",
    submissions: "Beantwortete Einreichungen",
    witnessFailures: "Fehlgeschlagene Anfragen an Zeugen",
    all: "Alle Metriken",
    name: "Name",
    labels: "Merkmale",
    value: "Wert",
    ignored: (ignored: number) => `${lines(ignored)} waren nicht lesbar und sind hier nicht gezeigt.`,
    noMetrics: "Es gibt keine Metriken.",
  },
};
