//! store_etcd.rs - a store plugin: the vault's sealed rows in etcd, over its JSON gateway (v3). In Rust, with nothing but its
//! standard library, to show what the interface wants of an engine that is not SQL.
//!
//!   rustc --edition 2021 --crate-type cdylib -C opt-level=2 -C panic=abort -o store_etcd.so examples/plugins/store_etcd.rs
//!   {"backend":"vault","store":{"plugin":"/abs/store_etcd.so","config":{"endpoints":["http://127.0.0.1:2379"]}},
//!    "key":{"env":"DESCOPE_CONN_VAULT_KEY"}}
//!
//! A row's version is its `mod_revision`, which etcd never gives twice. A commit is one transaction; so is a read of several
//! rows. A commit leaves a receipt under a lease of an hour, by which one whose answer was lost is told apart: if the receipt
//! is not there, a refusal takes its place, and the server cannot write the commit any more.
//!
//! It is an example: plain HTTP without a password, for loopback or a network of its own. etcd wants
//! `--max-txn-ops 4096 --max-request-bytes 16777216`, since commits of many callers are joined.

use std::ffi::{c_char, c_int, c_void};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

// --- descope_conn_plugin.h ---

type Status = i32;
const OK: Status = 0;
const E_ARGUMENT: Status = -1;
const E_TIMEOUT: Status = -4;
const E_CANCELLED: Status = -5;
const E_FAILED: Status = -6;
const E_MEMORY: Status = -8;
const ABSENT: u64 = 0;
const ANY: u64 = u64::MAX;
const KEEP: usize = usize::MAX;

#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    len: usize,
}

#[repr(C)]
pub struct Context {
    struct_size: usize,
    deadline_ns: u64,
    host_private: *mut c_void,
}

#[repr(C)]
pub struct Host {
    struct_size: usize,
    abi: u32,
    alloc: extern "C" fn(usize) -> *mut u8,
    free: extern "C" fn(*mut u8),
    cancelled: extern "C" fn(*const Context) -> c_int,
    log: extern "C" fn(i32, *const c_char, usize),
}

#[repr(C)]
pub struct RowWrite {
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    expected: u64,
}

#[repr(C)]
pub struct RowRead {
    key: *const u8,
    key_len: usize,
    after: *const u8,
    after_len: usize,
    limit: usize,
}

type Each = extern "C" fn(*mut c_void, *const u8, usize, *const u8, usize, u64) -> c_int;
type Found = extern "C" fn(*mut c_void, usize, *const u8, usize, *const u8, usize, u64) -> c_int;

#[repr(C)]
pub struct Functions {
    struct_size: usize,
    get: extern "C" fn(*mut c_void, *const Context, *const u8, usize, *mut Bytes, *mut u64, *mut Bytes) -> Status,
    scan: extern "C" fn(
        *mut c_void,
        *const Context,
        *const u8,
        usize,
        *const u8,
        usize,
        usize,
        Each,
        *mut c_void,
        *mut Bytes,
    ) -> Status,
    commit: extern "C" fn(*mut c_void, *const Context, *const RowWrite, usize, *mut Bytes) -> Status,
    read: extern "C" fn(*mut c_void, *const Context, *const RowRead, usize, Found, *mut c_void, *mut Bytes) -> Status,
}

#[repr(C)]
pub struct Plugin {
    struct_size: usize,
    abi: u32,
    kind: u32,
    flags: u32,
    name: *const c_char,
    version: *const c_char,
    open: extern "C" fn(*const u8, usize, *mut *mut c_void, *mut Bytes) -> Status,
    close: extern "C" fn(*mut c_void),
    backend: *const c_void,
    store: *const Functions,
}

static HOST: OnceLock<&'static Host> = OnceLock::new();
static FUNCTIONS: Functions = Functions { struct_size: size_of::<Functions>(), get, scan, commit, read };

/// # Safety
/// As the header says.
#[no_mangle]
pub unsafe extern "C" fn descope_conn_plugin_init(abi: u32, host: &'static Host, plugin: *mut Plugin) -> Status {
    if abi != 1 {
        return E_ARGUMENT;
    }
    let _ = HOST.set(host);
    let struct_size = (*plugin).struct_size.min(size_of::<Plugin>());
    let (name, version) = (c"etcd".as_ptr(), c"1".as_ptr());
    let backend = std::ptr::null();
    *plugin = Plugin { struct_size, abi, kind: 2, flags: 0, name, version, open, close, backend, store: &FUNCTIONS };
    OK
}

