import type { Sentences } from "./core.js";

/** Why a check has no answer. */
const reasons: Sentences = {
  "the export could not be read": "der Export war nicht lesbar",
  "there is no event": "es gibt kein Ereignis",
  "no event is shown": "kein Ereignis ist gezeigt",
  "there is no link": "es gibt kein Glied",
  "there is no chain": "es gibt keine Kette",
  "there is no checkpoint": "es gibt keinen Checkpoint",
  "a chain's open link is not here, so its key is not known":
    "das erste Glied einer Kette ist nicht hier, also ist ihr Schlüssel nicht bekannt",
  "some links are covered by no signature": "einige Glieder deckt keine Signatur",
  "links are signed by keys that the trust file does not vouch for":
    "Glieder sind mit Schlüsseln signiert, für die die Vertrauensdatei nicht bürgt",
  "a chain is suspect since a key was revoked": "eine Kette ist verdächtig, seit ein Schlüssel widerrufen wurde",
  "no witnessed checkpoint shows that some links existed before their key expired":
    "kein bezeugter Checkpoint zeigt, dass einige Glieder vor dem Ablauf ihres Schlüssels da waren",
  "leaves follow the last checkpoint": "nach dem letzten Checkpoint folgen Blätter",
  "no log key of the trust file signed the last checkpoint":
    "den letzten Checkpoint hat kein Schlüssel des Logs aus der Vertrauensdatei signiert",
  "the export claims no range": "der Export gibt keinen Bereich an",
  "only a checkpoint can confirm the leaves' places": "nur ein Checkpoint kann die Plätze der Blätter bestätigen",
  "no checkpoint of this log was pinned before": "von diesem Log wurde noch kein Checkpoint als Pin gesichert",
  "the export does not stop at every pinned size": "der Export hält nicht an der Größe jedes Pins",
  "the trust file asks for no witnesses": "die Vertrauensdatei verlangt keine Zeugen",
  "a chain is not closed, so more events of it may exist":
    "eine Kette ist nicht abgeschlossen, also kann es mehr Ereignisse von ihr geben",
  "not all links of a chain are shown": "nicht alle Glieder einer Kette sind gezeigt",
  "nothing was expected": "nichts war verlangt",
  "no witnesses say how old the last checkpoint is": "keine Zeugen sagen, wie alt der letzte Checkpoint ist",
};

