/** The texts of the page of a temporary log. */

export const TEXTS = {
  en: {
    title: "Development log",
    about: "This log is in memory, and ends with countersign dev. New events appear here, verified in your browser.",
    token: "Reader's token",
    tokenHint: "COUNTERSIGN_TOKEN, which countersign dev printed in the terminal",
    open: "Open the log",
    refused: "The log refused this token. Copy the value of COUNTERSIGN_TOKEN from the terminal again.",
    unreachable: "The log can't be reached. Check that countersign dev is still running.",
  },
  de: {
    title: "Entwicklungs-Log",
    about:
      "Dieses Log liegt im Arbeitsspeicher und endet mit countersign dev. Neue Ereignisse erscheinen hier, in Ihrem Browser geprüft.",
    token: "Lese-Token",
    tokenHint: "COUNTERSIGN_TOKEN, das countersign dev im Terminal ausgegeben hat",
    open: "Log öffnen",
    refused: "Das Log hat dieses Token abgelehnt. Kopieren Sie den Wert von COUNTERSIGN_TOKEN erneut aus dem Terminal.",
    unreachable: "Das Log ist nicht erreichbar. Prüfen Sie, ob countersign dev noch läuft.",
  },
} as const;