/// What a function of the host is given, as bytes.
fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if len == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(data, len) }
}

/// Hands bytes to the host.
fn give(out: *mut Bytes, content: &[u8]) -> Status {
    let Some(host) = HOST.get() else { return E_MEMORY };
    let data = (host.alloc)(content.len() + 1);
    if data.is_null() {
        return E_MEMORY;
    }
    unsafe {
        std::ptr::copy_nonoverlapping(content.as_ptr(), data, content.len());
        *out = Bytes { data, len: content.len() };
    }
    OK
}

// --- What goes wrong ---

enum Failure {
    Timeout,
    Cancelled,
    /// The connection broke, or never came about; nothing is known if something was sent.
    Lost {
        is_sent: bool,
    },
    Said(&'static str, &'static str),
}

const UNREACHABLE: Failure = Failure::Said("unavailable", "etcd cannot be reached");
const NONSENSE: Failure = Failure::Said("internal", "etcd answers nonsense");

fn tell(failure: Failure, error: *mut Bytes) -> Status {
    let (code, message) = match failure {
        Failure::Timeout => return E_TIMEOUT,
        Failure::Cancelled => return E_CANCELLED,
        Failure::Lost { is_sent: false } => ("unavailable", "etcd cannot be reached"),
        Failure::Lost { is_sent: true } => ("unavailable", "whether the change was written is not known"),
        Failure::Said(code, message) => (code, message),
    };
    give(error, format!("{{\"code\":\"{code}\",\"message\":\"{message}\"}}").as_bytes());
    E_FAILED
}

/// How long a call may take.
struct Call {
    context: *const Context,
    until: Option<Instant>,
}

impl Call {
    fn new(context: *const Context) -> Call {
        let deadline = unsafe { (*context).deadline_ns };
        let left = Duration::from_nanos(deadline.saturating_sub(monotonic_ns()));
        Call { context, until: if deadline == u64::MAX { None } else { Instant::now().checked_add(left) } }
    }

    /// For what has no deadline of the host's.
    fn within(seconds: u64) -> Call {
        Call { context: std::ptr::null(), until: Some(Instant::now() + Duration::from_secs(seconds)) }
    }

    /// How long to wait for something before looking again whether there is still a point.
    fn slice(&self) -> Result<Duration, Failure> {
        if !self.context.is_null() && HOST.get().is_some_and(|host| (host.cancelled)(self.context) != 0) {
            return Err(Failure::Cancelled);
        }
        let left = self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Err(Failure::Timeout);
        }
        Ok(left.min(Duration::from_millis(50)))
    }

    fn pause(&self, attempt: u32) -> Result<(), Failure> {
        std::thread::sleep(self.slice()?.min(Duration::from_millis(5 << attempt.min(4))));
        self.slice().map(|_| ())
    }
}

extern "C" {
    fn clock_gettime(clock: c_int, time: *mut [i64; 2]) -> c_int;
}

fn monotonic_ns() -> u64 {
    let mut time = [0i64; 2];
    unsafe { clock_gettime(1, &mut time) };
    time[0] as u64 * 1_000_000_000 + time[1] as u64
}

// --- JSON, as much as the gateway and the config need ---

enum Json {
    Text(String),
    Other(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn parse(text: &[u8]) -> Option<Json> {
        let mut at = 0;
        let value = Json::value(text, &mut at, 32)?;
        Json::space(text, &mut at);
        (at == text.len()).then_some(value)
    }

    fn space(text: &[u8], at: &mut usize) {
        while text.get(*at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            *at += 1;
        }
    }

    fn eat(text: &[u8], at: &mut usize, byte: u8) -> bool {
        Json::space(text, at);
        let is_there = text.get(*at) == Some(&byte);
        *at += usize::from(is_there);
        is_there
    }

    fn value(text: &[u8], at: &mut usize, depth: usize) -> Option<Json> {
        let depth = depth.checked_sub(1)?;
        if Json::eat(text, at, b'{') {
            let mut members = Vec::new();
            while !Json::eat(text, at, b'}') {
                if !members.is_empty() && !Json::eat(text, at, b',') {
                    return None;
                }
                let Json::Text(name) = Json::value(text, at, depth)? else { return None };
                if !Json::eat(text, at, b':') {
                    return None;
                }
                members.push((name, Json::value(text, at, depth)?));
            }
            return Some(Json::Object(members));
        }
        if Json::eat(text, at, b'[') {
            let mut elements = Vec::new();
            while !Json::eat(text, at, b']') {
                if !elements.is_empty() && !Json::eat(text, at, b',') {
                    return None;
                }
                elements.push(Json::value(text, at, depth)?);
            }
            return Some(Json::List(elements));
        }
        if Json::eat(text, at, b'"') {
            return Json::string(text, at).map(Json::Text);
        }
        let start = *at;
        while text.get(*at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)) {
            *at += 1;
        }
        (*at > start).then(|| Json::Other(String::from_utf8_lossy(&text[start..*at]).into_owned()))
    }