/** What was found. */
const messages: Sentences = {
  "the export ends before the pinned size {#size}": "der Export endet vor der Größe des Pins, {#size}",
  "a skip passes over the pinned size {#size}": "eine Auslassung geht über die Größe des Pins, {#size}, hinweg",
  "the last checkpoint has {#checkpoint} leaves, the pinned one {#size}":
    "der letzte Checkpoint hat {#checkpoint} Blätter, der Pin {#size}",
  "the log's first {#size} leaves are not those of the pinned checkpoint":
    "die ersten {#size} Blätter des Logs sind nicht die des Pins",
  "the chain was closed before this link": "die Kette war vor diesem Glied abgeschlossen",
  "link {#this} comes after link {#last} of its chain": "Glied {#this} steht nach Glied {#last} seiner Kette",
  "link {#from} of the chain is missing": "Glied {#from} der Kette fehlt",
  "links {#from} to {#to} of the chain are missing": "die Glieder {#from} bis {#to} der Kette fehlen",
  "link {#from} of the chain is among the leaves left out":
    "Glied {#from} der Kette ist unter den ausgelassenen Blättern",
  "links {#from} to {#to} of the chain are among the leaves left out":
    "die Glieder {#from} bis {#to} der Kette sind unter den ausgelassenen Blättern",
  "the chain's open link has not come before": "das erste Glied der Kette kam nicht vorher",
  "the chain is not closed": "die Kette ist nicht abgeschlossen",
  'the chain is for the log {"log}': 'die Kette ist für das Log {"log}',
  "it does not follow from the link that stands before it": "es folgt nicht aus dem Glied, das vor ihm steht",
  "the log was last seen at {@time}": "das Log wurde zuletzt um {@time} gesehen",
  'the export is of the log {"log}': 'der Export ist von dem Log {"log}',
  "not all of the leaves {#begin} to {#end} are here": "nicht alle der Blätter {#begin} bis {#end} sind hier",
  "the checkpoint is no signed checkpoint without extension lines":
    "das ist kein signierter Checkpoint, oder er hat Zusatzzeilen",
  "this is not a countersign export, or its header is damaged":
    "das ist kein countersign-Export, oder sein Kopf ist beschädigt",
  "a zstd frame needs a window above 8 MiB": "ein zstd-Frame braucht ein Fenster über 8 MiB",
  "a zstd frame needs a dictionary": "ein zstd-Frame braucht ein Wörterbuch",
  "there is no line": "es gibt keine Zeile",
  "a leaf is at most 65,535 bytes": "ein Blatt hat höchstens 65.535 Byte",
  "a log has at most 2^53 - 1 leaves": "ein Log hat höchstens 2^53 - 1 Blätter",
  "longer than 1 MiB": "länger als 1 MiB",
  "not UTF-8": "kein UTF-8",
  "not one JSON object": "nicht ein JSON-Objekt",
  "not one JSON object that nests at most 65 deep": "nicht ein JSON-Objekt mit höchstens 65 Ebenen",
  "holds not exactly one of link, note, leaf, skip and checkpoint":
    "hat nicht genau eins von link, note, leaf, skip und checkpoint",
  "a member is there twice": "ein Feld ist doppelt da",
  "salt, event and withheld go with a link alone": "salt, event und withheld gehören allein zu einem Glied",
  "salt, event and withheld go with an event link alone":
    "salt, event und withheld gehören allein zum Glied eines Ereignisses",
  "salt and event come together": "salt und event kommen zusammen",
  "withheld beside an event": "withheld neben einem Ereignis",
  "withheld is erased, redacted or filtered": "withheld ist erased, redacted oder filtered",
  "event is no object": "event ist kein Objekt",
  "an event is at most 262,144 bytes": "ein Ereignis hat höchstens 262.144 Byte",
  "a skip is [level, hash], level 0 to 52": "ein skip ist [Ebene, Hash], Ebene 0 bis 52",
  "link is no string": "link ist kein Text",
  "note is no string": "note ist kein Text",
  "checkpoint is no string": "checkpoint ist kein Text",
  "leaf is not canonical base64": "leaf ist kein kanonisches Base64",
  "a link or a key note stands as an opaque leaf":
    "ein Glied oder eine Schlüsselnotiz steht als undurchsichtiges Blatt",
  "the link has not the grammar of a link": "das Glied ist nicht gebaut wie eines",
  "the note is no key note": "die Notiz ist keine Schlüsselnotiz",
  "a member that the format does not know": "ein Feld, das das Format nicht kennt",
  "at {@time} the key's grant had ended": "um {@time} war die Zulassung des Schlüssels zu Ende",
  "at {@time} the key's grant had not begun": "um {@time} hatte die Zulassung des Schlüssels nicht begonnen",
  "no witnessed checkpoint shows that it existed in time":
    "kein bezeugter Checkpoint zeigt, dass es rechtzeitig da war",
  "the key was revoked at an earlier place of the log":
    "der Schlüssel wurde an einem früheren Platz des Logs widerrufen",
  'the key note is for the log {"log}, so it does nothing here':
    'die Schlüsselnotiz ist für das Log {"log}, also bewirkt sie hier nichts',
  'the key note does nothing: no issuer in the trust file that may grant {"key} signed it':
    'die Schlüsselnotiz bewirkt nichts: Kein Aussteller der Vertrauensdatei, der {"key} zulassen darf, hat sie signiert',
  'the key note does nothing: neither {"key} nor an issuer in the trust file that may revoke it signed it':
    'die Schlüsselnotiz bewirkt nichts: Weder {"key} noch ein Aussteller der Vertrauensdatei, der ihn widerrufen darf, hat sie signiert',
  "a signature line of a known key is invalid, and ignored":
    "die Signaturzeile eines bekannten Schlüssels ist ungültig und zählt nicht",
  "the chain is not shown to precede the time since which its key is revoked":
    "dass die Kette vor der Zeit da war, seit der ihr Schlüssel widerrufen ist, ist nicht gezeigt",
  "the grant that lets its key sign is void, as its issuer's key is revoked":
    "die Zulassung seines Schlüssels ist nichtig, denn der Schlüssel ihres Ausstellers ist widerrufen",
  'the chain is signed by {"name}, whom the trust file does not vouch for':
    'die Kette ist signiert von {"name}, für den die Vertrauensdatei nicht bürgt',
  "a revocation of the chain's key may be among the leaves left out":
    "ein Widerruf des Schlüssels der Kette kann unter den ausgelassenen Blättern sein",
  'the checkpoint is of the log {"log}': 'der Checkpoint ist von dem Log {"log}',
  "the log's signature on the checkpoint is invalid": "die Signatur des Logs auf dem Checkpoint ist ungültig",
  'the event has two members {"name}': 'das Ereignis hat zwei Felder {"name}',
  "the event does not match the commit of its link":
    "das Ereignis passt nicht zu dem, worauf sein Glied festgelegt ist",
  "the event matches its commit after it was brought into canonical form":
    "das Ereignis passt, nachdem es in die kanonische Form gebracht wurde",
  "the event is not shown": "das Ereignis ist nicht gezeigt",
  "the export claims to hold leaves {#begin} to {#end} and does not":
    "der Export gibt an, die Blätter {#begin} bis {#end} zu enthalten, und tut es nicht",
  "the signature is not valid under the chain's key": "die Signatur ist unter dem Schlüssel der Kette nicht gültig",
  "no signature covers the links up to here": "die Glieder bis hierher deckt keine Signatur",
  "dated {@time}, and it existed by {@existed}": "datiert {@time}, und um {@existed} war es schon da",
  "dated {@time}, and the log was already seen at {@seen}": "datiert {@time}, und das Log war schon um {@seen} gesehen",
  "dated {@time}, after a link dated {@before}": "datiert {@time}, nach einem Glied, das {@before} datiert ist",
  "a checkpoint of {#size} leaves stands after {#place} leaves":
    "ein Checkpoint über {#size} Blätter steht nach {#place} Blättern",
  "the {#place} leaves before it have another root hash than the checkpoint":
    "die {#place} Blätter davor haben einen anderen Wurzel-Hash als der Checkpoint",
  "leaf {#place} cannot begin a subtree of 2^{#level} leaves; the skip is ignored":
    "mit Blatt {#place} kann kein Teilbaum von 2^{#level} Blättern beginnen; die Auslassung zählt nicht",
  "the valid cosignatures on the last checkpoint do not meet the quorum":
    "die gültigen Mitsignaturen auf dem letzten Checkpoint genügen dem Quorum nicht",
  "a cosignature of a trusted witness is invalid": "die Mitsignatur eines vertrauten Zeugen ist ungültig",
};

