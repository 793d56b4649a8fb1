//! A webhook server that checks signatures with the library of Standard Webhooks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use standardwebhooks::Webhook;

/// The time after which a test fails.
pub const DEADLINE: Duration = Duration::from_mins(2);
/// The pause that a status 429 requests.
pub const PATIENCE: Duration = Duration::from_secs(2);
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A message with a valid signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: String,
    pub text: String,
}

impl Message {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

#[derive(Default)]
struct Got {
    messages: Vec<Message>,
    /// The statuses of the next responses, instead of 204. 0 closes the connection without a response; 429 requests
    /// [`PATIENCE`].
    answers: Vec<u16>,
}

#[derive(Clone)]
pub struct Hook {
    pub url: String,
    got: Arc<(Mutex<Got>, Condvar)>,
}

impl Hook {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let hook =
            Self { url: format!("http://{}/hook", listener.local_addr().unwrap()), got: Arc::default() };
        let serving = hook.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hook = serving.clone();
                thread::spawn(move || while hook.answer(&stream).is_some() {});
            }
        });
        hook
    }

    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut headers = http::HeaderMap::new();
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        assert!(line.starts_with("POST /hook HTTP/1.1"), "{line}");
        loop {
            line.clear();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        assert_eq!(headers["content-type"], "application/json");
        Webhook::new(SECRET).unwrap().verify(&body, &headers).unwrap();
        let id = headers["webhook-id"].to_str().unwrap().to_owned();
        let message = Message { id, text: String::from_utf8(body).unwrap() };
        let (got, changed) = &*self.got;
        let answer = {
            let mut got = got.lock().unwrap();
            got.messages.push(message);
            if got.answers.is_empty() { 204 } else { got.answers.remove(0) }
        };
        changed.notify_all();
        let patience =
            if answer == 429 { format!("retry-after: {}\r\n", PATIENCE.as_secs()) } else { String::new() };
        let text = format!("HTTP/1.1 {answer} x\r\n{patience}content-length: 0\r\n\r\n");
        (answer > 0).then_some(())?;
        stream.write_all(text.as_bytes()).ok()
    }

    /// Sets the statuses of the next responses.
    pub fn answer_with(&self, answers: &[u16]) {
        self.got.0.lock().unwrap().answers = answers.to_vec();
    }

    /// Returns all messages, including repeated ones.
    pub fn messages(&self) -> Vec<Message> {
        self.got.0.lock().unwrap().messages.clone()
    }

    /// Waits for this many messages.
    pub fn wait_for(&self, count: usize) {
        let (got, changed) = &*self.got;
        let mut got = got.lock().unwrap();
        let since = Instant::now();
        while got.messages.len() < count {
            assert!(since.elapsed() < DEADLINE, "{count} messages do not come: {:?}", got.messages);
            got = changed.wait_timeout(got, Duration::from_secs(1)).unwrap().0;
        }
    }
}
