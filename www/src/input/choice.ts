import { plainError } from "@countersign/shared/error.js";
import type { Filed, Shelf } from "../evidence/filed.ts";
import { alteredSample, sample } from "../sample.ts";
import type { Brought, Chosen } from "../state/case.ts";
import type { PageTexts } from "../texts/en.ts";
import { readCheckpoint } from "./checkpoint.ts";
import { join } from "./join.ts";
import { beginsAsExport, type Kind, onlyKey, recognize, recognizeText } from "./recognize.ts";
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

/** No pack of rules is longer. */
const LONGEST_RULES = 16 << 20;

/** Who looks after a choice. */
interface Keeper {
  texts(): PageTexts;
  /** What is verified, or by what, is another than before. */
  changed(): void;
  /** Other rules are looked for than before. */
  ruled(): void;
  /** There is a complaint, or there is none any more. */
  complained(): void;
  /** Asks what a key is trusted for, which its text does not say. */
  ask(key: string): void;
  /** Opens an evidence file, and verifies what is in it. */
  open(file: File): Promise<Filed>;
}

/** What was chosen before what brings its own, and the trust file that it brought. */
interface Aside {
  readonly trust: TrustChoice;
  readonly pins: readonly TextFile[];
  readonly brought: TextFile | undefined;
}

/** What the reader brings: exports, and what they are verified by. */
export class Choice {
  readonly #keeper: Keeper;
  #exports: readonly Chosen[] = [];
  #trust: TrustChoice = NO_TRUST;
  #pins: readonly TextFile[] = [];
  #rules: TextFile | undefined;
  #usesMemory = true;
  #complaint = "";
  #shelf: Shelf = { is: "empty" };
  /** While the sample is shown, or what was in an evidence file. */
  #aside: Aside | undefined;
  #taking: Promise<void> = Promise.resolve();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
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

  /** The pack of rules that was brought; without one the page's own counts. */
  get rules(): TextFile | undefined {
    return this.#rules;
  }

  /** Whether exports are held against what this device remembers. */
  get usesMemory(): boolean {
    return this.#usesMemory;
  }

  /** The evidence file that was brought. */
  get shelf(): Shelf {
    return this.#shelf;
  }

  /** Why something that was brought is not there. */
  get complaint(): string {
    return this.#complaint;
  }

