/** `npx countersign` of the packed package has the words, files, and exit statuses of the native program. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PROGRAM, type RunResult } from "../conformance/program.ts";
import { LOG } from "../conformance/setup.ts";
import { Installed } from "../package/installed.ts";

const skip = PROGRAM === undefined ? "the program is not built" : false;
const installed = new Installed("countersign");
const NPX = installed.path("node_modules", ".bin", "countersign");
const VECTORS = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));

/** Runs a program in a folder, with this standard input. */
function run(program: string, folder: string, args: readonly string[], input = ""): Promise<RunResult> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, HOME: folder, NO_COLOR: "1" };
    const child = execFile(program, args, { cwd: folder, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      // WASI numbers the errors of the system in its own way, and texts name the program as its user runs it.
      const plain = (text: string) =>
        text.replaceAll(/\(os error \d+\)/g, "(os error)").replaceAll("npx countersign", "countersign");
      resolve({ status: error === null ? 0 : Number(error.code), stdout: plain(stdout), stderr: plain(stderr) });
    });
    // A program may end before it reads.
    child.stdin?.on("error", () => {}).end(input);
  });
}

const EVENTS = [
  { action: "role.change", actor: { id: "ada" }, target: { type: "user", id: "lin" }, password: "hunter2" },
  { action: "report.export", actor: { id: "lin" }, target: { type: "report", id: "q3" } },
]
  .map((event) => JSON.stringify(event))
  .join("\n");

/** Replaces what is random or a time: each key, hash, ID, and time by its kind. */
const normal = (text: string) =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/\+[0-9a-f]{8}\+[\w+/=]+/g, "+KEY")
    .replaceAll(/key ID [0-9a-f]{8}/g, "key ID")
    .replaceAll(/root [\w+/]{43}=/g, "root ROOT")
    .replaceAll(/\b[0-9a-f]{32}\b/g, "CHAIN");

/** Command lines that only read files. The output must be equal, byte for byte. */
const READING: readonly (readonly string[])[] = [
  ["verify", "export.ndjson", "--trust", "trust.txt"],
  ["verify", "export.ndjson", "--trust", "trust.txt", "--json"],
  ["verify", "export.ndjson"],
  ["verify", "missing.ndjson"],
  ["verify", "trust.txt"],
  ["verify", "--unknown"],
  ["show", "export.ndjson", "--trust", "trust.txt"],
  ["show", "export.ndjson", "--trust", "trust.txt", "--json"],
  ["show", "export.ndjson", "--trust", "trust.txt", "--query", "action:*"],
  ["show", "export.ndjson", "--query", "actor:("],
  ["slice", "export.ndjson", "--query", "action:*"],
  ["analyze", "export.ndjson", "--trust", "trust.txt"],
  ["rules", "list"],
  ["dev", "--listen", "0.0.0.0:0"],
  ["dev", "--page", "missing.html"],
  ["dev", "--unknown"],
  ["record", "--to", "log.example", "--log", LOG.vkey, "--key", "missing.key", "export.ndjson"],
];

/** Commands whose help is compared. */
const HELP = ["keygen", "record", "show", "slice", "verify", "init", "dev"];

/** The commands of a first log, one after the other in one folder. */
const FIRST_LOG: readonly (readonly string[])[] = [
  ["keygen", "example.com/spare", "-o", "spare.key"],
  ["keygen", "example.com/spare", "-o", "spare.key"],
  ["init", "--name", "example.com"],
  ["init", "--name", "example.com"],
  ["record", "events.ndjson", "--key", "audit/app.key", "--origin", "localhost/audit", "-o", "app.ndjson"],
  [
    "seal",
    "audit/audit.ndjson",
    "app.ndjson",
    "--log-key",
    "audit/log.key",
    "--trust",
    "audit/trust.txt",
    "-o",
    "audit.ndjson",
  ],
  ["verify", "audit.ndjson", "--trust", "audit/trust.txt"],
  ["verify", "audit.ndjson", "--trust", "audit/trust.txt", "--save-pin", "log.pin"],
  ["show", "audit.ndjson", "--trust", "audit/trust.txt", "--query", "actor:lin"],
  ["slice", "audit.ndjson", "--query", "actor:lin", "-o", "lin.ndjson"],
  ["verify", "lin.ndjson", "--trust", "audit/trust.txt", "--pin", "log.pin"],
];

