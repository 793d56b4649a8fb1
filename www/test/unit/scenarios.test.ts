import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  draftOf,
  emptyScenario,
  exampleScenario,
  fieldPaths,
  type ScenarioDraft,
} from "../../console/scenarios/draft.ts";
import { MAX_SCENARIOS, ScenarioStore } from "../../console/scenarios/store.ts";
import { scenarioText } from "../../console/scenarios/yaml.ts";

const TEXTS = { title: "T", note: "N", source: "S", control: "C" };
const example = () => exampleScenario(TEXTS, "2026-11-20");

/** A storage that can be full. */
class Storage {
  readonly #items = new Map<string, string>();
  isFull = false;
  getItem(key: string) {
    return this.#items.get(key) ?? null;
  }
  setItem(key: string, text: string) {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    this.#items.set(key, text);
  }
  removeItem(key: string) {
    this.#items.delete(key);
  }
}

let storage: Storage;
beforeEach(() => {
  storage = new Storage();
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
});

const store = (pathname = "/") => new ScenarioStore({ pathname });
const file = (name: string, text = name) => ({ name, text });

test("yaml: quotes every text, and writes numbers and days as typed", () => {
  const text = scenarioText(example());
  assert.match(text, /^countersign: scenario\/v1\nid: "example-exposed-endpoint"\n/);
  assert.match(
    text,
    /\nfrequency:\n {2}low: 2\n {2}mode: 6\n {2}high: 20\n {2}source: "S"\n {2}date: 2026-11-20\n/,
  );
  assert.match(text, /\nobserved:\n {2}- endpoint: "shadow"\n {2}- level: "high"\n/);
  assert.match(
    text,
    /\ncontrols:\n {2}- id: "endpoint-gate"\n {4}title: "C"\n {4}changes:\n {6}frequency:\n {8}low: 1\n/,
  );
  const odd: ScenarioDraft = {
    ...example(),
    title: 'a: "b" # c\nd',
    frequency: { ...example().frequency, low: "1,5", date: "now" },
  };
  const written = scenarioText(odd);
  assert.match(written, /\ntitle: "a: \\"b\\" # c\\nd"\n/);
  assert.match(written, /\n {2}low: "1,5"\n/);
  assert.match(written, /\n {2}date: "now"\n/);
});

test("yaml: an empty field has no value, and absent parts aren't written", () => {
  const text = scenarioText(emptyScenario());
  assert.match(text, /\nid:\ntitle:\ncurrency:\nfrequency:\n {2}low:\n/);
  assert.doesNotMatch(text, /note|secondary|observed|controls/);
});

test("draft: has all that the core read", () => {
  const input = (of: string) => ({ of, low: 0.05, mode: 0.1, high: 0.4, source: "S", date: "2026-11-20" });
  const draft = draftOf({
    id: "a",
    title: "A",
    note: "n",
    currency: "EUR",
    inputs: ["frequency", "vulnerability", "loss", "secondary.probability", "secondary.loss"].map(input),
    observed: [{ tag: "attack.x" }],
    controls: [{ id: "c", title: "C", changes: [input("secondary.loss")], cost: input("cost") }],
    closed_form: 0,
    figures: {
      years: 0,
      mean: 0,
      standard_error: 0,
      without_loss: 0,
      quantiles: [],
      exceedance: [],
      most: 0,
    },
    digest: "",
  });
  const range = { low: "0.05", mode: "0.1", high: "0.4", source: "S", date: "2026-11-20" };
  assert.deepEqual(draft.secondary, { probability: range, loss: range });
  assert.deepEqual(draft.observed, [{ kind: "tag", value: "attack.x" }]);
  assert.deepEqual(draft.controls, [
    { id: "c", title: "C", changes: { "secondary.loss": range }, cost: range },
  ]);
  assert.equal(draft.note, "n");
  const paths = fieldPaths(draft);
  for (const path of [
    "loss.high",
    "observed[0].tag",
    "controls[0].changes.secondary.loss.low",
    "controls[0].cost",
  ])
    assert.ok(paths.has(path), path);
});

test("store: keeps the scenarios of each console apart, across reloads", () => {
  const one = store();
  one.add([file("a.yml"), file("b.yml")]);
  one.add([file("a.yml", "newer")]);
  assert.deepEqual(store().files, [file("a.yml", "newer"), file("b.yml")]);
  assert.deepEqual(store("/t/1/").files, []);
  one.replace("b.yml", file("b.yml", "edited"));
  one.remove("a.yml");
  assert.deepEqual(store().files, [file("b.yml", "edited")]);
});

test("store: changes of another tab aren't lost", () => {
  const [one, other] = [store(), store()];
  one.add([file("a.yml")]);
  other.add([file("b.yml")]);
  one.add([file("c.yml")]);
  assert.deepEqual(
    store().files.map(({ name }) => name),
    ["a.yml", "b.yml", "c.yml"],
  );
});

test("store: says when the browser doesn't keep them, and still has them", () => {
  const one = store();
  storage.isFull = true;
  one.add([file("a.yml")]);
  assert.equal(one.isKept, false);
  assert.deepEqual(one.files, [file("a.yml")]);
  storage.isFull = false;
  one.add([file("b.yml")]);
  assert.equal(one.isKept, true);
  one.add(Array.from({ length: MAX_SCENARIOS }, (_, nth) => file(`${nth}.yml`)));
  assert.equal(one.isKept, false);
  assert.equal(one.files.length, MAX_SCENARIOS + 2);
});

test("store: ignores what it didn't write", () => {
  for (const text of ["{", "7", '[{"name":1,"text":""},null]']) {
    storage.setItem("countersign.scenarios//", text);
    assert.deepEqual(store().files, [], text);
  }
});
