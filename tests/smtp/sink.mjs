// A mail server that accepts mail with the right login. It prints its port, then a line for each mail.
// node sink.mjs KEY CERTIFICATE [secure]
import { readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";

const [keyFile, certificateFile, secure] = process.argv.slice(2);
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const refused = process.env.REFUSE?.split(",") ?? [];

const server = new SMTPServer({
  key: readFileSync(keyFile),
  cert: readFileSync(certificateFile),
  secure: secure === "secure",
  disableReverseLookup: true,
  onAuth({ username, password }, _session, done) {
    done(...(username === "watch" && password === "correct horse" ? [null, { user: username }] : [new Error("no")]));
  },
  onRcptTo(_address, _session, done) {
    const code = Number(refused.shift());
    done(code ? Object.assign(new Error("not now"), { responseCode: code }) : undefined);
  },
  onData(stream, session, done) {
    const pieces = [];
    stream.on("data", (piece) => pieces.push(piece));
    stream.on("end", () => {
      const { mailFrom, rcptTo } = session.envelope;
      const to = rcptTo.map(({ address }) => address);
      tell({ from: mailFrom.address, to, secure: session.secure, text: Buffer.concat(pieces).toString() });
      done();
    });
  },
});
server.on("error", () => {});
server.listen(0, "127.0.0.1", () => tell(server.server.address().port));
// The process that started it ended.
process.stdin.on("end", () => process.exit());
process.stdin.resume();
