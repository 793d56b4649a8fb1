//! A log server's live view: the lines of an export that continues, as server-sent events.

use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use countersign::tenant::TenantOrigin;
use countersign::trust::Trust;
use countersign_client::{Answer, Client, Prefix, Redirects, Server, Source as _, Token};

use countersign_errors::EngineError;

/// The longest line, in bytes: 1 MiB for a line of an export, plus the name of its field.
const MAX_LINE_BYTES: usize = (1 << 20) + 64;
const CHUNK_BYTES: usize = 1 << 16;
/// The time limit for one line, from its first byte. The log announces how long it may be silent between lines.
const LINE_PATIENCE: Duration = Duration::from_mins(1);

/// An event of a log's live view.
pub enum ViewEvent {
    /// Whole lines of the export.
    Lines(Vec<u8>),
    /// The view ended, or there is none.
    Lost {
        /// The HTTP status of the response, if the log server refused the view.
        status: Option<u16>,
        /// The reason.
        why: EngineError,
    },
}

/// A source of live views of a log.
pub trait LiveViews: Send + Sync {
    /// Reads a view that begins with the entry `from`, or with the next new one, until it ends or the receiver of the
    /// channel is dropped. The last event is [`ViewEvent::Lost`].
    fn follow(&self, from: Option<u64>, sender: &SyncSender<ViewEvent>);

    /// Returns the current trust file, if it may change.
    fn trust(&self) -> Option<Trust> {
        None
    }
}

/// The live views of a log server on the network.
pub struct HttpViews {
    client: Client,
    prefix: Prefix,
    token: Option<Token>,
}

impl HttpViews {
    /// Creates the views of the log at `prefix`, for the reader with this token. Sends no request yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(prefix: Prefix, token: Option<Token>) -> Result<Self, EngineError> {
        Ok(Self { client: Client::new(Redirects::SameHost)?, prefix, token })
    }

    /// Requests the number of entries in the newest checkpoint of the log with this origin; of a tenant log, in its
    /// newest head, which only readers with a token may see. Verifies nothing.
    ///
    /// # Errors
    /// If the log server does not answer with a checkpoint or a head.
    pub fn size(&self, origin: &str, trust: &Trust) -> Result<u64, EngineError> {
        if TenantOrigin::for_reader(origin, trust).is_none() {
            return Ok(Server::new(self.prefix.clone())?.checkpoint()?.checkpoint.size);
        }
        let server = Server::with_token(self.prefix.clone(), self.token.clone())?;
        Ok(server.head()?.head().size)
    }
}

impl LiveViews for HttpViews {
    fn follow(&self, from: Option<u64>, sender: &SyncSender<ViewEvent>) {
        let from = from.map(|leaf| leaf.to_string());
        let query: Vec<(&str, &str)> = from.iter().map(|leaf| ("from", leaf.as_str())).collect();
        let url = self.prefix.join("stream", &query);
        let (status, why) = match self.client.stream(&url, self.token.as_ref().map(Token::as_str)) {
            Ok(Ok(stream)) => (None, read(stream, sender, LINE_PATIENCE).within(url.as_str())),
            Ok(Err(answer)) => {
                (Some(answer.status), refused(&answer, self.token.is_some()).within(url.as_str()))
            }
            Err(why) => (None, why),
        };
        let _ = sender.send(ViewEvent::Lost { status, why });
    }
}

fn refused(answer: &Answer, has_token: bool) -> EngineError {
    let hint = match (answer.status, has_token) {
        (401 | 403, false) => {
            "use the token of a reader: --token-file FILE, or the variable COUNTERSIGN_TOKEN"
        }
        (401 | 403, true) => "ask the log operator whether this token still has access",
        (404, _) => "check the log server's URL; the stream exists once the log has published a checkpoint",
        _ => "check the log server's own log output",
    };
    EngineError::new("stream.refused", format!("the log server answered with status {}", answer.status), hint)
}

fn read(mut stream: impl Read, sender: &SyncSender<ViewEvent>, line_patience: Duration) -> EngineError {
    let mut parser = Parser::default();
    let mut line_begun = Instant::now();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match stream.read(&mut chunk) {
            Ok(0) => {
                return EngineError::new(
                    "stream.ended",
                    "the log server ended the stream",
                    "wait; the program reconnects automatically",
                );
            }
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return EngineError::new(
                    "stream.lost",
                    error.to_string(),
                    "wait; the program reconnects automatically",
                );
            }
        };
        let mut lines = Vec::new();
        if parser.add(&chunk[..read], &mut lines).is_err() {
            let hint = "check that the URL is the log server's";
            return EngineError::new("stream.invalid", "the response is not the stream of a log", hint);
        }
        if parser.partial.len() < read {
            // This chunk ended a line.
            line_begun = Instant::now();
        } else if line_begun.elapsed() > line_patience {
            let hint = "wait; the program reconnects automatically";
            return EngineError::new("stream.lost", "a line of the stream arrives too slowly", hint);
        }
        if !lines.is_empty() && sender.send(ViewEvent::Lines(lines)).is_err() {
            return EngineError::new(
                "stream.ended",
                "the watch no longer reads the stream",
                "wait; the program reconnects automatically",
            );
        }
    }
}