    /// What is escaped is of no interest here, and read as it stands.
    fn string(text: &[u8], at: &mut usize) -> Option<String> {
        let start = *at;
        loop {
            match text.get(*at)? {
                b'"' => break,
                b'\\' => *at += 2,
                _ => *at += 1,
            }
        }
        *at += 1;
        Some(String::from_utf8_lossy(&text[start..*at - 1]).replace("\\/", "/"))
    }

    fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A string, or a number or boolean as it stands.
    fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) | Json::Other(text) => Some(text),
            _ => None,
        }
    }

    fn list(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::List(elements)) => elements,
            _ => &[],
        }
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(content: &[u8]) -> String {
    let mut text = String::with_capacity(content.len().div_ceil(3) * 4);
    for chunk in content.chunks(3) {
        let bits = chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place > chunk.len() { '=' } else { digit as char });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | DIGITS.iter().position(|digit| *digit == byte)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            content.push((bits >> count) as u8);
        }
    }
    Some(content)
}

// --- HTTP ---

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr, call: &Call) -> Result<Connection, Failure> {
        let limit = call.until.map_or(Duration::from_secs(10), |until| until.saturating_duration_since(Instant::now()));
        call.slice()?;
        let stream = TcpStream::connect_timeout(&address, limit.max(Duration::from_millis(1)))
            .map_err(|_| Failure::Lost { is_sent: false })?;
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream, input: Vec::new() })
    }

    fn send(&mut self, mut content: &[u8], call: &Call) -> Result<(), Failure> {
        while !content.is_empty() {
            let _ = self.stream.set_write_timeout(Some(call.slice()?));
            match self.stream.write(content) {
                Ok(0) => return Err(Failure::Lost { is_sent: true }),
                Ok(count) => content = &content[count..],
                Err(error) if is_a_pause(&error) => {}
                Err(_) => return Err(Failure::Lost { is_sent: true }),
            }
        }
        Ok(())
    }

    fn more(&mut self, call: &Call) -> Result<(), Failure> {
        let mut block = [0u8; 65536];
        loop {
            let _ = self.stream.set_read_timeout(Some(call.slice()?));
            match self.stream.read(&mut block) {
                Ok(0) => return Err(Failure::Lost { is_sent: true }),
                Ok(count) => {
                    self.input.extend_from_slice(&block[..count]);
                    return Ok(());
                }
                Err(error) if is_a_pause(&error) => {}
                Err(_) => return Err(Failure::Lost { is_sent: true }),
            }
        }
    }

    /// Up to the end of a line, without it.
    fn line(&mut self, call: &Call) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.input.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.input.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if self.input.len() > 65536 {
                return Err(NONSENSE);
            }
            self.more(call)?;
        }
    }

    fn take(&mut self, count: usize, call: &Call) -> Result<Vec<u8>, Failure> {
        while self.input.len() < count {
            self.more(call)?;
        }
        Ok(self.input.drain(..count).collect())
    }

    /// The status and the body of an answer (RFC 9112).
    fn answer(&mut self, call: &Call) -> Result<(u16, Vec<u8>), Failure> {
        let status = self.line(call)?.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(NONSENSE)?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line(call)?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", value)) => length = value.trim().parse().map_err(|_| NONSENSE)?,
                Some(("transfer-encoding", value)) => is_chunked = value.trim() == "chunked",
                Some(_) => {}
            }
        }
        if !is_chunked {
            return Ok((status, self.take(length, call)?));
        }
        let mut body = Vec::new();
        loop {
            let size = self.line(call)?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16).map_err(|_| NONSENSE)?;
            body.append(&mut self.take(size, call)?);
            self.line(call)?;
            if size == 0 {
                return Ok((status, body));
            }
        }
    }
}

