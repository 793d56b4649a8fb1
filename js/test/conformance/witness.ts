/** A witness that only believes proofs (C2SP tlog-witness and tlog-cosignature). */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { COSIGNATURE, openCosignature, Signer } from "./keys.ts";
import { grown, openCheckpoint } from "./tree.ts";

export class Witness {
  readonly key = new Signer("witness.example", 60, COSIGNATURE);
  readonly #log: string;
  readonly #server: Server;
  #size = 0;
  #root: Buffer | undefined;
  /** True to respond with an error. */
  failing = false;
  /** Number of requests received. */
  asked = 0;
  /** Runs before each answer. */
  before: () => Promise<void> = async () => {};
  /** The time of the last cosignature in seconds; it ascends and approximates the real time. */
  now = 0;

  /** Creates a witness for the log with this key. */
  constructor(log: string) {
    this.#log = log;
    this.#server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) {
        pieces.push(piece);
      }
      this.asked += 1;
      await this.before();
      const [status, kind, text] = this.#answer(`${request.method} ${request.url}`, Buffer.concat(pieces).toString());
      response.writeHead(status, { "content-type": kind }).end(text);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    assert.ok(address !== null && typeof address === "object");
    return `http://127.0.0.1:${address.port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** Returns the time of its cosignature on a checkpoint, if there is one. */
  cosigned(note: string): number | undefined {
    return openCosignature(note, this.key.vkey);
  }

  #answer(asked: string, body: string): [number, string, string] {
    if (this.failing || asked !== "POST /add-checkpoint") {
      return [500, "text/plain", "no\n"];
    }
    const end = body.indexOf("\n\n");
    const [old = "", ...proof] = body.slice(0, end).split("\n");
    const note = body.slice(end + 2);
    const { size, root } = openCheckpoint(note, this.#log);
    if (old !== `old ${this.#size}`) {
      return [409, "text/x.tlog.size", `${this.#size}\n`];
    }
    if (this.#root !== undefined && this.#size > 0) {
      const hashes = proof.map((line) => Buffer.from(line, "base64"));
      const roots = grown({ size: this.#size, root: this.#root }, size, hashes);
      assert.deepEqual(
        roots.map((root) => Buffer.from(root)),
        [this.#root, root],
        "it grew from what was cosigned",
      );
    } else {
      assert.deepEqual(proof, []);
    }
    [this.#size, this.#root] = [size, root];
    this.now = Math.max(this.now + 1, Math.floor(Date.now() / 1000));
    return [200, "text/plain", this.key.cosign(note.slice(0, note.lastIndexOf("\n\n") + 1), this.now)];
  }
}