/** What to make of it, or do about it. */
const hints: Sentences = {
  "ask for the whole log, or for an export that keeps the pinned checkpoint":
    "Das ganze Log anfordern oder einen Export, der den Checkpoint des Pins enthält.",
  "this is an older or cut-back view of the log than the one seen before: ask its operator, and keep both files":
    "Das ist ein älterer oder gekürzter Stand des Logs als der zuvor gesehene: den Betreiber fragen und beide Dateien aufheben.",
  "a damaged file looks the same as a rewritten log: get the export again from the log itself; if that differs from the pin too, keep both as evidence":
    "Eine beschädigte Datei sieht genauso aus wie ein umgeschriebenes Log: den Export noch einmal vom Log selbst holen; weicht auch der vom Pin ab, beides als Beleg aufheben.",
  "a faulty writer, or someone else who holds the emitter's key, went on after the end: ask who runs the emitter":
    "Ein fehlerhafter Schreiber oder jemand anderes, der den Schlüssel hat, machte nach dem Ende weiter: beim Betreiber des Unterzeichners nachfragen.",
  "a line was repeated or moved, or the emitter's key was used twice: compare the two links":
    "Eine Zeile wurde wiederholt oder verschoben, oder der Schlüssel des Unterzeichners wurde zweimal benutzt: die beiden Glieder vergleichen.",
  "lines were removed, or the writer lost events: ask for the whole export again":
    "Zeilen wurden entfernt, oder der Schreiber hat Ereignisse verloren: den ganzen Export noch einmal anfordern.",
  "the exporter left them out and put hashes in their place: ask for a larger export to see them":
    "Wer den Export machte, ließ sie aus und setzte Hashes an ihre Stelle: Ein größerer Export zeigt sie.",
  "ask for an export that holds the chain's open link, which names its key":
    "Einen Export anfordern, der das erste Glied der Kette enthält: Es nennt ihren Schlüssel.",
  "later events of this chain may exist, and a tail that was cut off would look the same: ask for a newer export":
    "Spätere Ereignisse dieser Kette kann es geben, und ein abgeschnittenes Ende sähe genauso aus: einen neueren Export anfordern.",
  "the chain was recorded for another log and does not belong in this export: ask for the export again":
    "Die Kette wurde für ein anderes Log aufgezeichnet und gehört nicht in diesen Export: noch einmal anfordern.",
  "the link before it, or this one, is not what was recorded: get the export again from its source":
    "Das Glied davor oder dieses ist nicht das, was aufgezeichnet wurde: den Export noch einmal an seiner Quelle holen.",
  "ask for a newer export: events or revocations may have been added since":
    "Einen neueren Export anfordern: Seitdem können Ereignisse oder Widerrufe dazugekommen sein.",
  "check that the right file and the right log were chosen":
    "Nachsehen, ob die richtige Datei und das richtige Log gewählt sind.",
  "ask for an export that holds the whole range": "Einen Export anfordern, der den ganzen Bereich enthält.",
  "the line was damaged, or its writer is faulty: get the export again from its source":
    "Die Zeile wurde beschädigt, oder ihr Schreiber ist fehlerhaft: den Export noch einmal an seiner Quelle holen.",
  'an export begins with {"countersign":"export/v1","origin":…}: was the right file chosen?':
    'Ein Export beginnt mit {"countersign":"export/v1","origin":…}: Ist es die richtige Datei?',
  "no log can hold it, so its writer is faulty: tell whoever made the export":
    "Kein Log kann es aufnehmen, also ist sein Schreiber fehlerhaft: wer den Export machte, sollte es wissen.",
  "the file was cut off: fetch it again": "Die Datei wurde abgeschnitten: noch einmal holen.",
  "it is not verified; do not rely on it": "Es wird nicht geprüft; darauf ist kein Verlass.",
  "what the emitter signed later does not count: ask an issuer why it was given no new grant":
    "Was der Unterzeichner später signierte, zählt nicht: einen Aussteller fragen, warum er keine neue Zulassung bekam.",
  "ask for an export with the checkpoints of that time: a thief of an old key could write what time he likes":
    "Einen Export mit den Checkpoints jener Zeit anfordern: Ein Dieb eines alten Schlüssels könnte jede Zeit hineinschreiben.",
  "a wrong clock, or a key used too early: ask who runs the emitter":
    "Eine falsche Uhr oder ein zu früh benutzter Schlüssel: beim Betreiber des Unterzeichners nachfragen.",
  "whoever signed this held a key that was no longer to be trusted: do not rely on it":
    "Wer das signierte, hatte einen Schlüssel, dem nicht mehr zu trauen war: Darauf ist kein Verlass.",
  "a key note acts only in the log that it names: ask for one made for this log":
    "Eine Schlüsselnotiz wirkt nur in dem Log, das sie nennt: eine für dieses Log anfordern.",
  "the note acts by its other signatures: get the export again if it should have this one too":
    "Die Notiz wirkt durch ihre anderen Signaturen: Soll sie auch diese haben, den Export noch einmal holen.",
  "it was cut off or damaged: fetch it again": "Sie wurde abgeschnitten oder beschädigt: noch einmal holen.",
  "compress it again with a smaller window: gzip, or zstd with --long=23 at most and without --ultra":
    "Mit einem kleineren Fenster neu packen: mit gzip, oder mit zstd ohne --ultra und mit höchstens --long=23.",
  "decompress it, then compress it again without a dictionary": "Entpacken, dann ohne Wörterbuch neu packen.",
  "it is treated as not there: if it should act, name the issuer that signed it in the trust file":
    "Sie gilt als nicht da: Soll sie wirken, gehört der Aussteller, der sie signiert hat, in die Vertrauensdatei.",
  "whoever stole the key could have written it: rely on it only with a witnessed checkpoint from before the revocation":
    "Wer den Schlüssel stahl, könnte sie geschrieben haben: Verlass ist auf sie nur mit einem bezeugten Checkpoint von vor dem Widerruf.",
  "get the emitter's or its issuer's key from a place you trust, and add it to the trust file":
    "Den Schlüssel des Unterzeichners oder seines Ausstellers von einer vertrauten Stelle holen und in die Vertrauensdatei aufnehmen.",
  "ask for the whole log, or name the emitter in the trust file if you vouch for it yourself":
    "Das ganze Log anfordern, oder den Unterzeichner in der Vertrauensdatei nennen, wenn man selbst für ihn bürgt.",
  "the checkpoint belongs to another log than the header names: get the export again from its source":
    "Der Checkpoint gehört zu einem anderen Log, als der Kopf nennt: den Export noch einmal an seiner Quelle holen.",
  "the checkpoint is not what the log signed: get the export again from the log itself":
    "Der Checkpoint ist nicht das, was das Log signierte: den Export noch einmal vom Log selbst holen.",
  "get the log's key from a place you trust, and add it to the trust file as a `log` line":
    "Den Schlüssel des Logs von einer vertrauten Stelle holen und als Zeile „log“ in die Vertrauensdatei aufnehmen.",
  "readers would disagree on what it says: do not rely on this event":
    "Leser wären sich nicht einig, was es sagt: Auf dieses Ereignis ist kein Verlass.",
  "the event or its salt was changed after it was recorded: do not rely on it, and get the export again from its source":
    "Das Ereignis oder sein Salz wurde geändert, nachdem es aufgezeichnet war: nicht darauf verlassen und den Export noch einmal an seiner Quelle holen.",
  "a tool reformatted it: rely on the canonical form, which is what was signed and what is shown":
    "Ein Werkzeug hat es umformatiert: Verlass ist auf die kanonische Form, die signiert wurde und gezeigt wird.",
  "its link proves that it was recorded: ask whoever made the export, unless it was erased":
    "Sein Glied beweist, dass es aufgezeichnet wurde: wer den Export machte, kann es zeigen, wenn es nicht gelöscht ist.",
  "the file was cut off, or its exporter is faulty: ask for it again":
    "Die Datei wurde abgeschnitten, oder ihr Exporteur ist fehlerhaft: noch einmal anfordern.",
  "the link, or its signature, is not what the emitter made: get the export again from its source":
    "Das Glied oder seine Signatur ist nicht das, was der Unterzeichner machte: den Export noch einmal an seiner Quelle holen.",
  "nothing vouches for these links: ask for an export that goes on to the chain's next signature":
    "Nichts bürgt für diese Glieder: einen Export anfordern, der bis zur nächsten Signatur der Kette reicht.",
  "the emitter's clock was ahead, or the time is made up: rely on the log's times instead":
    "Die Uhr des Unterzeichners ging vor, oder die Zeit ist erfunden: Verlass ist auf die Zeiten des Logs.",
  "it reached the log late, or its time is made up: rely on the log's times instead":
    "Es kam spät zum Log, oder seine Zeit ist erfunden: Verlass ist auf die Zeiten des Logs.",
  "a recorder never lets its time go back, so its writer is faulty: do not rely on these times":
    "Ein Aufzeichner lässt seine Zeit nie zurücklaufen, also ist ihr Schreiber fehlerhaft: Auf diese Zeiten ist kein Verlass.",
  "lines were added or removed before it: get the export again from its source":
    "Vor ihm wurden Zeilen hinzugefügt oder entfernt: den Export noch einmal an seiner Quelle holen.",
  "something before it was changed, exchanged or moved: get the export again from its source":
    "Etwas vor ihm wurde geändert, vertauscht oder verschoben: den Export noch einmal an seiner Quelle holen.",
  "lines before it were added or removed, or its writer is faulty: get the export again from its source":
    "Vor ihr wurden Zeilen hinzugefügt oder entfernt, oder ihr Schreiber ist fehlerhaft: den Export noch einmal an seiner Quelle holen.",
  "ask for an export that ends with a checkpoint": "Einen Export anfordern, der mit einem Checkpoint endet.",
  "ask for an export whose last checkpoint your witnesses have cosigned":
    "Einen Export anfordern, dessen letzten Checkpoint die vertrauten Zeugen mitsigniert haben.",
  "the checkpoint, or the cosignature, is not what the witness signed: get the export again from the log itself":
    "Der Checkpoint oder die Mitsignatur ist nicht das, was der Zeuge signierte: den Export noch einmal vom Log selbst holen.",
};

