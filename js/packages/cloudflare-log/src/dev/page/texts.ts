/** The texts of the page of a temporary log. */

export const TEXTS = {
  en: {
    title: "Development log",
    about: "This is the log of npx countersign dev. New events appear here, verified in your browser.",
    aboutTenants: "Each tenant of npx countersign dev has a log of its own.",
    allTenants: "All tenants",
    token: "Reader's token",
    tokenHint: "COUNTERSIGN_TOKEN: in the terminal of npx countersign dev, or in the file of --env",
    open: "Open the log",
    refused:
      "The log refused this token. Copy the value of COUNTERSIGN_TOKEN again, from the terminal of npx countersign dev or the file of --env.",
    unreachable: "The log can't be reached. Check that npx countersign dev is still running.",
    noTenants: "There are no tenants yet.",
    waiting: "waits for its first tick",
    tenant: "New tenant",
    create: "Create",
    entries: (number: number) => (number === 1 ? "1 entry" : `${number} entries`),
  },
  de: {
    title: "Entwicklungs-Log",
    about: "Dies ist das Log von npx countersign dev. Neue Ereignisse erscheinen hier, in Ihrem Browser geprüft.",
    aboutTenants: "Jeder Mandant von npx countersign dev hat ein eigenes Log.",
    allTenants: "Alle Mandanten",
    token: "Lese-Token",
    tokenHint: "COUNTERSIGN_TOKEN: im Terminal von npx countersign dev, oder in der Datei von --env",
    open: "Log öffnen",
    refused:
      "Das Log hat dieses Token abgelehnt. Kopieren Sie den Wert von COUNTERSIGN_TOKEN erneut, aus dem Terminal von npx countersign dev oder der Datei von --env.",
    unreachable: "Das Log ist nicht erreichbar. Prüfen Sie, ob npx countersign dev noch läuft.",
    noTenants: "Es gibt noch keine Mandanten.",
    waiting: "wartet auf den ersten Tick",
    tenant: "Neuer Mandant",
    create: "Anlegen",
    entries: (number: number) => (number === 1 ? "1 Eintrag" : `${number} Einträge`),
  },
} as const;