describe("npx countersign", { skip }, () => {
  const folders: string[] = [];
  const folder = (): string => {
    const made = mkdtempSync(join(tmpdir(), "countersign-npx-"));
    folders.push(made);
    return made;
  };
  after(() => {
    installed.remove();
    for (const made of folders) {
      rmSync(made, { recursive: true });
    }
  });
  const native = PROGRAM ?? "countersign";

  for (const vector of ["after-close", "drop-event", "alone-suspect"]) {
    for (const args of READING) {
      test(`${args.join(" ")} (${vector})`, async () => {
        const here = folder();
        cpSync(join(VECTORS, vector), here, { recursive: true });
        assert.deepEqual(await run(NPX, here, args), await run(native, here, args));
      });
    }
  }

  for (const command of HELP) {
    test(`${command} --help: the same help, with examples that an npm user can run`, async () => {
      const parts = [];
      for (const program of [NPX, native]) {
        const { status, stdout } = await run(program, folder(), [command, "--help"]);
        assert.equal(status, 0);
        const [options = "", examples = ""] = stdout.split("\nExamples:\n");
        parts.push({ options: options.replaceAll(/\s+/g, " "), examples });
      }
      const [npx, program] = parts;
      assert.equal(npx?.options, program?.options);
      assert.match(npx?.examples ?? "", /countersign /);
    });
  }

  test("hints, examples, and usage name the program as an npm user runs it", async () => {
    const here = folder();
    cpSync(join(VECTORS, "drop-event"), here, { recursive: true });
    const said = async (...args: string[]) =>
      new Promise<string>((resolve) => {
        const env = { PATH: process.env.PATH, HOME: here, NO_COLOR: "1" };
        execFile(NPX, args, { cwd: here, env }, (_, stdout, stderr) => resolve(stdout + stderr));
      });
    assert.match(await said("record", "export.ndjson", "--unknown"), /Usage: npx countersign record /);
    assert.match(await said("--help"), /^Run `npx countersign COMMAND --help`/m);
    assert.match(await said("verify", "--help"), /^ {2}npx countersign verify /m);
    assert.match(await said("dev", "--listen", "0.0.0.0:0"), /run `countersign serve` for other clients/);
    await said("init");
    assert.match(await said("init"), /record to it with `npx countersign record` and `npx countersign seal`/);
  });

  test("a first log: the same output, and files that the other program accepts", async () => {
    const made = [];
    for (const program of [NPX, native]) {
      const here = folder();
      writeFileSync(join(here, "events.ndjson"), EVENTS);
      const outputs = [];
      for (const args of FIRST_LOG) {
        const { status, stdout, stderr } = await run(program, here, args);
        outputs.push([args.join(" "), status, normal(stdout), normal(stderr)]);
      }
      made.push({ here, outputs });
    }
    const [npx, program] = made;
    assert.ok(npx && program);
    assert.deepEqual(npx.outputs, program.outputs);
    for (const [{ here }, other] of [
      [npx, native],
      [program, NPX],
    ] as const) {
      const { status, stdout } = await run(other, here, ["verify", "audit.ndjson", "--trust", "audit/trust.txt"]);
      assert.match(stdout, /^✓ Verified\./);
      assert.equal(status, 0);
    }
  });

  test("private keys are readable by their owner alone", async () => {
    const here = folder();
    await run(NPX, here, ["init"]);
    for (const name of ["app.key", "issuer.key", "log.key", ".env"]) {
      assert.equal(statSync(join(here, "audit", name)).mode & 0o077, 0, name);
    }
  });

  test("reads standard input, and writes to standard output", async () => {
    const here = folder();
    await run(NPX, here, ["keygen", "example.com/app", "-o", "app.key"]);
    const args = ["record", "--key", "app.key", "--origin", "log.example"];
    const { stdout, status } = await run(NPX, here, args, EVENTS);
    assert.equal(status, 0);
    const verified = await run(NPX, here, ["verify", "-"], stdout);
    assert.match(verified.stdout, /^\? /);
    assert.equal(verified.status, 3);
  });

  test("paths may be absolute, or lead out of the current folder", async () => {
    const here = folder();
    cpSync(join(VECTORS, "after-close"), here, { recursive: true });
    mkdirSync(join(here, "below"));
    const relative = await run(NPX, here, ["verify", "export.ndjson", "--trust", "trust.txt"]);
    const args = ["verify", join(here, "export.ndjson"), "--trust", "../trust.txt"];
    assert.deepEqual(await run(NPX, join(here, "below"), args), await run(native, join(here, "below"), args));
    assert.equal((await run(NPX, join(here, "below"), args)).status, relative.status);
  });

  test("says what only the native program can do", async () => {
    for (const args of [
      ["serve"],
      ["show", "export.ndjson", "--query", "action:*", "--index"],
      [
        "record",
        "--key",
        "app.key",
        "--to",
        "https://log.example",
        "--log",
        LOG.vkey,
        "--outbox",
        "outbox",
        "e.ndjson",
      ],
      ["record", "--key", "app.key", "--to", "https://log.example", "--log", LOG.vkey, "--follow", "e.ndjson"],
    ]) {
      const here = folder();
      cpSync(join(VECTORS, "after-close"), here, { recursive: true });
      writeFileSync(join(here, "e.ndjson"), EVENTS);
      await run(NPX, here, ["keygen", "example.com/app", "-o", "app.key"]);
      const { status, stderr } = await run(NPX, here, args);
      assert.match(stderr, /^✗ error\[program\.not_native\]: .* needs the native program\n {2}hint: /, args.join(" "));
      assert.equal(status, 2);
    }
  });
});
