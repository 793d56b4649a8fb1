import { counting } from "@countersign/viewer/texts/figures.js";
import { de as viewer } from "@countersign/viewer/texts/texts.js";
import { html } from "lit";
import type { KeyKind } from "../input/trust.ts";
import type { PageTexts } from "./en.ts";

const LANG = "de";
const { count, events, leaves } = viewer.figures;
const files = counting(LANG, "Datei", "Dateien");
const keys = counting(LANG, "weiterer Schlüssel", "weitere Schlüssel");
const checkpoints = counting(LANG, "Checkpoint", "Checkpoints");

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

/** What the page says beside what the viewer says, in German. */
export const de: PageTexts = {
  viewer,
  lang: "de",
  named: "Deutsch",
  language: "Sprache",

  english: "Was das Prüfprogramm nur auf Englisch sagt, steht hier auf Englisch.",

  title: "Einen Export prüfen – countersign",
  heading: "Den Export eines Audit-Logs prüfen",
  lead: "Feststellen, ob ein Log das ist, was aufgezeichnet wurde, anhand von Schlüsseln eigener Wahl.",
  truth:
    "Ein Urteil sagt, ob etwas das ist, was signiert wurde, und von wem. Ob ein Ereignis wahr ist, lässt sich keiner Datei ansehen.",
  drop: "Exporte, Vertrauensdateien, Schlüssel und Pins ablegen",

  privacy: {
    summary: "Nichts wird hochgeladen.",
    paragraphs: [
      html`Die Dateien werden von dieser Seite in diesem Browser gelesen und gehen nirgendwohin. Das muss niemand glauben: Ihre Content
        Security Policy in den ersten Zeilen des Quelltexts sagt <code>connect-src 'none'</code>, also verweigert ihr der Browser jede
        Verbindung.`,
      html`Sie ist eine einzige Datei und braucht kein Netz. Speichern, offline gehen, von der Platte öffnen und prüfen; oder dabei in
        den Entwicklerwerkzeugen des Browsers den Netzwerkverkehr beobachten.`,
      html`Was sie sich von Logs merkt und die gewählte Sprache bleiben im Speicher dieses Browsers. Ereignisse, Vertrauensdateien und
        Schlüssel werden nie aufbewahrt.`,
    ],
  },
  export: {
    heading: "Export",
    hint: "Dateien irgendwo auf dieser Seite ablegen",
    formats: ".ndjson, auch als .gz oder .zst, eine Datei oder mehrere Teile",
    choose: "Export wählen",
    another: "Anderen Export wählen",
    add: "Teil oder zweiten Export hinzufügen",
    sample: "Das Beispiel ausprobieren",
    joined: (pieces) => `zusammengesetzt aus ${files(pieces)}`,
    remove: "Entfernen",
    report: "ein Bericht, kein Export. Zum Vergleichen den Export wählen, von dem er handelt.",
  },

  trust: {
    heading: "Wem vertraut wird",
    none: "Ohne einen Schlüssel von jemandem, dem zu trauen ist, lautet die beste Antwort, dass eine Datei in sich stimmig ist.",
    choose: "Vertrauensdatei wählen",
    another: "Andere Vertrauensdatei wählen",
    pin: "Pin hinzufügen",
    remove: "Entfernen",
    forSession: "für diese Sitzung",
    pinOf: (size) => `bei ${size} Blättern`,
    tooLarge: "größer, als eine Vertrauensdatei oder ein Pin sein kann",
    replaced: (name) =>
      `eine Vertrauensdatei, die zusammen mit einer anderen abgelegt wurde: ${name}, die gilt. Alles Vertraute gehört in eine Datei.`,
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

  paste: {
    summary: "Vertrauensdatei, Schlüssel oder Pin einfügen",
    label: "Text",
    placeholder: "name+1a2b3c4d+A…",
    help: "Von jemandem, dem zu trauen ist: nicht von dort, woher der Export kommt.",
    kind: "Es ist der Schlüssel von einem",
    kinds,
    useKey: "Für diese Sitzung vertrauen",
    use: "Verwenden",
    neither:
      "Das ist weder eine Vertrauensdatei noch ein Schlüssel noch ein Pin. Ein Schlüssel sieht aus wie name+1a2b3c4d+ und Base64.",
    trustName: "eingefuegtes-vertrauen.txt",
    pinName: (size) => `eingefuegt-${size}.pin.txt`,
    exportName: "eingefuegt.countersign.ndjson",
  },

  confirm: {
    heading: (name: unknown) => html`${name} vertrauen?`,
    compare:
      "Dieser Schlüssel kam mit dem Export, beweist also noch nichts. Zeichen für Zeichen mit dem vergleichen, den sein Eigentümer auf anderem Weg mitgeteilt hat.",
    after:
      "Ihm wird dann als Unterzeichner vertraut, bis diese Seite geschlossen wird, und der Export wird erneut geprüft.",
    trust: "Für diese Sitzung vertrauen",
    dismiss: "Nicht vertrauen",
  },

  memory: {
    summary: "Auf diesem Gerät gesehene Logs",
    none: "Noch keine. Ein Log, dessen Checkpoint gültig ist, wird hier gemerkt: bei welcher Größe und wann.",
    switch: "Logs auf diesem Gerät merken und ihren nächsten Export dagegenhalten",
    refused:
      "Dieser Browser lässt die Seite nichts aufbewahren, also werden Logs nicht gemerkt. Stattdessen Pins als Dateien sichern.",
    stays: "Bleibt allein in diesem Browser und verlässt das Gerät nie.",
    seen: (size) => `zuletzt gesehen bei Größe ${count(size)} am`,
    forget: "Vergessen",
    forgetAll: "Alle vergessen",
    grown: (size) => `Zuletzt gesehen bei Größe ${count(size)} am`,
    grownThen: ": Seitdem wurde nichts umgeschrieben.",
    grownBadThen: ": Der Baum des Logs ist seitdem nur gewachsen. Am Urteil ändert das nichts.",
    unknownThen: (size) =>
      `. Ob seitdem etwas umgeschrieben wurde, lässt sich nicht sagen: Dieser Export lässt aus, wo Blatt ${count(size)} beginnt. Einen mit dieser Grenze anfordern.`,
    smallerThen:
      ", und dieser Export endet davor. Entweder ist er ein älterer, oder das Log wurde gekürzt. Daher kommt das Urteil.",
    rewrittenThen:
      ". Was in dieser Datei steht, ist nicht das, was damals da war: Das Log wurde umgeschrieben, oder ein anderes Log trägt denselben Namen. Diese Datei als Beleg aufheben.",
    first: "Dieses Gerät hat dieses Log noch nie gesehen. Von jetzt an merkt es sich das Log bei Größe",
    leaveOut: "Ohne das prüfen, was dieses Gerät sich merkt",
  },

  progress: {
    heading: (name: unknown) => html`Prüfung von ${name}`,
    said: (percent) => `Prüfung läuft, ${percent} Prozent`,
    of: (done, all) => `${done} von ${all}`,
    perSecond: (rate) => `${rate}/s`,
    eventsPerSecond: (rate) => `${events(rate)} pro Sekunde`,
    left: (time) => `noch ${time}`,
    finishing: "gleich fertig",
    cancel: "Abbrechen",
    part: (part, all) => `Teil ${count(part)} von ${count(all)}`,
    agreeing: "Die Teile werden gegeneinander gehalten",
    firstFailure: "Erster Fehler bisher",
    goesOn: "Die Prüfung geht bis zum Ende weiter, um alles zu finden. Vorher gibt es kein Urteil.",
  },

  stopped: {
    cancelled: "Abgebrochen",
    nothing:
      "Die Datei wurde nicht bis zum Ende gelesen. Über sie lässt sich nichts sagen, und nichts wird als geprüft gezeigt.",
    again: "Erneut prüfen",
    trust: "Die Vertrauensdatei ist unbrauchbar",
    pin: "Ein Pin ist unbrauchbar",
    unreadable: "Die Datei ist nicht lesbar",
    other: "Prüfung nicht möglich",
    line: (line) => `Zeile ${count(line)}: `,
    noVerdict: "Das ist kein Urteil: Über den Export wurde nichts festgestellt.",
    said: "Kein Urteil:",
  },

  parts: {
    heading: "Teile",
    said: (verdicts) => `Jeder Teil hat sein eigenes Urteil: ${verdicts}.`,
    choose: "Das eigene Urteil jedes Teils",
    logs: (logs) =>
      `Das sind Exporte von ${count(logs)} verschiedenen Logs. Über sie zusammen lässt sich nichts sagen.`,
    together: (here, all) =>
      here === all
        ? `Zusammen enthalten sie alle ${leaves(all)} bis zum Ende des größten.`
        : `Zusammen enthalten sie ${count(here)} von ${count(all)} Blättern bis zum Ende des größten.`,
    missing: "In keinem:",
    agree: "Sie stimmen überein: Das Log ist von jedem zum nächstgrößeren nur gewachsen.",
    allIdentical:
      "Sie sind ein und dieselbe Datei, Byte für Byte: Zusammen sagen sie nicht mehr als eine davon.",
    same: "dasselbe Log, nur gewachsen",
    identical: "dieselbe Datei, Byte für Byte",
    contradicts: "widerspricht",
    unknown: "nicht zu sagen",
    contradiction:
      "Sie widersprechen einander: Sie können nicht alle von einem Log stammen, das nur gewachsen ist.",
    contradictionOfOne:
      "Exporte eines Logs unter ihnen widersprechen einander: Es kann nicht nur gewachsen sein.",
    untold: "Ob sie von einem Log stammen, das nur gewachsen ist, ließ sich nicht für alle sagen.",
    waiting: "Wartet",
    agreement: {
      "no-pin": "der kleinere hat keinen Checkpoint, den ein vertrauter Schlüssel signiert hat",
      "not-reached": "der größere lässt aus, wo der kleinere endet",
      "other-log": "ein anderes Log",
      failed: "er ließ sich nicht noch einmal lesen",
    },
    against: "gehalten gegen",
  },

  verdict: {
    now: "Was nun?",
    not: "Was das nicht bedeutet",
    said: (words, errors) => `Urteil: ${words}${errors > 0 ? ` ${count(errors)} Fehler aufgeführt.` : ""}`,
    contradicted: "Ein anderer hier gewählter Export widerspricht diesem: siehe Teile.",
    sample:
      "Das Beispiel und seine Vertrauensdatei kamen zusammen, mit dieser Seite. Eine Vertrauensdatei nie von dort nehmen, woher ein Export kommt.",
    file: "Datei",
    log: "Log",
    noHeader: "kein Kopf lesbar",
    holds: "Inhalt",
    holdsIn: (events, chains, leaves) => `${events} in ${chains}, ${leaves}`,
    leftOut: "Ausgelassen",
    withheld: (withheld) => `${events(withheld)} vorenthalten`,
    skipped: (skipped) => `${leaves(skipped)} übersprungen`,
    checkpoint: "Letzter Checkpoint",
    none: "keiner",
    seenBy: ", von Zeugen gesehen um",
    root: "Wurzel-Hash des Logs beim letzten Checkpoint",
    sha256: "SHA-256",
  },

  checks: {
    heading: "Prüfungen",
    check: "Prüfung",
    result: "Ergebnis",
    covered: "Umfang und Grund",
    failed: (failed, all) => `${all}, davon ${count(failed)} fehlerhaft`,
    answered: (all) => `${all} mit einer Antwort`,
    see: "Siehe",
  },

  coverage: {
    heading: "Abdeckung",
    about: "Welche Blätter des Logs hier sind, nach ihrem Platz darin, und was für sie bürgt.",
    aboutChains:
      "Wo jede Zeile in dieser Datei steht. Sie hat keine Checkpoints: Nur ihre Ketten halten sie zusammen.",
    shown: "Gezeigt",
    other: "Hier, aber nicht als geprüft gezeigt",
    withheld: "Vorenthalten",
    skipped: "Ausgelassen",
    mismatch: "Checkpoint, der nicht passt",
    note: "Schlüsselnotiz",
    from: (leaf) => `Blatt ${count(leaf)}`,
    chart: (parts) => `Abdeckung des Logs: ${parts}.`,
    chartShown: (shown) => `${leaves(shown)} gezeigt`,
    rows: {
      leaves: "Blätter",
      checkpoints: "Checkpoints",
      cosigned: "Mitsigniert",
      notes: "Notizen",
      findings: "Befunde",
    },
    findingsShort: (drawn) => `Von jeder Art von Befund sind die ersten ${count(drawn)} eingezeichnet.`,
    list: "Als Liste",
    show: "Zeigen",
    range: (begin, end) =>
      end - begin === 1 ? `Blatt ${count(begin)}` : `Blätter ${count(begin)} bis ${count(end - 1)}`,
    matches: "passt zu den Blättern davor",
    mismatches: "passt nicht zu den Blättern davor",
    existed: "bestand um",
    seen: "gesehen um",
    more: (more) => `${count(more)} weitere sind nicht aufgeführt.`,
    size: (size) => `Checkpoint bei ${size === 1 ? "1 Blatt" : `${count(size)} Blättern`}`,
    kinds: { log: "das Log", witness: "Zeuge", unknown: "unbekannter Schlüssel" },
    valid: "gültig",
    invalid: "ungültig",
    unchecked: "nicht angesehen",
    grant: "lässt zu:",
    revoke: "widerruft:",
    checkpoints,
    cosignatures: counting(LANG, "Mitsignatur", "Mitsignaturen"),
    notes: counting(LANG, "Schlüsselnotiz", "Schlüsselnotizen"),
    findings: counting(LANG, "Befund", "Befunde"),
    acts: "wirkt",
    actsNot: "bewirkt nichts",
  },

  findings: {
    heading: "Befunde",
    none: "Es gibt nichts, was man wissen müsste.",
    times: (times) => `${count(times)}-mal`,
    first: (listed, all) => `Der Bericht führt die ersten ${count(listed)} von ${count(all)} auf.`,
    severity: { error: "Fehler", warning: "Warnung", info: "Hinweis" },
    line: "Zeile",
    leaf: "Blatt",
    chain: "Kette",
    seq: "Nr.",
    show: { event: "Ereignis zeigen", withheld: "Platz zeigen" },
  },

  signers: {
    heading: "Unterzeichner",
    none: "Keine Kette in dieser Datei nennt ihren Schlüssel.",
    more: (more) => `${keys(more)} im Bericht.`,
    vkey: "Prüfschlüssel",
    id: "Schlüssel-ID",
    idAndVkey: "Schlüssel-ID und Prüfschlüssel",
    signed: "Hier signiert",
    chainsLinks: (chains, links) => `${chains}, ${count(links)} ${links === 1 ? "Glied" : "Glieder"}`,
    clock: "Nach eigener Uhr",
    to: "bis",
    trustIt: "Für diese Sitzung vertrauen…",
    session: "Diesem Schlüssel wird für diese Sitzung vertraut.",
    roles: { emitter: "Unterzeichner", issuer: "Aussteller", log: "Log", witness: "Zeuge" },
    from: "Vertraut durch",
    trustFile: (line) => `die Vertrauensdatei, Zeile ${count(line)}`,
    forSession: "eigene Wahl, für diese Sitzung",
    grantedBy: "in diesem Log zugelassen von",
    nowhere: "nichts: Niemand, dem vertraut wird, bürgt dafür",
    history: "Verlauf",
    granted: "Zugelassen",
    revoked: "Widerrufen",
    validFrom: "ab",
    validUntil: "bis",
    since: "seit",
    by: "von",
    at: (leaf, line) => `Blatt ${count(leaf)}, Zeile ${count(line)}`,
    inTrust: (line) => `in der Vertrauensdatei, Zeile ${count(line)}`,
    noEffect: "wirkungslos",
    always: "ohne Grenze",
    signedCheckpoints: (valid) => `${checkpoints(valid)}, gültig`,
    invalidCheckpoints: (invalid) => `${checkpoints(invalid)}, ungültig`,
    lastCosigned: "Zuletzt, nach eigener Uhr",
    signedNotes: counting(LANG, "Schlüsselnotiz, die wirkt", "Schlüsselnotizen, die wirken"),
    unseen: "hat in dieser Datei nichts signiert",
    others: "Aussteller, Logs und Zeugen",
  },

  events: {
    heading: "Signierte Ereignisse",
    none: "Kein Ereignis in dieser Datei lässt sich als das zeigen, was ein Schlüssel signiert hat.",
    each: "Jedes ist Byte für Byte das, was sein Schlüssel signiert hat. Nichts anderes aus der Datei wird hier gezeigt.",
    notWhole: "Auf die Datei als Ganzes ist kein Verlass: siehe das Urteil.",
    unconfirmed:
      "Unterzeichner nicht bestätigt: So bezeichnete Ereignisse sind mit Schlüsseln signiert, denen nicht vertraut wird. Jeder könnte sie gemacht haben.",
    suspect:
      "Unterzeichner verdächtig: So bezeichnete Ereignisse sind mit Schlüsseln signiert, die widerrufen oder nicht rechtzeitig bezeugt wurden. Ein Dieb könnte sie gemacht haben.",
    reformatted: (reformatted) =>
      `${events(reformatted)} dieser Datei ${reformatted === 1 ? "wurde" : "wurden"} von einem Werkzeug umformatiert: Die Bytes in der Datei sind andere als die signierten; gezeigt ist die kanonische Form, die signiert wurde.`,
    unlisted: (unlisted) =>
      `${events(unlisted)} dieser Datei ${unlisted === 1 ? "ist" : "sind"} nicht aufgeführt: nicht das, was signiert wurde, von keiner gültigen Signatur gedeckt oder auf einem fehlerhaften Glied.`,
    withheld: (withheld) =>
      `${events(withheld)} ${withheld === 1 ? "ist" : "sind"} vorenthalten: aufgezeichnet, aber nicht in dieser Datei.`,
    lost: "Dieses Ereignis lässt sich nicht zeigen. Die Datei erneut prüfen.",
  },

  compare: {
    heading: "Vergleich",
    openParts: "Zwei davon vergleichen",
    close: "Vergleich schließen",
    one: "Dieser Export",
    other: "Mit",
    same: "Dasselbe Log, nur gewachsen: Bis zum Ende des kleineren hat der größere dieselbe Geschichte.",
    identical: "Das ist ein und dieselbe Datei, Byte für Byte: Zu vergleichen gibt es nichts.",
    contradiction: "Die beiden widersprechen einander.",
    evidence:
      "Zwei Stände eines Logs, die nicht beide wahr sein können. Wer das Log betreibt, hat verschiedenen Lesern verschiedene Logs gezeigt oder es umgeschrieben. Beide Dateien und beide Checkpoints als Beleg aufheben.",
    untold: "Ob es dasselbe Log ist, ließ sich nicht sagen:",
    byClaim: "Was folgt, geht nach den Plätzen, die jede Datei ihren Blättern gibt.",
    byPlace:
      "Was folgt, geht allein nach Plätzen: Am selben Platz können die beiden verschiedene Ereignisse haben.",
    otherLog: "Das sind Exporte verschiedener Logs. Zu vergleichen gibt es nichts.",
    hides: (one: unknown, other: unknown) => html`In ${one}, nicht gezeigt in ${other}`,
    nothing: "Nichts: Jedes Ereignis, das er zeigt, zeigt auch der andere.",
    nothingByPlace: "Nichts: Wo er ein Ereignis zeigt, zeigt auch der andere eines am selben Platz.",
    has: (shown, leftOut, last) =>
      `${shown} gezeigt${leftOut.map((part) => `, ${part}`).join("")}; er endet nach ${last}`,
    empty: "er enthält kein Blatt",
    as: {
      withheld: "dort vorenthalten",
      skipped: "dort ausgelassen",
      beyond: "nach dessen Ende",
      failed: "dort, aber nicht als geprüft gezeigt",
    },
    leaves,
    show: "Zeigen",
    more: (more) => `${count(more)} weitere Bereiche sind nicht aufgeführt.`,
    saveCheckpoints: "Beide Checkpoints sichern",
    checkpointOf: "Checkpoint von",
  },

  keep: {
    heading: "Aufheben und wiederholen",
    saveExport: "Export sichern",
    report: "Bericht herunterladen",
    print: "Bericht drucken",
    pin: "Pin sichern",
    trust: "Vertrauensdatei sichern",
    noPin:
      "Es gibt keinen Pin zu sichern: Dazu braucht es ein Log, dessen Baum und Signatur bestehen, und keine fehlerhafte Prüfung.",
    pinHelp:
      "Der Pin ist der Checkpoint des Logs. Nächstes Mal angegeben, zeigt er, ob ein Log seitdem umgeschrieben oder gekürzt wurde.",
    command: (missing) => `Dasselbe mit dem Programm${missing}:`,
    once: (things) => ` (vorher zu sichern: ${things.join(" und ")})`,
    theExport: "der Export",
    theTrust: "die Vertrauensdatei",
    theSeen: "der gemerkte Pin",
    seen: "Gemerkten Pin sichern",
    thePasted: "was als Pin eingefügt wurde",
    pasted: "Eingefügten Pin sichern",
    compare: "Mit anderem Export vergleichen",
    joinedFirst: ", sobald die Stücke zusammengesetzt sind",
    copy: "Kopieren",
    copied: "Kopiert.",
    copyRefused: "Der Browser erlaubt es nicht: den Befehl markieren und kopieren.",
  },

  printed: {
    heading: "Bericht über den Export eines Audit-Logs",
    verified: "Geprüft um",
    tool: "Geprüft mit",
    page: (version) => `countersign ${version}, Prüfseite`,
    trusted: "Vertraute Schlüssel",
    nothing: "keine: Es wurde keine Vertrauensdatei angegeben",
    pins: "Pins",
    noPins: "keine",
    bytes: (bytes) => `${count(bytes)} Byte`,
    sumLater: (name) => `hier nicht berechnet: sha256sum ${name}`,
    more: (more) => `${count(more)} weitere im Bericht als JSON`,
  },

  about: {
    summary: (version) => `countersign ${version}: Ist diese Seite die veröffentlichte?`,
    text: (version) =>
      `Ein Urteil ist so viel wert wie die Seite, die es fällt. Diese Datei sagt, sie sei die Prüfseite von countersign ${version}; eine falsche würde das auch sagen. Also nicht die Seite fragen, sondern die Datei:`,
    how: "Den Hash der geöffneten Datei mit der Zeile in den SHA256SUMS der Veröffentlichung vergleichen, die neben ihr stehen.",
    rebuild:
      "Oder sie selbst bauen: Gleiche Quellen geben gleiche Bytes. Im Repository, beim Tag der Version:",
    parts:
      "Der Browser führt nur diese Teile aus und verweigert der Seite jeden anderen, nach ihrer eigenen Policy:",
    script: "Skript",
    style: "Stil",
  },
};
