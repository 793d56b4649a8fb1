/** Tests bodies of `POST /submit`: malformed, compressed, too large, and inconsistent ones. */

import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { body, type Chain } from "./chain.ts";
import { onEachLog } from "./log.ts";
import { EMITTERS, ORIGIN } from "./setup.ts";
import { zstd, zstdBomb } from "./zstd.ts";

const MALFORMED = "export.invalid";

/** Returns the members of a line. */
const members = (line: string): { link: string; salt: string; event: object } => JSON.parse(line);

onEachLog((log) => {
  const { limits } = log.kind;

  /** Asserts that a body is rejected at this line, and that nothing is accepted. */
  const refused = async (body: string | Uint8Array, code: string, beside: object, status = 400) => {
    const before = await log.size();
    const answer = await log.submit(body);
    const shown = JSON.stringify(Buffer.from(body).subarray(0, 200).toString());
    assert.deepEqual(answer.refusal(status, code), beside, shown);
    assert.equal(await log.size(), before, shown);
  };

  test("submit: accepts an empty body", async () => {
    await refused("", MALFORMED, {});
    await refused("\n \r\n\t\n", MALFORMED, {});
  });

  test("submit: reports malformed lines by number", async () => {
    const chain = log.chain().events(2);
    const [open = "", first = "", last = ""] = chain.lines.map(({ text }) => text);
    const cases: [string, number][] = [
      ["not JSON", 1],
      ["[]", 1],
      ["{}", 1],
      ["1", 1],
      [`${open}\n\n{"link":"countersign/v1 event"}\n`, 3],
      [`{"countersign":"export/v1","origin":"${ORIGIN}"}\n${open}\n`, 1],
      [`${open}\n{"checkpoint":"x"}\n`, 2],
      [`\ufeff${open}\n`, 1],
      [`${open} ${open}\n`, 1],
      [`${open}\r${first}\r${last}`, 1],
      [`${open}\n${first}\n${last.slice(0, -1)}`, 3],
      [open.replace('"link"', '"note"'), 1],
      [open.replace('{"link"', '{"link":"","link"'), 1],
      [`${open}\n${first}\0\n`, 2],
      [`${open}\n${first.replace('"salt":"', '"salt":"\\ud800')}`, 2],
      [open.replace("}", ',"withheld":"erased"}'), 1],
      [`${open}\n${JSON.stringify({ link: chain.at(1).link, withheld: "lost" })}\n`, 2],
    ];
    for (const [body, line] of cases) {
      await refused(body, MALFORMED, { line });
    }
    await refused(Buffer.concat([Buffer.from("\n"), Buffer.from([0x7b, 0xff]), Buffer.from("}")]), MALFORMED, {
      line: 2,
    });
    await refused(Buffer.from(`${open}\n`, "utf16le"), MALFORMED, { line: 1 });
  });

  test("submit: rejects parts of an export that are not submissions", async () => {
    const { text } = log.chain().at(0);
    const hash = Buffer.alloc(32).toString("base64");
    await refused(body(text, `{"skip":[0,"${hash}"]}`), "log.refused", { line: 2 });
    await refused(body(text, '{"leaf":"AAAA"}'), "log.refused", { line: 2 });
    const checkpoint = (await log.get("/checkpoint")).text;
    await refused(body(text, JSON.stringify({ checkpoint })), "log.refused", { line: 2 });
  });

  test("submit: rejects links in non-canonical form", async () => {
    const chain = log.chain().events(1);
    const [open, event] = [chain.at(0).link, chain.at(1).link];
    for (const link of [
      "",
      open.replace("/v1", "/v2"),
      open.replace(" ", "  "),
      `${open} `,
      `${open}\n`,
      open.replace("2020-01-01", "2020-02-30"),
      open.replace(".000Z", "Z"),
      open.replace(ORIGIN, "log example"),
      open.slice(0, -1),
      open.split(" ").slice(0, -1).join(" "),
      event.replace(" 1 ", " 01 "),
      event.replace(" 1 ", " 0 "),
      event.replace(" 1 ", " 9007199254740992 "),
      event.replace(chain.id, chain.id.toUpperCase()),
    ]) {
      await refused(JSON.stringify({ link }), MALFORMED, { line: 1 });
    }
  });

  test("submit: accepts nothing of a body with one bad line", async () => {
    const chain = log.chain().events(100);
    const lines = chain.lines.map(({ text }) => text);
    const [good = ""] = lines.splice(50, 1, (lines[50] ?? "").replace("job.update", "job.delete"));
    await refused(lines.join("\n"), "log.refused", { line: 51 });
    lines[50] = good;
    assert.equal((await log.take(lines.join("\n"))).added, 101);
  });

  test("submit: rejects events that don't match their links", async () => {
    const chain = log.chain().events(2);
    const [open = "", first = "", second = ""] = chain.lines.map(({ text }) => text);
    const { link, salt, event } = members(first);
    const line = (salt: string, event: string) => `{"link":${JSON.stringify(link)},"salt":"${salt}","event":${event}}`;
    const text = JSON.stringify(event);
    for (const changed of [
      line(members(second).salt, text),
      line(salt, JSON.stringify(members(second).event)),
      line(salt, text.replace("{", '{"more":1,')),
    ]) {
      await refused(body(open, changed), "log.refused", { line: 2 });
    }
    const twice = body(open, line(salt, text.replace("{", '{"action":"job.delete",')));
    await refused(twice, "log.refused", { line: 2, member: "action" });
    // An open link commits to no event, and salt and event must come together.
    await refused(open.replace("}", `,"salt":"${salt}","event":{}}`), MALFORMED, { line: 1 });
    await refused(body(open, JSON.stringify({ link, salt })), MALFORMED, { line: 2 });
    await refused(body(open, JSON.stringify({ link, event })), MALFORMED, { line: 2 });
    await refused(body(open, line(salt, `\n${text}`)), MALFORMED, { line: 2 });
    await refused(body(open, `${line(salt, text).slice(0, -1)},"withheld":"erased"}`), MALFORMED, { line: 2 });
  });

  test("submit: stores reformatted events in their recorded form", async () => {
    const chain = log.chain().events(1);
    const { link, salt, event } = members(chain.at(1).text);
    const text = JSON.stringify(event);
    const spaced = text.replaceAll(":", " : ").replaceAll(",", " ,\t");
    await log.take(body(chain.at(0), `{ "event" : ${spaced} , "salt":"${salt}","link":${JSON.stringify(link)}}`));
    const again = await log.take(chain.body());
    assert.equal(again.repeated, 2);
  });

  test("submit: rejects ambiguous events, and accepts events up to the limit", async () => {
    const chain = log.chain();
    const linked = (event: string, of: Chain = chain) => {
      const twin = of.twin();
      twin.event(event);
      return twin.body();
    };
    const duplicate = linked('{"a":1,"b":{"x":1,"x":2}}');
    await refused(duplicate, "log.refused", { line: 2, member: "x" });
    await refused(linked('{"a":1,"\\u0061":2}'), "log.refused", { line: 2, member: "a" });
    for (const event of ['{"a":"\\ud800"}', "[1]", "1", '"text"', "null", '{"a":\n1}', "{", "{}}"]) {
      await refused(linked(event), MALFORMED, { line: 2 });
    }
    const deep = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
    await refused(linked(deep(65)), MALFORMED, { line: 2 });
    await refused(linked(deep(100_000)), MALFORMED, { line: 2 });
    const large = (bytes: number) => `{"a":"${"x".repeat(bytes - 8)}"}`;
    await refused(linked(large(262_145)), MALFORMED, { line: 2 });
    await log.take(linked(large(262_144)));
    await log.take(linked(deep(64), log.chain(EMITTERS[1])));
    await log.take(linked('{"z":1,"a":1e0,"\u20ac":"\u2028"}', log.chain(EMITTERS[1])));
  });

  test("submit: rejects too long entries and lines", async () => {
    await refused(`{"link":"countersign/v1 open ${"n".repeat(65_535)} "}`, MALFORMED, { line: 1 });
    const { text } = log.chain().at(0);
    await refused(`${text}\n{"link":"${"x".repeat(1 << 20)}"}`, MALFORMED, { line: 2 });
    // White space around a line doesn't count toward its limit, except on blank lines.
    await log.take(`${" ".repeat(1 << 14)}${text}${"\t".repeat(1 << 14)}`);
    const blank = await log.submit(`${" ".repeat(1 << 16)} ${text}`);
    blank.refusal(413, "submit.too_large");
  });

  test("submit: accepts more chains and key notes than one response can prove", async () => {
    const opened = Array.from({ length: 1_024 }, () => log.chain().at(0));
    const more = gzipSync(body(...opened, log.chain().at(0)));
    // A sender that respects the stated limits gets everything accepted.
    await refused(more, "submit.too_large", { limits: { ...limits, lines: 1_024 } }, 413);
    const { added, chains } = await log.take(body(...opened));
    assert.deepEqual([added, chains.size], [1_024, 1_024]);
  });

  test("submit: rejects bodies above the limit", async () => {
    await refused(Buffer.alloc(limits.bytes + 1, "\n"), "submit.too_large", { limits }, 413);
    await refused(Buffer.alloc(1.5 * limits.bytes, "\n"), "submit.too_large", { limits }, 413);
    const { text } = log.chain().at(0);
    await refused(gzipSync(`${text}\n`.repeat(limits.lines + 1)), "submit.too_large", { limits }, 413);
    // Without a content-length, the log counts.
    const chunked = { method: "POST", body: Buffer.alloc(limits.bytes + 1, "\n"), chunked: true };
    assert.deepEqual((await log.ask("/submit", chunked)).refusal(413, "submit.too_large"), { limits });
    const whole = log.chain().events(1).body();
    await log.take(whole.padEnd(whole.length + (1 << 15)));
    await log.stillAccepts();
  });

  test("submit: accepts chunked bodies", async () => {
    const chain = log.chain().events(20);
    const answer = await log.ask("/submit", { method: "POST", body: chain.body(), chunked: true });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await log.take(chain.body())).repeated, 21);
  });

  test("submit: accepts compressed bodies", async () => {
    const chain = log.chain().events(50);
    const bytes = Buffer.from(chain.body());
    const [gzip, frames] = [gzipSync(bytes), zstd(bytes)];
    const halves = [bytes.subarray(0, 5000), bytes.subarray(5000)];
    const packed: [Uint8Array, string | undefined][] = [
      [gzip, "gzip"],
      [gzip, "x-gzip"],
      [gzip, "GZIP"],
      [gzip, undefined],
      [frames, "zstd"],
      [frames, undefined],
      [bytes, "identity"],
      [Buffer.concat(halves.map((half) => gzipSync(half))), "gzip"],
      [Buffer.concat(halves.map((half) => zstd(half))), "zstd"],
    ];
    let added = 51;
    for (const [body, encoding] of packed) {
      const answer = await log.submit(body, encoding === undefined ? {} : { "content-encoding": encoding });
      assert.equal(answer.status, 200, `${encoding}: ${answer.text}`);
      assert.deepEqual([answer.json.added, answer.json.repeated], [added, 51 - added], `${encoding}`);
      added = 0;
    }
  });

  test("submit: rejects unknown encodings", async () => {
    const gzip = gzipSync(log.chain().body());
    for (const encoding of ["br", "deflate", "compress", "gzip, gzip", "gzip,zstd", "x"]) {
      const answer = await log.submit(gzip, { "content-encoding": encoding });
      assert.deepEqual(answer.refusal(415, "submit.encoding"), {}, encoding);
    }
  });

  test("submit: rejects truncated compressed bodies", async () => {
    const plain = Buffer.from(log.chain().events(20).body());
    for (const packed of [Buffer.from(gzipSync(plain)), zstd(plain)]) {
      for (const broken of [
        packed.subarray(0, -1),
        packed.subarray(0, 12),
        Buffer.concat([packed, Buffer.from("more")]),
      ]) {
        await refused(broken, "submit.encoding", {});
      }
    }
    const damaged = gzipSync(plain);
    damaged[damaged.length - 6] = (damaged.at(-6) ?? 0) ^ 1;
    await refused(damaged, "submit.encoding", {});
  });

  test("submit: rejects bodies that decompress to too much", async () => {
    const gzip = gzipSync(Buffer.alloc(64 << 20, "\n"), { level: 1 });
    const bombs = [gzip, Buffer.concat([gzip, gzip]), zstdBomb(64 << 20), zstdBomb(2 ** 32)];
    for (const bomb of bombs) {
      assert.ok(bomb.length < 1 << 20);
      await refused(bomb, "submit.too_large", { limits }, 413);
    }
    // A nested bomb is just a malformed body.
    await refused(gzipSync(gzip), MALFORMED, { line: 1 });
    await log.stillAccepts();
  });

  test("submit: endless large bodies don't block small ones", async () => {
    const { hostname, port } = new URL(log.url);
    // The body begins with a link of an authorized key.
    const line = `${log.chain().at(0).text}\n`;
    const full = Buffer.from(line.repeat(Math.ceil(limits.bytes / line.length)).slice(0, limits.bytes));
    const almost = full.subarray(0, limits.bytes - 1);
    const headers = { "content-length": `${limits.bytes}` };
    // More than a log has memory for.
    const holding = Array.from({ length: 20 }, () =>
      request({ hostname, port, path: "/submit", method: "POST", headers }),
    );
    try {
      for (const held of holding) {
        held.on("error", () => {});
        await new Promise((resolve) => held.write(almost, resolve));
      }
      const busy = await log.submit(full);
      if (busy.status !== 413) {
        assert.ok([429, 503].includes(busy.status));
        busy.refusal(busy.status, "server.busy");
        assert.ok(Number(busy.headers["retry-after"]) >= 1);
      }
      await log.stillAccepts();
    } finally {
      for (const held of holding) {
        held.destroy();
      }
    }
  });
});