/** What a file seems to be that is no export. */
const seeming: Sentences = {
  "the file is empty: was the right file chosen, and did its download finish?":
    "Die Datei ist leer: Ist es die richtige, und kam sie ganz an?",
  "it begins with a byte order mark: save the file as UTF-8 without one":
    "Sie beginnt mit einem Byte Order Mark: als UTF-8 ohne speichern.",
  "it seems to be UTF-16 text: save the file as UTF-8": "Sie scheint UTF-16 zu sein: als UTF-8 speichern.",
  "it seems to be a ZIP archive: unpack it and choose the export inside":
    "Sie scheint ein ZIP-Archiv zu sein: auspacken und den Export darin wählen.",
  "it seems to be a PDF document: ask for the export itself, a .ndjson file":
    "Sie scheint ein PDF-Dokument zu sein: den Export selbst anfordern, eine Datei .ndjson.",
  "it seems to be compressed with bzip2 or xz: unpack it, or compress it with gzip or zstd":
    "Sie scheint mit bzip2 oder xz gepackt zu sein: auspacken oder mit gzip oder zstd packen.",
  "it seems to be a web page or XML, perhaps a login or error page in place of the download: fetch the export again":
    "Sie scheint eine Webseite oder XML zu sein, vielleicht eine Anmelde- oder Fehlerseite statt der Datei: den Export noch einmal holen.",
  "it seems to be a secret key: keep it to yourself; choose the export instead":
    "Sie scheint ein geheimer Schlüssel zu sein: für sich behalten und stattdessen den Export wählen.",
  "it seems to be a trust file: give it as the trust file, and an export beside it":
    "Sie scheint eine Vertrauensdatei zu sein: als solche angeben und einen Export dazu.",
  "it seems to be a binary file: choose the export, a .ndjson file, perhaps with gzip or zstd":
    "Sie scheint eine Binärdatei zu sein: den Export wählen, eine Datei .ndjson, vielleicht mit gzip oder zstd.",
  "it seems to be indented JSON, and an export has one object a line: choose the file as it was written":
    "Sie scheint eingerücktes JSON zu sein, und ein Export hat ein Objekt je Zeile: die Datei wählen, wie sie geschrieben wurde.",
  "it seems to be a JSON array, and an export has one object a line: choose the file as it was written":
    "Sie scheint ein JSON-Array zu sein, und ein Export hat ein Objekt je Zeile: die Datei wählen, wie sie geschrieben wurde.",
  "its first line is longer than 1 MiB: was the right file chosen?":
    "Ihre erste Zeile ist länger als 1 MiB: Ist es die richtige Datei?",
  "it has a member twice: ask for the export as it was written":
    "Er hat ein Feld doppelt: den Export anfordern, wie er geschrieben wurde.",
  "its version, origin or range is not one that this version reads: use a newer version, or ask for the export again":
    "Version, Herkunft oder Bereich ist keiner, den diese Version liest: eine neuere nehmen oder den Export noch einmal anfordern.",
  "the header is missing: the file's beginning was cut off, or its lines were reordered; ask for the whole export":
    "Der Kopf fehlt: Der Anfang der Datei wurde abgeschnitten, oder ihre Zeilen wurden umgestellt; den ganzen Export anfordern.",
  "it seems to be a file of JSON events that were never recorded: `countersign record` makes an export of them":
    "Sie scheint eine Datei mit JSON-Ereignissen zu sein, die nie aufgezeichnet wurden: „countersign record“ macht einen Export daraus.",
};

/** The core's sentences in German. */
export const SENTENCES: Sentences = { ...reasons, ...messages, ...hints, ...seeming };
