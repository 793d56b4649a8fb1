/**
 * An exclusive hold on a path on this machine, until it is released or the process ends in any way.
 *
 * A holder listens on a Unix socket next to the path, with a unique name. A claimant first listens and then looks for
 * others, so of two claimants at least one sees the other. The kernel closes the sockets of an ended process, so that
 * connecting fails; the next holder removes the leftover name. On Windows, the hold is a named pipe, which disappears with
 * its process.
 */

import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rename, rm, symlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { sleep } from "../timers.js";
import { codeOf } from "./files.node.js";

/** Releases a hold. */
export type Release = () => Promise<void>;

/** Maximum length of a socket address in bytes: 104 on BSD systems, including the terminating zero. */
const MAX_ADDRESS_BYTES = 103;
/** Error codes of file systems without sockets: exFAT, some shared folders of virtual machines. */
const NO_SOCKETS = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "EINVAL", "ENOSYS", "EPROTONOSUPPORT"];

/** Holds a real path. Returns undefined if it is held elsewhere. */
export async function hold(path: string): Promise<Release | undefined> {
  if (process.platform === "win32") {
    return holdPipe(path);
  }
  // Two simultaneous claimants see each other and both release. The random wait decides the next round.
  for (let attempt = 0; attempt < 4; attempt += 1) {
    if (attempt > 0) {
      await sleep(5 + Math.random() * 40);
    }
    const release = await claimIn(dirname(path), `${basename(path)}.lock-`).catch((error: unknown) => {
      if (NO_SOCKETS.includes(codeOf(error) ?? "")) {
        return claimIn(tmpdir(), `countersign-${digest(path)}.lock-`);
      }
      throw error;
    });
    if (release !== undefined) {
      return release;
    }
  }
  return undefined;
}

async function claimIn(folder: string, prefix: string): Promise<Release | undefined> {
  return withAddress(folder, prefix, async (address) => {
    const name = prefix + randomBytes(6).toString("hex");
    // Renamed only once it listens; before that, it would look like a leftover.
    const server = await listen(address(`${name}.new`));
    const release = async () => {
      await rm(join(folder, name), { force: true });
      await closed(server);
    };
    try {
      await rename(join(folder, `${name}.new`), join(folder, name));
      const others = (await readdir(folder)).filter((other) => other !== name && isClaim(other, prefix));
      for (const other of others) {
        if (await answers(address(other))) {
          await release();
          return undefined;
        }
        await rm(join(folder, other), { force: true });
      }
      return release;
    } catch (error) {
      await release();
      // Another claimant removed the name as a leftover.
      if (codeOf(error) === "ENOENT") {
        return undefined;
      }
      throw error;
    }
  });
}

/** True if the name is that of a hold's socket. No other file may be touched. */
function isClaim(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^[0-9a-f]{12}(\.new)?$/.test(name.slice(prefix.length));
}

/**
 * Runs `work` with a function that returns socket addresses in a folder, by way of a symlink if its path is too long.
 */
async function withAddress<T>(
  folder: string,
  prefix: string,
  work: (address: (name: string) => string) => Promise<T>,
): Promise<T> {
  const room = MAX_ADDRESS_BYTES - "/0123456789ab.new".length - prefix.length;
  if (Buffer.byteLength(folder) <= room) {
    return work((name) => join(folder, name));
  }
  const short = await mkdtemp(join(tmpdir(), "cs-"));
  try {
    await symlink(folder, join(short, "d"));
    return await work((name) => join(short, "d", name));
  } finally {
    await rm(short, { recursive: true, force: true });
  }
}

async function holdPipe(path: string): Promise<Release | undefined> {
  try {
    const server = await listen(`\\\\.\\pipe\\countersign-${digest(path.toLowerCase())}`);
    return () => closed(server);
  } catch (error) {
    if (codeOf(error) === "EADDRINUSE") {
      return undefined;
    }
    throw error;
  }
}

function digest(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 32);
}

async function listen(address: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  // Otherwise the workers of a cluster would share it.
  server.listen({ path: address, exclusive: true });
  await once(server, "listening");
  server.on("error", () => {});
  // The server must not keep the process alive.
  server.unref();
  return server;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** True if a process listens at the address. */
async function answers(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    // The kernel refuses the connection if no process listens. Any other error may come from a busy process.
    return !["ECONNREFUSED", "ENOENT"].includes(codeOf(error) ?? "");
  } finally {
    socket.destroy();
  }
}
