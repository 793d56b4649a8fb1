import { plainError } from "@countersign/shared/error.js";
import type { Filed, Shelf } from "../evidence/filed.ts";
import { alteredSample, sample } from "../sample.ts";
import { checkCommand } from "../shell.ts";
import type { Chosen, VerificationInput } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { join } from "./join.ts";
import { beginsAsExport, type Kind, onlyKey, recognize, recognizeText } from "./recognize.ts";
import { MAX_REPORT_BYTES, type ReportFile, readReport } from "./report-file.ts";
import {
  NO_TRUST,
  type SessionKey,
  type TextFile,
  type TrustChoice,
  trustName,
  trustText,
  withKey,
  withoutKey,
} from "./trust.ts";

/** Maximum size of a rule pack, in bytes. */
const MAX_RULES_BYTES = 16 << 20;

/** Callbacks of a choice. */
interface ChoiceListener {
  texts(): PageTexts;
  /** The exports changed, or what they are verified with. */
  changed(): void;
  /** The rules changed. */
  ruled(): void;
  /** The report to compare with changed. */
  reported(): void;
  /** The complaint changed or was cleared. */
  complained(): void;
  /** Asks for the role of a key, which its text doesn't state. */
  ask(key: string): void;
  /** Opens an evidence file and verifies its content. */
  open(file: File): Promise<Filed>;
}

/**
 * The reader's choice before the sample or an evidence file was opened, and the trust file that came with it.
 */
interface SuspendedChoice {
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  readonly brought: TextFile | undefined;
  readonly broughtPins: readonly TextFile[];
}

/** The reader's input: exports, and what they are verified with. */
export class Choice {
  readonly #listener: ChoiceListener;
  #exports: readonly Chosen[] = [];
  #trust: TrustChoice = NO_TRUST;
  #pins: readonly TextFile[] = [];
  #rules: TextFile | undefined;
  #report: ReportFile | undefined;
  #usesMemory = true;
  #complaint = "";
  #shelf: Shelf = { is: "empty" };
  /** Set while the sample or an evidence file is shown. */
  #suspended: SuspendedChoice | undefined;
  #pending: Promise<void> = Promise.resolve();

  constructor(listener: ChoiceListener) {
    this.#listener = listener;
  }

  get exports(): readonly Chosen[] {
    return this.#exports;
  }

  get trust(): TrustChoice {
    return this.#trust;
  }

  get pins(): readonly TextFile[] {
    return this.#pins;
  }

  /** The reader's rule pack; undefined for the page's own. */
  get rules(): TextFile | undefined {
    return this.#rules;
  }

  /** The report to compare the result with. */
  get report(): ReportFile | undefined {
    return this.#report;
  }

  /** True if exports are compared with what this device remembers. */
  get usesMemory(): boolean {
    return this.#usesMemory;
  }

  /** The evidence file. */
  get shelf(): Shelf {
    return this.#shelf;
  }

  /** Reason why an input was rejected. */
  get complaint(): string {
    return this.#complaint;
  }

  /** Input of a verification. */
  get input(): VerificationInput {
    return {
      trust: trustText(this.#trust),
      trustName: trustName(this.#trust),
      pins: this.#pins.map(({ text }) => text),
    };
  }

  /** Adds files of any kind. Exports replace the previous ones, unless `adds`. */
  take(files: readonly File[], adds: boolean): void {
    this.#next(() => this.#take(files, adds));
  }

  takeTrust([file]: readonly File[]): void {
    if (file) this.#next(() => this.#takeOnly([file], ["trust", "key"], (t) => t.noTrustFile));
  }

  takePins(files: readonly File[]): void {
    this.#next(() => this.#takeOnly(files, ["pin"], (t) => t.noPin));
  }

  takeRules([file]: readonly File[]): void {
    if (file)
      this.#next(() => {
        this.#complain("");
        return this.#takeRules(file);
      });
  }

  removeRules(): void {
    this.#rules = undefined;
    this.#listener.ruled();
  }

  removeReport(): void {
    this.#changeReport(undefined);
  }

  /** Opens the sample, optionally with one byte changed. */
  takeSample(isAltered = false): void {
    this.#next(() => this.#takeSample(isAltered));
  }

