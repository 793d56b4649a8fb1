/** Parser of `GET /metrics`: the part of OpenMetrics text that the console shows. */

/** A sample of a metric. */
export interface Sample {
  readonly name: string;
  /** Labels in their order. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** Samples of one name, with its description. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Metrics {
  readonly metrics: readonly Metric[];
  /** Number of lines that weren't understood. */
  readonly ignored: number;
}

const MAX_SAMPLES = 5000;
const MAX_LINE_CHARS = 4096;

const SAMPLE =
  /^([A-Za-z_:][\w:]{0,199})(?:\{((?:[A-Za-z_]\w*="(?:[^"\\]|\\.)*",?)*)\})? ([+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|Inf|NaN))(?: .*)?$/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
/** Suffixes that OpenMetrics adds to a metric's name. */
const SUFFIXES = /_(?:total|bucket|count|sum|created)$/;

/** Parses what is understood, and counts the other lines. */
export function parseMetrics(text: string): Metrics {
  const metrics = new Map<string, { name: string; help: string; samples: Sample[] }>();
  let ignored = 0;
  let samples = 0;
  const of = (name: string) => {
    const known = metrics.get(name);
    if (known !== undefined) return known;
    const made = { name, help: "", samples: [] };
    metrics.set(name, made);
    return made;
  };
  for (const line of text.split("\n")) {
    if (line === "" || line === "# EOF" || /^# (?:TYPE|UNIT) /.test(line)) continue;
    const help = /^# HELP ([A-Za-z_:][\w:]{0,199}) (.*)$/.exec(line);
    const sample = line.length <= MAX_LINE_CHARS ? SAMPLE.exec(line) : null;
    if (help !== null) of(help[1] ?? "").help = unescaped(help[2] ?? "").slice(0, 500);
    else if (sample === null || samples >= MAX_SAMPLES) ignored += 1;
    else {
      const [, name = "", labels = "", value = ""] = sample;
      samples += 1;
      of(metrics.has(name) ? name : name.replace(SUFFIXES, "")).samples.push({
        name,
        labels: [...labels.matchAll(LABEL)].map(([, label = "", value = ""]) => [label, unescaped(value)]),
        value: number(value),
      });
    }
  }
  return { metrics: [...metrics.values()], ignored };
}

/** Returns the sum of the samples of a name; undefined if there are none. */
export function figure({ metrics }: Metrics, name: string): number | undefined {
  const all = metrics.flatMap(({ samples }) => samples.filter((sample) => sample.name === name));
  return all.length === 0 ? undefined : all.reduce((sum, { value }) => sum + value, 0);
}

/** Returns the samples of a name by the value of a label. */
export function figuresBy({ metrics }: Metrics, name: string, label: string): readonly [string, number][] {
  return metrics.flatMap(({ samples }) =>
    samples.flatMap((sample): [string, number][] => {
      const value = sample.labels.find(([one]) => one === label)?.[1];
      return sample.name === name && value !== undefined ? [[value, sample.value]] : [];
    }),
  );
}

function number(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  return text.endsWith("Inf") ? sign * Number.POSITIVE_INFINITY : Number(text);
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}