/// Parses server-sent events of one data line each, as a log server writes them.
#[derive(Default)]
struct Parser {
    /// The beginning of an incomplete line.
    partial: Vec<u8>,
}

struct TooLong;

impl Parser {
    /// Parses more bytes, and appends the data lines that they complete.
    fn add(&mut self, bytes: &[u8], lines: &mut Vec<u8>) -> Result<(), TooLong> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.buffer(&bytes[begin..end])?;
            begin = end + 1;
            let line = self.partial.strip_suffix(b"\r").unwrap_or(&self.partial);
            if let Some(data) = line.strip_prefix(b"data:") {
                lines.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
                lines.push(b'\n');
            }
            self.partial.clear();
        }
        self.buffer(&bytes[begin..])
    }

    fn buffer(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.partial.len() + bytes.len() > MAX_LINE_BYTES {
            return Err(TooLong);
        }
        self.partial.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    /// Responds to one request with this status and body. Returns the server's prefix and, in the end, the request.
    fn respond(status: &str, body: &str) -> (Prefix, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let prefix = format!("http://{}/t/{}", listener.local_addr().unwrap(), "ac".repeat(16));
        let response =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let served = std::thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                connection.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            connection.write_all(response.as_bytes()).unwrap();
            String::from_utf8(request).unwrap()
        });
        (Prefix::parse(&prefix).unwrap(), served)
    }

    #[test]
    fn size_of_a_tenant_log_is_that_of_its_head() {
        let export = include_str!("../../../tests/vectors/tenant/export.ndjson");
        let last: serde_json::Value = serde_json::from_str(export.lines().last().unwrap()).unwrap();
        let origin = format!("log.example/t/{}", "ac".repeat(16));
        let views = |prefix| HttpViews::new(prefix, Some(Token::parse("abc", "x").unwrap())).unwrap();
        let (prefix, served) = respond("200 OK", last["head"].as_str().unwrap());
        assert_eq!(views(prefix).size(&origin, &Trust::default()).unwrap(), 9);
        let request = served.join().unwrap().to_lowercase();
        assert!(request.starts_with(&format!("get /t/{}/head http/1.1\r\n", "ac".repeat(16))), "{request}");
        assert!(request.contains("\r\nauthorization: bearer abc\r\n"), "{request}");
        for (status, code) in [
            ("401 Unauthorized", "http.status"),
            ("404 Not Found", "log.no_checkpoint"),
            ("200 OK", "checkpoint.invalid"),
        ] {
            let (prefix, served) = respond(status, "<html>");
            assert_eq!(views(prefix).size(&origin, &Trust::default()).unwrap_err().code(), code);
            served.join().unwrap();
        }
    }

    #[test]
    fn slow_line_ends_the_stream() {
        let (sender, _events) = std::sync::mpsc::sync_channel(1);
        let failure = read(std::io::repeat(b'x').take(1 << 30), &sender, Duration::ZERO);
        assert!(failure.without_place().contains("too slowly"), "{}", failure.without_place());
        let lines = ": no new entries\n".repeat(9).into_bytes();
        let failure = read(&lines[..], &sender, Duration::ZERO);
        assert!(failure.without_place().contains("ended"), "{}", failure.without_place());
    }

    #[test]
    fn data_lines_survive_any_chunk_boundaries() {
        let text = b": no new entries\n\ndata: {\"countersign\":1}\n\nid: 7\r\ndata:{\"link\":\"x\"}\r\n\r\nevent: e\ndata";
        for size in 1..text.len() {
            let (mut parser, mut lines) = (Parser::default(), Vec::new());
            for chunk in text.chunks(size) {
                assert!(parser.add(chunk, &mut lines).is_ok());
            }
            assert_eq!(lines, b"{\"countersign\":1}\n{\"link\":\"x\"}\n");
        }
        let mut parser = Parser::default();
        assert!(parser.add(&vec![b'x'; MAX_LINE_BYTES], &mut Vec::new()).is_ok());
        assert!(parser.add(b"x", &mut Vec::new()).is_err());
    }
}