  /** Accepts a pasted or dropped text. */
  takeText(text: string): void {
    const { paste } = this.#listener.texts();
    this.#complain("");
    switch (recognizeText(text)) {
      case "trust":
        this.#changeTrust({ ...this.#trust, file: { name: paste.trustName, text, source: "pasted" } });
        break;
      case "pin":
        this.#changePins([
          ...this.#pins,
          { name: paste.pinName(readCheckpoint(text)?.size ?? 0), text, source: "pasted" },
        ]);
        break;
      case "key":
        this.#listener.ask(onlyKey(text) ?? text);
        break;
      case "export":
        if (beginsAsExport(text)) this.take([new File([text], paste.exportName)], false);
        else this.#complain(paste.neither);
        break;
      case "evidence":
        this.take([new File([text], "evidence.html")], false);
        break;
      case "rules":
        this.#changeRules({ name: paste.rulesName, text, source: "pasted" });
        break;
      case "report":
        this.take([new File([text], paste.reportName)], false);
    }
  }

  removeExport(file: File): void {
    this.#begin(this.#exports.filter((one) => one.file !== file));
    this.#listener.changed();
  }

  removeTrust(): void {
    this.#changeTrust({ ...this.#trust, file: undefined });
  }

  addKey(key: SessionKey): void {
    this.#changeTrust(withKey(this.#trust, key));
  }

  removeKey(key: SessionKey): void {
    this.#changeTrust(withoutKey(this.#trust, key));
  }

  removePin(pin: TextFile): void {
    this.#changePins(this.#pins.filter((one) => one !== pin));
  }

  leaveMemoryOut(): void {
    this.#usesMemory = false;
    this.#listener.changed();
  }

  /** Runs tasks one after another, so that the last input wins however long earlier ones take to read. */
  #next(take: () => Promise<void>): void {
    this.#pending = this.#pending
      .then(take)
      .catch((error: unknown) => this.#complain(plainError(error).message));
  }

  async #take(files: readonly File[], adds: boolean): Promise<void> {
    const exports: File[] = [];
    const evidence: File[] = [];
    const { export: t } = this.#listener.texts();
    const [trust, pins] = [this.#trust, this.#pins];
    this.#complain("");
    for (const file of files) {
      try {
        const kind = await recognize(file);
        if (kind === "evidence") evidence.push(file);
        else if (kind === "export" && file.size === 0 && files.length > 1)
          this.#complainAlso(`${file.name}: ${t.empty}`);
        else if (await this.#takeOne(file, kind, trust)) exports.push(file);
      } catch (error) {
        // A browser's own message differs by language and version.
        const why = error instanceof DOMException ? t.unreadable : plainError(error).message;
        this.#complainAlso(`${file.name}: ${why}`);
      }
    }
    // Evidence replaces everything else that is checked, so it must not be lost, or hide an export, without a word.
    const alone = exports.length > 0 || adds ? undefined : evidence[0];
    const others = evidence.filter((file) => file !== alone);
    if (alone !== undefined) await this.#takeEvidence(alone);
    if (others.length > 0)
      this.#complainAlso(
        `${others.map(({ name }) => name).join(", ")}: ${this.#aloneWords(others, exports)}`,
      );
    if (alone !== undefined) return;
    if (exports.length > 0) {
      if (adds && this.#shelf.is === "open")
        this.#complainAlso(`${this.#shelf.filed.name}: ${t.evidenceClosed}`);
      const added = (await join(exports)).map((whole): Chosen => ({ ...whole, from: "reader" }));
      this.#begin(adds ? [...this.#exports, ...added] : added);
    }
    if (exports.length > 0 || trust !== this.#trust || pins !== this.#pins) this.#listener.changed();
  }

  /** Returns why evidence files weren't opened, and the command that compares one of them with an export. */
  #aloneWords([first]: readonly File[], exports: readonly File[]): string {
    const { export: t } = this.#listener.texts();
    const [source] = [...exports, ...this.#exports.map(({ file }) => file)];
    if (first === undefined || source === undefined) return t.evidenceAlone;
    const trust = this.#trust.file?.name ?? "trust.txt";
    return `${t.evidenceAlone} ${t.evidenceCompared(checkCommand(first.name, source.name, trust))}`;
  }

  /** Accepts a file unless it is an export. Resolves to true if it is an export. */
  async #takeOne(file: File, kind: Exclude<Kind, "evidence">, before: TrustChoice): Promise<boolean> {
    const t = this.#listener.texts();
    switch (kind) {
      case "export":
        return true;
      case "trust": {
        const replaced = this.#trust.file;
        this.#trust = { ...this.#trust, file: await textFile(file) };
        if (replaced && replaced !== before.file)
          this.#complainAlso(`${replaced.name}: ${t.trust.replaced(file.name)}`);
        return false;
      }
      case "pin":
        this.#pins = [...this.#pins, await textFile(file)];
        return false;
      case "report":
        await this.#takeReport(file);
        return false;
      case "rules":
        await this.#takeRules(file);
        return false;
      case "key":
        this.#listener.ask((await file.text()).trim());
        return false;
    }
  }

  async #takeReport(file: File): Promise<void> {
    const report = file.size > MAX_REPORT_BYTES ? undefined : readReport(file.name, await file.text());
    if (report === undefined) this.#complainAlso(`${file.name}: ${this.#listener.texts().report.unreadable}`);
    else this.#changeReport(report);
  }

  async #takeRules(file: File): Promise<void> {
    if (file.size > MAX_RULES_BYTES) throw new Error(this.#listener.texts().rules.tooLarge);
    this.#changeRules(await textFile(file));
  }

  /** Accepts only files of these kinds; rejects all if one has another kind. */
  async #takeOnly(
    files: readonly File[],
    kinds: readonly Kind[],
    other: (t: PageTexts["trust"]) => string,
  ): Promise<void> {
    for (const file of files)
      if (!kinds.includes(await recognize(file)))
        return this.#complain(`${file.name}: ${other(this.#listener.texts().trust)}`);
    await this.#take(files, false);
  }

  async #takeSample(isAltered: boolean): Promise<void> {
    const { exported: whole, trust, pin } = await sample();
    const exported = isAltered
      ? await alteredSample(whole, this.#listener.texts().welcome.alteredName)
      : whole;
    const sampleTrust = await textFile(trust);
    const samplePin = await textFile(pin);
    this.#suspend(sampleTrust, [samplePin]);
    this.#exports = [{ file: exported, of: [], from: "sample" }];
    this.#trust = { file: sampleTrust, keys: [] };
    this.#pins = [samplePin];
    this.#complain("");
    this.#listener.changed();
  }

  /** Opens an evidence file, verified by the reader's trust file, or else by the one in it. */
  async #takeEvidence(file: File): Promise<void> {
    this.#begin([]);
    this.#shelf = { is: "opening", name: file.name };
    this.#listener.changed();
    try {
      const filed = await this.#listener.open(file);
      const { trust, pins, source, answer, events, rules } = filed;
      const isOwn = trustText(this.#trust) !== undefined;
      this.#suspend(isOwn ? undefined : trust);
      if (!isOwn && trust !== undefined) this.#trust = { file: trust, keys: [] };
      this.#pins = pins;
      this.#exports = [{ file: source, of: [], from: "evidence", answer, filedEvents: events, rules }];
      this.#shelf = { is: "open", filed };
    } catch (error) {
      this.#shelf = { is: "refused", name: file.name, failure: plainError(error) };
    }
    this.#listener.changed();
  }

  #suspend(brought: TextFile | undefined, broughtPins: readonly TextFile[] = []): void {
    this.#report = undefined;
    const { trust, pins } = this.#suspended ?? { trust: this.#trust, pins: this.#pins };
    this.#suspended = { trust, pins, brought, broughtPins };
    this.#shelf = { is: "empty" };
  }

  #begin(exports: readonly Chosen[]): void {
    this.#shelf = { is: "empty" };
    // Trying the sample or opening an evidence file doesn't mean trusting its keys for anything else.
    if (this.#suspended) {
      const { trust, pins, brought, broughtPins } = this.#suspended;
      const { file } = this.#trust;
      this.#trust = { file: file === brought ? trust.file : file, keys: trust.keys };
      // Pins may have come with the exports.
      const isBrought = this.#exports.some(({ from }) => from === "evidence");
      this.#pins = isBrought ? pins : [...pins, ...this.#pins.filter((pin) => !broughtPins.includes(pin))];
    }
    this.#suspended = undefined;
    this.#usesMemory = true;
    // Without the evidence file, its export is checked with the reader's keys, as any other.
    this.#exports = exports.map((one) =>
      one.from === "evidence" ? { file: one.file, of: one.of, from: "reader" } : one,
    );
  }

  #changeTrust(trust: TrustChoice): void {
    this.#trust = trust;
    this.#listener.changed();
  }

  #changeRules(rules: TextFile): void {
    this.#rules = rules;
    this.#listener.ruled();
  }

  #changeReport(report: ReportFile | undefined): void {
    this.#report = report;
    this.#listener.reported();
  }

  #changePins(pins: readonly TextFile[]): void {
    this.#pins = pins;
    this.#listener.changed();
  }

  /** Adds a reason why an input was rejected, because several files can be chosen at once. */
  #complainAlso(complaint: string): void {
    this.#complain(this.#complaint === "" ? complaint : `${this.#complaint} ${complaint}`);
  }

  #complain(complaint: string): void {
    if (this.#complaint === complaint) return;
    this.#complaint = complaint;
    this.#listener.complained();
  }
}

/** Reads a text file as it is, with its byte order mark: the verifier must see every byte. */
async function textFile(file: File): Promise<TextFile> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await file.arrayBuffer());
  return { name: file.name, text };
}
