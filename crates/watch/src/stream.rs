//! A log server's live view: the lines of an export that goes on, as server-sent events.

use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use countersign::trust::Trust;
use countersign_client::{Answer, Client, Prefix, Redirects, Token};

use countersign_errors::EngineError;

/// How long a line may be: that of an export has at most 1 MiB, and the name of its field stands before it.
const LONGEST: usize = (1 << 20) + 64;
const PIECE: usize = 1 << 16;
/// The time limit for one line, from its first byte. The log announces how long it may be silent between lines.
const LINE_PATIENCE: Duration = Duration::from_mins(1);

/// An event of a log's live view.
pub enum ViewEvent {
    /// Whole lines of the export.
    Lines(Vec<u8>),
    /// The view ended, or there is none.
    Lost {
        /// The status of the log server's answer to the request, if that is not the view.
        status: Option<u16>,
        /// The reason.
        why: EngineError,
    },
}

/// Where live views of a log come from.
pub trait LiveViews: Send + Sync {
    /// Reads a view that begins with that leaf, or with the next one that comes, until it ends or the receiver is dropped.
    /// The last event is [`ViewEvent::Lost`].
    fn follow(&self, from: Option<u64>, tell: &SyncSender<ViewEvent>);

    /// Returns whom to trust now, if that may change.
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
    /// Creates the views of the log below that URL, for readers with this token. Nothing is requested yet.
    ///
    /// # Errors
    /// If the system's certificates or proxy settings can't be used.
    pub fn new(prefix: Prefix, token: Option<Token>) -> Result<Self, EngineError> {
        Ok(Self { client: Client::new(Redirects::SameHost)?, prefix, token })
    }
}

impl LiveViews for HttpViews {
    fn follow(&self, from: Option<u64>, tell: &SyncSender<ViewEvent>) {
        let from = from.map(|leaf| leaf.to_string());
        let query: Vec<(&str, &str)> = from.iter().map(|leaf| ("from", leaf.as_str())).collect();
        let url = self.prefix.join("stream", &query);
        let (status, why) = match self.client.stream(&url, self.token.as_ref().map(Token::as_str)) {
            Ok(Ok(stream)) => (None, read(stream, tell, LINE_PATIENCE).within(url.as_str())),
            Ok(Err(answer)) => {
                (Some(answer.status), refused(&answer, self.token.is_some()).within(url.as_str()))
            }
            Err(why) => (None, why),
        };
        let _ = tell.send(ViewEvent::Lost { status, why });
    }
}

fn refused(answer: &Answer, has_token: bool) -> EngineError {
    let hint = match (answer.status, has_token) {
        (401 | 403, false) => {
            "its stream is for readers with a token: give --token-file FILE, or set COUNTERSIGN_TOKEN"
        }
        (401 | 403, true) => "this token may not read this, or not any more: ask the log's operator",
        (404, _) => {
            "check the URL: it is the log server's, and it has a stream once it has published something"
        }
        _ => "the log server's log may say more",
    };
    EngineError::new("stream.refused", format!("the log server answered with status {}", answer.status), hint)
}

fn read(mut stream: impl Read, tell: &SyncSender<ViewEvent>, line_patience: Duration) -> EngineError {
    let mut parser = Parser::default();
    let mut line_begun = Instant::now();
    let mut piece = vec![0; PIECE];
    loop {
        let read = match stream.read(&mut piece) {
            Ok(0) => {
                return EngineError::new(
                    "stream.ended",
                    "the log server ended the stream",
                    "it is asked again",
                );
            }
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return EngineError::new("stream.lost", error.to_string(), "it is asked again");
            }
        };
        let mut lines = Vec::new();
        if parser.add(&piece[..read], &mut lines).is_err() {
            let hint = "check the URL: it is the log server's";
            return EngineError::new("stream.invalid", "this is not the stream of a log", hint);
        }
        if parser.held.len() < read {
            // A line ended in this piece.
            line_begun = Instant::now();
        } else if line_begun.elapsed() > line_patience {
            let hint = "it is asked again";
            return EngineError::new("stream.lost", "a line of the stream comes too slowly", hint);
        }
        if !lines.is_empty() && tell.send(ViewEvent::Lines(lines)).is_err() {
            return EngineError::new("stream.ended", "nobody listens any more", "it is asked again");
        }
    }
}

/// Server-sent events of one line of data each, as a log server writes them.
#[derive(Default)]
struct Parser {
    /// The begin of a line whose end is not here yet.
    held: Vec<u8>,
}

struct TooLong;

impl Parser {
    /// Takes more, and appends the lines of data that it completes.
    fn add(&mut self, bytes: &[u8], lines: &mut Vec<u8>) -> Result<(), TooLong> {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.hold(&bytes[begin..end])?;
            begin = end + 1;
            let line = self.held.strip_suffix(b"\r").unwrap_or(&self.held);
            if let Some(data) = line.strip_prefix(b"data:") {
                lines.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
                lines.push(b'\n');
            }
            self.held.clear();
        }
        self.hold(&bytes[begin..])
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.held.len() + bytes.len() > LONGEST {
            return Err(TooLong);
        }
        self.held.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_drips_ends_the_stream() {
        let (tell, _heard) = std::sync::mpsc::sync_channel(1);
        let failure = read(std::io::repeat(b'x').take(1 << 30), &tell, Duration::ZERO);
        assert!(failure.without_place().contains("too slowly"), "{}", failure.without_place());
        let lines = ": all is quiet\n".repeat(9).into_bytes();
        let failure = read(&lines[..], &tell, Duration::ZERO);
        assert!(failure.without_place().contains("ended"), "{}", failure.without_place());
    }

    #[test]
    fn lines_of_data_come_whole_in_any_pieces() {
        let text = b": all is quiet\n\ndata: {\"countersign\":1}\n\nid: 7\r\ndata:{\"link\":\"x\"}\r\n\r\nevent: e\ndata";
        for size in 1..text.len() {
            let (mut parser, mut lines) = (Parser::default(), Vec::new());
            for piece in text.chunks(size) {
                assert!(parser.add(piece, &mut lines).is_ok());
            }
            assert_eq!(lines, b"{\"countersign\":1}\n{\"link\":\"x\"}\n");
        }
        let mut parser = Parser::default();
        assert!(parser.add(&vec![b'x'; LONGEST], &mut Vec::new()).is_ok());
        assert!(parser.add(b"x", &mut Vec::new()).is_err());
    }
}