fn is_a_pause(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

// --- The store ---

struct Store {
    addresses: Vec<SocketAddr>,
    /// Of keys of rows, and of receipts.
    rows: Vec<u8>,
    receipts: Vec<u8>,
    idle: Mutex<Vec<Connection>>,
    /// Under which receipts are kept, and since when there is it.
    lease: Mutex<Option<(String, Instant)>>,
}

impl Store {
    fn open(config: &[u8]) -> Result<Store, Failure> {
        let config = Json::parse(config).ok_or(Failure::Said("invalid_config", "the config is no JSON"))?;
        let mut addresses = Vec::new();
        for endpoint in config.list("endpoints") {
            let host =
                endpoint.text().and_then(|url| url.strip_prefix("http://")).map(|host| host.trim_end_matches('/'));
            let found = host.and_then(|host| host.to_socket_addrs().ok());
            addresses.extend(found.ok_or(Failure::Said("invalid_config", "an endpoint is not http://HOST:PORT"))?);
        }
        if addresses.is_empty() {
            return Err(Failure::Said("invalid_config", "there are no endpoints"));
        }
        let name = config.get("vault").and_then(Json::text).unwrap_or("default");
        let store = Store {
            addresses,
            rows: format!("descope_conn/{name}/rows/").into_bytes(),
            receipts: format!("descope_conn/{name}/receipts/").into_bytes(),
            idle: Mutex::new(Vec::new()),
            lease: Mutex::new(None),
        };
        store.range(&Call::within(5), &store.rows, b"", 1)?;
        Ok(store)
    }

    fn row(&self, key: &[u8]) -> Vec<u8> {
        [&self.rows, key].concat()
    }

    fn connect(&self, call: &Call) -> Result<Connection, Failure> {
        if let Some(connection) = self.idle.lock().ok().and_then(|mut idle| idle.pop()) {
            return Ok(connection);
        }
        let mut failure = UNREACHABLE;
        for address in &self.addresses {
            match Connection::open(*address, call) {
                Ok(connection) => return Ok(connection),
                Err(found) => failure = found,
            }
        }
        Err(failure)
    }

    /// One request to the gateway.
    fn post(&self, call: &Call, path: &str, body: &str) -> Result<Json, Failure> {
        let mut connection = self.connect(call)?;
        let length = body.len();
        let head = format!("POST /v3/{path} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {length}\r\n\r\n");
        connection.send(head.as_bytes(), call)?;
        connection.send(body.as_bytes(), call)?;
        let (status, body) = connection.answer(call)?;
        if let Ok(mut idle) = self.idle.lock() {
            if idle.len() < 8 {
                idle.push(connection);
            }
        }
        let answer = Json::parse(&body).ok_or(NONSENSE)?;
        if status == 200 {
            return Ok(answer);
        }
        // Codes of gRPC.
        Err(match answer.get("code").and_then(Json::text) {
            Some("3" | "8" | "11") => Failure::Said("limit", "etcd takes no transaction of that size"),
            Some("5") => Failure::Said("conflict", "the lease is gone"),
            Some("4" | "14") => Failure::Lost { is_sent: true },
            _ => Failure::Said("internal", "etcd refuses the request"),
        })
    }

    /// The same until it is answered, for what may be asked twice.
    fn ask(&self, call: &Call, path: &str, body: &str) -> Result<Json, Failure> {
        let mut attempt = 0;
        loop {
            match self.post(call, path, body) {
                Err(Failure::Lost { .. }) if attempt < 50 => call.pause(attempt).map_err(|_| UNREACHABLE)?,
                Err(Failure::Lost { .. }) => return Err(UNREACHABLE),
                other => return other,
            }
            attempt += 1;
        }
    }

    /// A request for rows: those that begin with a prefix and come after a key.
    fn range_text(&self, prefix: &[u8], after: &[u8], limit: usize) -> String {
        let mut start = prefix.to_vec();
        if !after.is_empty() {
            start = start.max([after, &[0]].concat());
        }
        // The prefix is never empty, and does not begin with 0xFF.
        let mut end = prefix.to_vec();
        while end.last() == Some(&0xFF) {
            end.pop();
        }
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        format!(r#"{{"key":"{}","range_end":"{}","limit":"{limit}"}}"#, base64(&start), base64(&end))
    }

    fn range(&self, call: &Call, prefix: &[u8], after: &[u8], limit: usize) -> Result<Json, Failure> {
        self.ask(call, "kv/range", &self.range_text(prefix, after, limit))
    }

    /// Hands on the rows of an answer. Returns false when they are wanted no more.
    fn hand_on(&self, answer: &Json, mut each: impl FnMut(&[u8], &[u8], u64) -> bool) -> Result<bool, Failure> {
        for row in answer.list("kvs") {
            let part = |name| from_base64(row.get(name).and_then(Json::text).unwrap_or("")).ok_or(NONSENSE);
            let (key, value) = (part("key")?, part("value")?);
            let version =
                row.get("mod_revision").and_then(Json::text).and_then(|text| text.parse().ok()).ok_or(NONSENSE)?;
            if !each(key.strip_prefix(self.rows.as_slice()).ok_or(NONSENSE)?, &value, version) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn lease(&self, call: &Call) -> Result<String, Failure> {
        let mut kept = self.lease.lock().map_err(|_| NONSENSE)?;
        if let Some((id, since)) = kept.as_ref() {
            if since.elapsed() < Duration::from_secs(1200) {
                return Ok(id.clone());
            }
        }
        let granted = self.ask(call, "lease/grant", r#"{"TTL":"3600"}"#)?;
        let id = granted.get("ID").and_then(Json::text).ok_or(NONSENSE)?.to_owned();
        *kept = Some((id.clone(), Instant::now()));
        Ok(id)
    }

    fn commit(&self, call: &Call, writes: &[RowWrite]) -> Result<(), Failure> {
        let (mut compares, mut changes) = (Vec::new(), Vec::new());
        for write in writes {
            let key = base64(&self.row(bytes(write.key, write.key_len)));
            match write.expected {
                ANY => {}
                ABSENT => compares
                    .push(format!(r#"{{"key":"{key}","target":"CREATE","result":"EQUAL","create_revision":"0"}}"#)),
                version => compares
                    .push(format!(r#"{{"key":"{key}","target":"MOD","result":"EQUAL","mod_revision":"{version}"}}"#)),
            }
            if !write.value.is_null() {
                let value = base64(bytes(write.value, write.value_len));
                changes.push(format!(r#"{{"request_put":{{"key":"{key}","value":"{value}"}}}}"#));
            } else if write.value_len != KEEP && write.expected != ABSENT {
                changes.push(format!(r#"{{"request_delete_range":{{"key":"{key}"}}}}"#));
            }
        }
        let mut attempt = 0;
        loop {
            let receipt = base64(&[&self.receipts[..], &random()?].concat());
            let (mut compares, mut changes) = (compares.clone(), changes.clone());
            if !changes.is_empty() {
                let lease = self.lease(call)?;
                compares.push(absent(&receipt));
                changes.push(put_receipt(&receipt, "written", &lease));
            }
            let (compares, changes) = (compares.join(","), changes.join(","));
            let answered = self.post(call, "kv/txn", &format!(r#"{{"compare":[{compares}],"success":[{changes}]}}"#));
            match answered {
                Ok(answer) if has_succeeded(&answer) => return Ok(()),
                Ok(_) => return Err(Failure::Said("conflict", "another version is there")),
                Err(Failure::Said("conflict", _)) => *self.lease.lock().map_err(|_| NONSENSE)? = None,
                Err(Failure::Lost { is_sent: true }) if !changes.is_empty() => {
                    if self.is_written(call, &receipt).map_err(|_| Failure::Lost { is_sent: true })? {
                        return Ok(());
                    }
                }
                Err(Failure::Lost { .. }) => call.pause(attempt).map_err(|_| UNREACHABLE)?,
                Err(failure) => return Err(failure),
            }
            attempt += 1;
        }
    }

    /// Whether a commit was written whose answer was lost. If not, it never will be.
    fn is_written(&self, call: &Call, receipt: &str) -> Result<bool, Failure> {
        let (absent, put) = (absent(receipt), put_receipt(receipt, "refused", &self.lease(call)?));
        let look = format!(r#"{{"request_range":{{"key":"{receipt}"}}}}"#);
        let body = format!(r#"{{"compare":[{absent}],"success":[{put}],"failure":[{look}]}}"#);
        let answer = self.ask(call, "kv/txn", &body)?;
        if has_succeeded(&answer) {
            return Ok(false);
        }
        let kept = answer.list("responses").first().and_then(|one| one.get("response_range")).ok_or(NONSENSE)?;
        let value = kept.list("kvs").first().and_then(|row| row.get("value")).and_then(Json::text).ok_or(NONSENSE)?;
        Ok(value == base64(b"written"))
    }
}

fn absent(key: &str) -> String {
    format!(r#"{{"key":"{key}","target":"CREATE","result":"EQUAL","create_revision":"0"}}"#)
}

fn put_receipt(key: &str, outcome: &str, lease: &str) -> String {
    format!(r#"{{"request_put":{{"key":"{key}","value":"{}","lease":"{lease}"}}}}"#, base64(outcome.as_bytes()))
}

fn has_succeeded(answer: &Json) -> bool {
    answer.get("succeeded").and_then(Json::text) == Some("true")
}

fn random() -> Result<[u8; 16], Failure> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|_| Failure::Said("internal", "the system has no random numbers"))?;
    Ok(bytes)
}

// --- The functions of the table ---

fn store<'a>(instance: *mut c_void) -> &'a Store {
    unsafe { &*instance.cast() }
}

fn status(result: Result<(), Failure>, error: *mut Bytes) -> Status {
    result.map_or_else(|failure| tell(failure, error), |()| OK)
}

extern "C" fn open(config: *const u8, len: usize, instance: *mut *mut c_void, error: *mut Bytes) -> Status {
    let opened = Store::open(bytes(config, len)).map(|store| unsafe {
        *instance = Box::into_raw(Box::new(store)).cast();
    });
    // Without a deadline of the host's there is no time to be up.
    status(opened.map_err(|failure| if matches!(failure, Failure::Timeout) { UNREACHABLE } else { failure }), error)
}

extern "C" fn close(instance: *mut c_void) {
    drop(unsafe { Box::<Store>::from_raw(instance.cast()) });
}

extern "C" fn get(
    instance: *mut c_void,
    context: *const Context,
    key: *const u8,
    key_len: usize,
    value: *mut Bytes,
    version: *mut u64,
    error: *mut Bytes,
) -> Status {
    let (store, key) = (store(instance), bytes(key, key_len));
    let found = store.ask(&Call::new(context), "kv/range", &format!(r#"{{"key":"{}"}}"#, base64(&store.row(key))));
    let mut given = OK;
    let result = found.and_then(|answer| {
        store.hand_on(&answer, |_, content, its_version| {
            given = give(value, content);
            unsafe { *version = its_version };
            true
        })
    });
    if given != OK {
        return given;
    }
    status(result.map(|_| ()), error)
}

extern "C" fn scan(
    instance: *mut c_void,
    context: *const Context,
    prefix: *const u8,
    prefix_len: usize,
    after: *const u8,
    after_len: usize,
    limit: usize,
    each: Each,
    user: *mut c_void,
    error: *mut Bytes,
) -> Status {
    if limit == 0 {
        return OK;
    }
    let store = store(instance);
    let after = if after_len == 0 { Vec::new() } else { store.row(bytes(after, after_len)) };
    let found = store.range(&Call::new(context), &store.row(bytes(prefix, prefix_len)), &after, limit);
    let result = found.and_then(|answer| {
        store.hand_on(&answer, |key, value, version| {
            each(user, key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) == 0
        })
    });
    status(result.map(|_| ()), error)
}

extern "C" fn read(
    instance: *mut c_void,
    context: *const Context,
    reads: *const RowRead,
    count: usize,
    found: Found,
    user: *mut c_void,
    error: *mut Bytes,
) -> Status {
    let store = store(instance);
    let reads = unsafe { std::slice::from_raw_parts(reads, count) };
    let parts = reads.iter().map(|read| {
        let key = store.row(bytes(read.key, read.key_len));
        let range = if read.limit == 0 {
            format!(r#"{{"key":"{}"}}"#, base64(&key))
        } else {
            let after = bytes(read.after, read.after_len);
            let after = if after.is_empty() { Vec::new() } else { store.row(after) };
            store.range_text(&key, &after, read.limit)
        };
        format!(r#"{{"request_range":{range}}}"#)
    });
    let body = format!(r#"{{"success":[{}]}}"#, parts.collect::<Vec<_>>().join(","));
    let result = store.ask(&Call::new(context), "kv/txn", &body).and_then(|answer| {
        for (part, response) in answer.list("responses").iter().enumerate() {
            let rows = response.get("response_range").ok_or(NONSENSE)?;
            let goes_on = store.hand_on(rows, |key, value, version| {
                found(user, part, key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) == 0
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    });
    status(result, error)
}

extern "C" fn commit(
    instance: *mut c_void,
    context: *const Context,
    writes: *const RowWrite,
    count: usize,
    error: *mut Bytes,
) -> Status {
    let writes = unsafe { std::slice::from_raw_parts(writes, count) };
    status(store(instance).commit(&Call::new(context), writes), error)
}
