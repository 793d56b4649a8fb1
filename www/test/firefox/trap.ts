import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy that forwards nothing and remembers all requests. */
export class Trap {
  readonly asked: string[] = [];
  readonly #server = createServer(({ url = "" }, response) => {
    this.asked.push(url);
    response.writeHead(403).end();
  }).on("connect", ({ url = "" }, socket) => {
    this.asked.push(url);
    socket.destroy();
  });

  static async set(): Promise<Trap> {
    const trap = new Trap();
    await new Promise<void>((listening) => trap.#server.listen(0, "127.0.0.1", listening));
    return trap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