  /** As a verifier takes it. */
  get brought(): Brought {
    return {
      trust: trustText(this.#trust),
      trustName: trustName(this.#trust),
      pins: this.#pins.map(({ text }) => text),
    };
  }

  /** Takes files of any kind. Exports come in place of what was there, or are added to it. */
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
    if (file) this.#next(() => this.#takeRules(file));
  }

  removeRules(): void {
    this.#rules = undefined;
    this.#keeper.ruled();
  }

  /** Takes the sample; on demand with one of its bytes changed. */
  takeSample(isAltered = false): void {
    this.#next(() => this.#takeSample(isAltered));
  }

  /** Takes a text that was pasted or dropped. */
  takeText(text: string): void {
    const { paste } = this.#keeper.texts();
    this.#complain("");
    switch (recognizeText(text)) {
      case "trust":
        this.#changeTrust({ ...this.#trust, file: { name: paste.trustName, text, isPasted: true } });
        break;
      case "pin":
        this.#changePins([
          ...this.#pins,
          { name: paste.pinName(readCheckpoint(text)?.size ?? 0), text, isPasted: true },
        ]);
        break;
      case "key":
        this.#keeper.ask(onlyKey(text) ?? text);
        break;
      case "export":
        if (beginsAsExport(text)) this.take([new File([text], paste.exportName)], false);
        else this.#complain(paste.neither);
        break;
      case "evidence":
        this.take([new File([text], "evidence.html")], false);
        break;
      case "rules":
        this.#changeRules({ name: paste.rulesName, text, isPasted: true });
        break;
      case "report":
        this.take([new File([text], paste.exportName)], false);
    }
  }

  removeExport(file: File): void {
    this.#begin(this.#exports.filter((one) => one.file !== file));
    this.#keeper.changed();
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
    this.#keeper.changed();
  }

  /** One after the other: what was brought last counts, however long it took to read what came before. */
  #next(take: () => Promise<void>): void {
    this.#taking = this.#taking
      .then(take)
      .catch((error: unknown) => this.#complain(plainError(error).message));
  }

  async #take(files: readonly File[], adds: boolean): Promise<void> {
    const exports: File[] = [];
    const [trust, pins] = [this.#trust, this.#pins];
    this.#complain("");
    for (const file of files) {
      try {
        if (await this.#takeOne(file, trust)) exports.push(file);
      } catch (error) {
        // Of what a browser cannot read it says something else in each language and version.
        const why =
          error instanceof DOMException ? this.#keeper.texts().export.unreadable : plainError(error).message;
        this.#complain(`${file.name}: ${why}`);
      }
    }
    if (exports.length > 0) {
      const taken = (await join(exports)).map((whole): Chosen => ({ ...whole, from: "reader" }));
      this.#begin(adds ? [...this.#exports, ...taken] : taken);
    }
    if (exports.length > 0 || trust !== this.#trust || pins !== this.#pins) this.#keeper.changed();
  }

  /** Takes what is no export. Says whether it is one. */
  async #takeOne(file: File, before: TrustChoice): Promise<boolean> {
    const t = this.#keeper.texts();
    switch (await recognize(file)) {
      case "export":
        return true;
      case "trust": {
        const replaced = this.#trust.file;
        this.#trust = { ...this.#trust, file: await textFile(file) };
        if (replaced && replaced !== before.file)
          this.#complain(`${replaced.name}: ${t.trust.replaced(file.name)}`);
        return false;
      }
      case "pin":
        this.#pins = [...this.#pins, await textFile(file)];
        return false;
      case "report":
        this.#complain(`${file.name}: ${t.export.report}`);
        return false;
      case "evidence":
        await this.#takeEvidence(file);
        return false;
      case "rules":
        await this.#takeRules(file);
        return false;
      case "key":
        this.#keeper.ask((await file.text()).trim());
        return false;
    }
  }

  async #takeRules(file: File): Promise<void> {
    if (file.size > LONGEST_RULES) throw new Error(this.#keeper.texts().rules.tooLarge);
    this.#complain("");
    this.#changeRules(await textFile(file));
  }

  /** Takes files of these kinds alone: of another one it is said at once, and nothing is taken. */
  async #takeOnly(
    files: readonly File[],
    kinds: readonly Kind[],
    other: (t: PageTexts["trust"]) => string,
  ): Promise<void> {
    for (const file of files)
      if (!kinds.includes(await recognize(file)))
        return this.#complain(`${file.name}: ${other(this.#keeper.texts().trust)}`);
    await this.#take(files, false);
  }

  async #takeSample(isAltered: boolean): Promise<void> {
    const { exported: whole, trust } = await sample();
    const exported = isAltered ? await alteredSample(whole, this.#keeper.texts().welcome.alteredName) : whole;
    const sampleTrust = await textFile(trust);
    this.#putAside(sampleTrust);
    this.#exports = [{ file: exported, of: [], from: "sample" }];
    this.#trust = { file: sampleTrust, keys: [] };
    this.#pins = [];
    this.#complain("");
    this.#keeper.changed();
  }

  /** What is in an evidence file: by the reader's own trust where there is some, else by the trust file in it. */
  async #takeEvidence(file: File): Promise<void> {
    this.#begin([]);
    this.#shelf = { is: "opening", name: file.name };
    this.#keeper.changed();
    try {
      const filed = await this.#keeper.open(file);
      const { trust, pins, source } = filed;
      const isOwn = trustText(this.#trust) !== undefined;
      this.#putAside(isOwn ? undefined : trust);
      if (!isOwn && trust !== undefined) this.#trust = { file: trust, keys: [] };
      this.#pins = pins;
      this.#exports = [{ file: source, of: [], from: "evidence" }];
      this.#shelf = { is: "open", filed };
    } catch (error) {
      this.#shelf = { is: "refused", name: file.name, failure: plainError(error) };
    }
    this.#keeper.changed();
  }

  #putAside(brought: TextFile | undefined): void {
    const { trust, pins } = this.#aside ?? { trust: this.#trust, pins: this.#pins };
    this.#aside = { trust, pins, brought };
    this.#shelf = { is: "empty" };
  }

  #begin(exports: readonly Chosen[]): void {
    this.#shelf = { is: "empty" };
    // Who tries the sample, or opens an evidence file, does not choose to trust its keys for anything else.
    if (this.#aside) {
      const { trust, pins, brought } = this.#aside;
      const { file } = this.#trust;
      this.#trust = { file: file === brought ? trust.file : file, keys: trust.keys };
      // Pins may have come with the exports.
      const isBrought = this.#exports.some(({ from }) => from === "evidence");
      this.#pins = isBrought ? pins : [...pins, ...this.#pins];
    }
    this.#aside = undefined;
    this.#usesMemory = true;
    this.#exports = exports;
  }

  #changeTrust(trust: TrustChoice): void {
    this.#trust = trust;
    this.#keeper.changed();
  }

  #changeRules(rules: TextFile): void {
    this.#rules = rules;
    this.#keeper.ruled();
  }

  #changePins(pins: readonly TextFile[]): void {
    this.#pins = pins;
    this.#keeper.changed();
  }

  #complain(complaint: string): void {
    if (this.#complaint === complaint) return;
    this.#complaint = complaint;
    this.#keeper.complained();
  }
}

/** What stands in it, a byte order mark too: the verifier must see what is there. */
async function textFile(file: File): Promise<TextFile> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await file.arrayBuffer());
  return { name: file.name, text };
}
