import { counting } from "@countersign/ui/viewer/texts/figures.js";
import { html } from "lit";
import { de as page } from "../../src/texts/de.ts";
import type { ConsoleTexts } from "./en.ts";

const LANG = "de";
const { count, duration, leaves } = page.viewer.figures;
const cosignatures = counting(LANG, "Gegenzeichnung", "Gegenzeichnungen");
const calls = counting(LANG, "Aufruf", "Aufrufe");
const callers = counting(LANG, "Aufrufer", "Aufrufern");
const lines = counting(LANG, "Zeile", "Zeilen");

/** German texts of the console. */
export const de: ConsoleTexts = {
  page,
  viewer: page.viewer,

  title: "Konsole – countersign",
  heading: (origin: unknown) => html`Konsole von ${origin}`,
  headingAlone: "Konsole eines Logs",
  lead: "Was dieses Log antwortet, wird in diesem Browser geprüft, anhand mitgebrachter Schlüssel.",
  skip: "Zum Inhalt",
  tabs: {
    search: "Suche",
    live: "Live",
    findings: "Funde",
    sessions: "Sitzungen",
    inventory: "Endpunkte",
    exposure: "Risiko",
    coverage: "Abdeckung",
    keys: "Schlüssel",
    witnesses: "Zeugen",
    storage: "Speicher",
  },
  tabsName: "Teile der Konsole",

  about: {
    summary: "Ausgeliefert vom Betreiber des Logs. Für eine unabhängige Prüfung die Offline-Seite verwenden.",
    paragraphs: [
      html`Sie verbindet sich mit dem Log, das sie ausgeliefert hat, und mit niemandem sonst: ihre Content Security Policy sagt
        <code>connect-src 'self'</code>, in den ersten Zeilen ihres Quelltextes. Das Token steht in einer Kopfzeile ihrer Anfragen; wem
        vertraut wird und was dabei herauskommt, wird nicht gesendet.`,
      html`Der Betreiber eines Logs könnte eine Seite ausliefern, die Beliebiges zeigt. Wo das zählt: einen Export sichern und ihn
        mit der Prüfseite, die von der Festplatte läuft, oder mit dem Programm prüfen, das von anderswo stammt.`,
    ],
    signIn: (issuer: unknown) =>
      html`Zum Anmelden verbindet sie sich auch mit ${issuer}; ihre Content Security Policy nennt es ebenfalls.`,
  },

  access: {
    heading: "Zugang und Vertrauen",
    token: "Lesetoken",
    tokenHelp: html`Vom Betreiber des Logs: <code>countersign token add NAME</code>. Es steht in einer Kopfzeile und nie in einer
      Adresse.`,
    keep: "Token und Vertrauensdatei in diesem Tab behalten, bis er geschlossen wird",
    signIn: (host: unknown) => html`Bei ${host} anmelden`,
    signInHelp: (host: unknown) =>
      html`Die Anmeldung findet bei ${host} statt und führt hierher zurück. Das Token von dort bekommt nur dieses Log; mit dem Neuladen oder Schließen der Seite ist es weg.`,
    signInFailed:
      "Die Anmeldung ist nicht gelungen. Versuchen Sie es noch einmal. Bleibt es so, dem Betreiber des Logs Bescheid geben.",
    orToken: "Oder ein Lesetoken verwenden:",
    use: "Dieses Token verwenden",
    leave: "Token und Vertrauen vergessen",
    checking: "Das Log wird gefragt",
    malformed: "Ein Token ist ein Wort ohne Leerzeichen. Es noch einmal kopieren, für sich allein.",
    missing: "Zuerst ein Token angeben.",
    accepted: "Token angenommen",
    refused: "Token nicht angenommen",
    none: "Kein Token",
    trust: "Wem vertraut wird",
    trustHelp:
      "Eine Vertrauensdatei nennt die Schlüssel des Logs, seiner Zeugen und der Unterzeichner. Sie wird mitgebracht: nichts davon wird je vom Log übernommen.",
    withoutTrust: "Keine Vertrauensdatei",
    trustNone: "keiner ihrer Schlüssel hat dieses Log signiert",
    trustSome: "nicht jeder Unterzeichner steht darin",
    noTrust:
      "Ohne Vertrauensdatei lässt sich sagen, dass Ereignisse unverändert sind, aber nicht, wer sie signiert hat.",
    choose: "Vertrauensdatei wählen",
    another: "Andere Vertrauensdatei wählen",
    paste: "Vertrauensdatei einfügen",
    pasteLabel: "Vertrauensdatei",
    usePasted: "Verwenden",
    pastedName: "eingefügt.txt",
    notTrust:
      "Das ist keine Vertrauensdatei: ihre Zeilen beginnen mit log, witness, issuer, emitter, group, quorum oder revoke.",
    tooLarge: "Das ist größer, als eine Vertrauensdatei sein kann.",
    remove: "Entfernen",
    plain:
      "Diese Seite kam unverschlüsselt: wer auf dem Weg ist, kann ein gesendetes Token lesen und könnte die Seite verändert haben.",
    needed: "Das ist für Leser mit einem Token.",
    toToken: "Token angeben",
  },

  refusals: {
    unauthenticated: {
      title: "Das Log nimmt dieses Token nicht an",
      todo: "Wurde es ganz kopiert? Vielleicht wurde es zurückgenommen oder ist abgelaufen: den Betreiber um ein anderes bitten.",
    },
    tokenless: {
      title: "Das Log verlangt ein Token",
      todo: "Den Betreiber des Logs um ein Lesetoken bitten.",
    },
    forbidden: {
      title: "Dieses Token darf das nicht lesen",
      todo: "Den Betreiber um ein Token bitten, das lesen darf.",
    },
    invalid: {
      title: "Damit kann das Log nichts anfangen",
      todo: "Die Angaben berichtigen und noch einmal suchen.",
    },
    notFound: {
      title: "Unter dieser Adresse ist nichts",
      todo: "Ist diese Seite unter der Adresse des Logs selbst geöffnet?",
    },
    busy: { title: "Das Log hat zu viel zu tun", todo: "" },
    unavailable: { title: "Das Log kann gerade nicht antworten", todo: "" },
    failed: {
      title: "Das Log konnte nicht antworten",
      todo: "Später noch einmal versuchen. Bleibt es so, dem Betreiber Bescheid geben.",
    },
    unreachable: {
      title: "Das Log hat nicht geantwortet",
      todo: "Es wurde vielleicht angehalten, oder das Netz ist gestört. Später noch einmal versuchen.",
    },
    page: {
      title: "Gekommen ist eine Webseite",
      todo: "Etwas zwischen Browser und Log hat geantwortet, etwa eine Anmeldeseite. Diese Seite neu laden, dann noch einmal versuchen.",
    },
    after: (seconds: number) => `In ${duration(seconds)} noch einmal versuchen.`,
    soon: "Gleich noch einmal versuchen.",
    says: "Das Log sagt:",
  },

  search: {
    heading: "Im Log suchen",
    about:
      "Ihr Browser lädt Ereignisse aus dem Log und prüft sie. Suchen Sie im Geladenen, oder lassen Sie das Log alles durchsuchen.",
    load: "Laden:",
    amount: (newest: string) =>
      newest === "" ? "das ganze Log" : `die neuesten ${count(Number(newest))} Ereignisse`,
    between: "Nur bestimmte Einträge",
    from: "Ab Eintrag",
    to: "Vor Eintrag",
    apply: "Diese laden",
    again: "Neu laden",
    found: "Das Log hat alle Ereignisse durchsucht nach",
    asked: "Im ganzen Log gesucht:",
    back: "Zurück zu den neuesten Ereignissen",
    everywhere: "Das ganze Log durchsuchen",
    onlyLoaded: "Bisher wurden nur die geladenen Ereignisse durchsucht.",
    cancel: "Abbrechen",
    loading: "Das Log wird gefragt",
    noNumber: "Das muss eine ganze Zahl sein.",
    boundary: (size: number) =>
      `Auch bei ${leaves(size)} geschnitten, wo dieses Gerät das Log zuletzt sah, damit beides verglichen werden kann.`,
    emptyLog: "Dieses Log ist leer: noch wurde nichts eingereicht.",
  },

  live: {
    heading: "Live-Ansicht",
    about:
      "Ereignisse, sobald sie veröffentlicht sind, geprüft, sobald sie ankommen. Jeder Checkpoint muss den vorigen fortsetzen: ändert sich die Geschichte des Logs, wird in jedem Teil der Konsole Alarm gegeben, und er bleibt.",
    start: "Beginnen",
    again: "Neu beginnen",
    since: (size: number) =>
      `Dieses Gerät sah das Log zuletzt bei ${leaves(size)}; was kommt, wird damit verglichen. Das war am`,
    states: {
      connecting: "Verbindung wird hergestellt",
      following: "Folgt dem Log",
      ended: "Beendet",
      lost: (seconds: number) => `Verbindung verloren, neuer Versuch in ${duration(seconds)}`,
      stopped: "Angehalten",
      refused: "Abgelehnt",
      failed: "Gescheitert",
    },
    goesOn: "Die Live-Ansicht läuft im Hintergrund weiter.",
  },

  verified: {
    none: "Noch wurde nichts geladen. Dieser Teil zeigt, was sich aus einer Suche oder der Live-Ansicht ergab.",
    whole: "Das ganze Log prüfen",
    live: "Die Live-Ansicht beginnen",
    waiting: "Wird geprüft; dieser Teil erscheint, sobald es einen Bericht gibt.",
    source: "Gezeigt wird",
    search: "der Suche",
    liveView: "der Live-Ansicht",
    failed: "Es gibt keinen Bericht: das Prüfen kam zu keinem Ende.",
  },

  head: {
    covers: "Umfasst",
    thisLog: "dieses Logs",
    log: "des Logs",
    of: "",
    whole: "alle Ereignisse",
    allEvents: "alle Ereignisse",
    newest: (newest) =>
      newest === 1 ? "das neueste Ereignis" : `die ${page.viewer.figures.count(newest)} neuesten Ereignisse`,
    between: (from, to) =>
      [from === "" ? "" : `ab Eintrag ${from}`, to === "" ? "" : `vor Eintrag ${to}`]
        .filter(Boolean)
        .join(" und "),
    found: (which) => `${which} aus einer Suche`,
    live: "die Live-Ansicht",
    since: "seit",
    loaded: "geladen am",
    noTrust: "Nicht geprüft: keine Vertrauensdatei. Jeder könnte das gemacht haben.",
  },

  findings: {
    heading: "Funde",
    about:
      "Was die Regeln dieser Seite in den Ereignissen finden, die die Suche oder die Live-Ansicht geladen hat. Wer das ganze Log durchsuchen will, lädt es unter Suche ganz.",
  },

  sessions: {
    heading: "Sitzungen und Identitäten",
    about:
      "Sitzungen und Identitäten, zu denen es Funde gibt, die mit den meisten Punkten zuerst. Jeder Fund bringt Punkte, von denen nach einer Woche noch die Hälfte zählt.",
    sessions: "Sitzungen",
    identities: "Identitäten",
    waiting: "Die Punkte erscheinen mit dem Ergebnis.",
    noSessions: "Die Regeln haben zu keiner Sitzung etwas gefunden.",
    noIdentities: "Die Regeln haben zu keiner Identität etwas gefunden.",
    soFar: "Bisher. Die Regeln haben noch nicht alle Ereignisse geprüft.",
    mayBeMore: "Es kann mehr geben, weil Regeln nicht alles prüfen konnten. Warum, steht unter „Funde“.",
    who: "Kennung",
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
      "Welche Endpunkte von APIs den geladenen Ereignissen nach aufgerufen wurden, von wem, und wie sie geantwortet haben. Pfade sind zu Mustern zusammengefasst, die sich aus den Aufrufen ergeben.",
    waiting: "Die Endpunkte erscheinen mit dem Ergebnis.",
    description: "Mit einer Beschreibung vergleichen",
    descriptionAbout:
      "Mit einer Datei in OpenAPI oder Swagger, JSON oder YAML, zeigt sich auch, was aufgerufen und nicht beschrieben, veraltet und noch aufgerufen, oder beschrieben und nie aufgerufen wird. Die Datei wird nicht gesendet.",
    choose: "Beschreibung wählen",
    another: "Andere Beschreibung wählen",
    remove: "Entfernen",
    none: (among) =>
      `Kein Aufruf gefunden. Durchsucht: ${page.viewer.figures.events(among)}. Keines hat http.method und http.path, und kein Parser findet die Operation eines Dienstes darin. Ein Ereignis ohne Parser kann trotzdem ein Aufruf sein.`,
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
      `Ihre Methoden von ${counting(LANG, "Pfad", "Pfaden")(paths)} sind nicht bekannt, weil sie in einer anderen Datei stehen: Eine Beschreibung in mehreren Dateien muss erst zusammengefügt werden.`,
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
    nobody: "kein Aufrufer genannt",
    others: (others: string) => `und ${others} weitere`,
    more: (left: string) => `${left} weitere stehen in der gesicherten Datei.`,
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
    save: "Als JSON sichern",
    digest: "Dieselben Ereignisse ergeben denselben Wert, auch mit countersign inventory:",
  },

  exposure: {
    heading: "Risiko in Geld",
    about:
      "Was in einem Jahr verloren gehen kann, nach selbst geschriebenen Szenarien: wie oft etwas droht, welcher Teil davon zum Schaden wird, und was ein Schaden kostet. Die Jahre werden hier simuliert, und nichts wird gesendet.",
    unfit: "Zahlen gibt es nur zu verifizierten Ereignissen.",
    scenarios: "Szenarien",
    scenariosAbout: html`YAML-Dateien, gemeinsam ausgewertet. <code>countersign risk --new exposed-endpoint</code> schreibt eine
      zum Anfangen. Beträge, Quellen und Daten sind die eigenen: Vorgegeben ist keiner.`,
    choose: "Szenarien wählen",
    remove: "Entfernen",
    refused: "Zahlen gibt es, sobald das hier berichtigt ist:",
    line: (line: number) => `Zeile ${count(line)}`,
    waiting: "Wird simuliert",
    newer: "Das Log ist gewachsen, seit diese Jahre simuliert wurden.",
    again: "Nach der neuesten Wurzel simulieren",
    together: (scenarios: number) => `${count(scenarios)} Szenarien zusammen`,
    independent:
      "Sie werden unabhängig voneinander simuliert: Gemeinsame Ursachen, die mehrere in einem Jahr auslösen, sind nicht berücksichtigt.",
    chart:
      "Diagramm der Wahrscheinlichkeit, dass die Verluste eines Jahres einen Betrag übersteigen. Die Zahlen stehen in der Tabelle.",
    mean: (mean: string, currency: string) => `${mean} ${currency} im Jahr, im Mittel`,
    average: "Mittel",
    formula: (mean: string) => `nach der Formel ${mean}`,
    without: (share: string, most: string) =>
      `${share} der Jahre bleiben ohne Verlust. Das schlimmste verliert ${most}.`,
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
      observed: (observed: number, from: string, to: string, years: string) =>
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
      save: "Szenario damit sichern",
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
    saveText: "Als Markdown sichern",
    saveChart: "Diagramm sichern",
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
      "Warum Ereignisse zurückgehalten werden, sagt das Log, und das ist nicht belegt. Dass an diesen Plätzen Ereignisse sind, ist belegt.",
    skipped: "Ausgelassene Einträge",
    notes: "Schlüsselnotizen",
    checkpoints: "Checkpoints im Lauf der Zeit",
    checkpointsAbout:
      "Ein Export endet mit einem Checkpoint; die Live-Ansicht bringt jeden, sobald er veröffentlicht ist. Der neueste steht oben.",
    table: {
      size: "Größe",
      root: "Wurzel-Hash",
      matches: "Passt",
      log: "Signatur des Logs",
      witnesses: "Gegenzeichnungen",
      time: "Gesehen am",
    },
    more: (more: number) => `${count(more)} ältere sind nicht aufgeführt.`,
    noCheckpoints: "In dem, was geladen wurde, ist kein Checkpoint.",
    yes: "ja",
    no: "nein",
    unchecked: "nicht geprüft",
    another: "Unter dieser Adresse war vorher ein anderes Log",
    anotherWhy: (origins: unknown) =>
      html`Dieses Gerät kennt von hier ${origins}. Ein Log, das seinen Namen ändert, entgeht dem, was von ihm bekannt war: der Grund ist zu klären.`,
  },

  keys: {
    heading: "Schlüssel",
    about:
      "Wer die geladenen Ereignisse signiert, woher ihm vertraut wird, und was Schlüsselnotizen im Log sagen.",
    notes: "Schlüsselnotizen in dem, was geladen wurde",
    noNotes: "In dem, was geladen wurde, ist keine Schlüsselnotiz.",
    more: (more: number) => `${count(more)} weitere sind nicht aufgeführt.`,
  },

  emitters: {
    heading: "Zuletzt gehört",
    about:
      "Wann der neueste geladene Eintrag jedes Unterzeichners aufgezeichnet wurde, nach dessen eigener Uhr. Still heißt: fünfmal so lange nichts wie üblich, und mindestens fünf Minuten.",
    name: "Unterzeichner",
    last: "Letzter Eintrag",
    usual: "Üblich",
    state: "Jetzt",
    every: (time: string) => `etwa alle ${time}`,
    often: "mehr als einmal pro Sekunde",
    few: "zu wenige Einträge",
    silent: (time: string) => `still seit ${time}`,
    heard: (time: string) => `vor ${time}`,
  },

  records: {
    erasures: "Löschungen",
    erasuresAbout: "Ereignisse, deren Inhalt gelöscht wurde. Jede Löschung ist selbst ein Eintrag des Logs.",
    noErasures: "Nichts wurde gelöscht.",
    entry: "Eintrag",
    at: "Verlangt am",
    events: "Ereignisse",
    state: "Stand",
    evidence: "Belege für Verzweigungen",
    evidenceAbout:
      "Ketten, die zwei Wege gingen und abgewiesen wurden, und was das Log angehalten hat. Dafür braucht es ein Token mit dem Recht admin.",
    noEvidence: "Keine. Nach eigener Angabe hat das Log keine Verzweigung abgewiesen.",
    kept: (kept: number) =>
      `${count(kept)} aufgehoben. Sichern und mit anderen vergleichen, die dieses Log verfolgen.`,
    save: "Belege sichern",
    reads: "Wer was gelesen hat",
    readsAbout:
      "Wo das Log Lesezugriffe aufzeichnet, ist jeder ein Ereignis in seiner eigenen Kette, mit dem Namen des Tokens und dem, wonach gefragt wurde.",
    readsSearch: "Nach den Ereignissen des Logs selbst suchen",
  },

  witnesses: {
    heading: "Zeugen",
    about:
      "Ein Zeuge signiert einen Checkpoint nur, wenn er fortsetzt, was der Zeuge vorher signierte. Ein Log, dessen neuesten Checkpoint ein Quorum von ihnen signierte, zeigt also allen dieselbe Geschichte.",
    quorum: "Das eigene Quorum",
    met: "Beim neuesten Checkpoint erfüllt",
    unmet: "Nicht erfüllt",
    unknown: "Nicht geprüft",
    notNeeded: "Nicht nötig",
    noTrust:
      "Welche Zeugen zählen, sagt eine Vertrauensdatei (Zeilen witness, group und quorum). Es wurde keine mitgebracht.",
    existed: "bestand am",
    seen: "gesehen am",
    yours: "Zeugen der Vertrauensdatei",
    noneYours: "Die Vertrauensdatei nennt keinen Zeugen.",
    cosigned: (valid: number) => cosignatures(valid),
    invalid: (invalid: number) => `${count(invalid)} ungültig`,
    never: "keine Gegenzeichnung in dem, was geladen wurde",
    last: "zuletzt am",
    others: "Andere, die einen Checkpoint signierten",
    othersAbout:
      "Die Vertrauensdatei nennt diese Schlüssel nicht; ihre Signaturen wurden nicht angesehen und beweisen nichts.",
    signed: (times: number) => `auf ${counting(LANG, "Checkpoint", "Checkpoints")(times)}`,
    log: "Angabe des Logs",
    noneHeard: "kein Zeuge hat geantwortet; für seinen neuesten Checkpoint bürgt also nur das Log selbst",
    healthy: (met: boolean): string =>
      met
        ? "es sagt, die Zeugen, die es braucht, hätten den neuesten Checkpoint gesehen"
        : "es sagt, die Zeugen, die es braucht, hätten den neuesten Checkpoint nicht alle gesehen",
  },

  storage: {
    heading: "Speicher",
    about: "Was das Log über sich selbst sagt, unter /healthz und /metrics. Nichts davon ist signiert.",
    word: "Angabe des Betreibers, ungeprüft",
    refresh: "Neu laden",
    asked: "Gefragt um",
    health: "Zustand",
    healthy: "in Ordnung",
    unhealthy: "nicht in Ordnung",
    unreadable: "Was kam, ist keine Antwort eines Logs auf /healthz.",
    origin: "Name",
    size: "Gespeicherte Einträge",
    published: "Veröffentlichte Einträge",
    publishedAt: "Veröffentlicht am",
    waiting: "Noch nicht veröffentlicht",
    witnessed: "Von allen nötigen Zeugen gesehen",
    noWitness: "kein Zeuge hat geantwortet",
    clock: "Uhr im Vergleich mit den Zeugen",
    clocks: {
      agrees: "gehen gleich",
      ahead: "sie geht vor",
      behind: "sie geht nach",
      unknown: "kein Zeuge hat geantwortet",
    },
    unfinished: "Laufende Löschungen",
    troubles: {
      stopped: "Es hat angehalten: Es signiert nichts und nimmt nichts an",
      damaged: "Ein Teil seiner gespeicherten Daten hat Probleme",
      full: "Sein Speicher ist fast voll",
      failing: "Neue Einträge können nicht gespeichert werden",
      erasures: "Eine Löschung kann nicht abgeschlossen werden",
      clock: "Seine Uhr geht anders als die seiner Zeugen. Bis sie stimmt, nimmt es nichts an",
    },
    kept: {
      heading: "Platte, Sicherungen und Prüfungen",
      kind: "Gespeichert in",
      kinds: {
        folder: "einem Ordner des Servers",
        bucket: "einem Objektspeicher, mit einem Index in einem Ordner des Servers",
        object: "einem Durable Object",
      },
      room: "Platz",
      free: (free: string, total: string) => `${free} frei von ${total}`,
      least: "Unter 64 MiB meldet das Log, dass es nicht in Ordnung ist.",
      byPlatform: "darum kümmert sich die Plattform",
      backup: "Letzte Sicherung",
      since: (since: number) => `${leaves(since)} kamen seither hinzu.`,
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
          : `${count(indexed)} von ${leaves(size)}. Die übrigen werden einzeln durchsucht.`,
      indexDamaged:
        "teilweise beschädigt; er wird neu gebaut. Bis dahin sind Suchen langsamer, aber richtig.",
      indexOff: "keiner: jede Suche prüft alle Ereignisse",
      noIndex: "keiner: in einem Durable Object prüft jede Suche alle Ereignisse",
      witnesses: "Zeugen, die geantwortet haben",
      skews: "Um wie viel die Uhr des Logs vor der jedes Zeugen geht.",
    },
    yes: "ja",
    no: "nein",
    unknown: "nicht bekannt",
    since: "Seit dem Start des Servers",
    taken: "Angenommene Einträge",
    commits: "Dauerhafte Schreibvorgänge",
    failed: "Gescheiterte Schreibvorgänge",
    commit: "Ein Schreibvorgang dauerte im Mittel",
    erased: "Gelöschte Ereignisse",
    submissions: "Beantwortete Einreichungen",
    witnessFailures: "Fehlgeschlagene Anfragen an Zeugen",
    all: "Alle Zahlen",
    name: "Name",
    labels: "Merkmale",
    value: "Wert",
    ignored: (ignored: number) => `${lines(ignored)} waren nicht zu verstehen und sind hier nicht gezeigt.`,
    noMetrics: "Es gibt keine Zahlen.",
  },
};
