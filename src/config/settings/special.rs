//! Options that take more than one plain value: addresses, cores, origins, subprotocols,
//! algorithms.
//!
//! Invariants: a list is checked as a whole before anything is set. Called through `options`.

use std::net::SocketAddr;

use super::super::codes::Code;
use super::draft::Draft;
use super::registry::{Given, in_range};
use super::value::{self, Problem};
use crate::limits::SHARDS_MAX;
use crate::settings::{Cores, JwtAlgorithm, TokenSources};

/// The signature algorithms by name, in the order of `JwtAlgorithm`.
pub const ALGORITHMS: [(&str, JwtAlgorithm); 12] = [
    ("HS256", JwtAlgorithm::Hs256),
    ("HS384", JwtAlgorithm::Hs384),
    ("HS512", JwtAlgorithm::Hs512),
    ("RS256", JwtAlgorithm::Rs256),
    ("RS384", JwtAlgorithm::Rs384),
    ("RS512", JwtAlgorithm::Rs512),
    ("PS256", JwtAlgorithm::Ps256),
    ("PS384", JwtAlgorithm::Ps384),
    ("PS512", JwtAlgorithm::Ps512),
    ("ES256", JwtAlgorithm::Es256),
    ("ES384", JwtAlgorithm::Es384),
    ("EdDSA", JwtAlgorithm::EdDsa),
];

pub const ALGORITHM_NAMES: [&str; 12] = {
    let mut names = [""; 12];
    let mut at = 0;
    while at < names.len() {
        names[at] = ALGORITHMS[at].0;
        at += 1;
    }
    names
};

/// Where a token may come from, in the order of `TokenSources`.
pub const SOURCES: &[&str] = &["cookie", "bearer", "subprotocol", "query"];

pub fn set_sources(draft: &mut Draft, places: Vec<usize>) {
    let has = |place: usize| places.contains(&place);
    draft.settings.auth.sources =
        TokenSources { cookie: has(0), bearer: has(1), subprotocol: has(2), query: has(3) };
}

pub fn set_addresses(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.settings.server.addresses = addresses(given)?;
    Ok(())
}

/// One or more addresses.
pub fn addresses(given: &Given) -> Result<Vec<SocketAddr>, Problem> {
    let mut all = Vec::new();
    for text in &given.texts {
        all.extend(value::address(text)?);
    }
    match all.is_empty() {
        true => Err(Problem::new(Code::BadAddress, "there is no address to listen on")),
        false => Ok(all),
    }
}

pub fn set_path(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let [path] = given.texts.as_slice() else {
        return Err(Problem::new(Code::BadValue, "there is exactly one path"));
    };
    let usable = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
    match path.starts_with('/') && path.bytes().all(usable) {
        true => {
            draft.settings.server.path = path.clone();
            Ok(())
        }
        false => Err(Problem::new(Code::BadValue, format!("`{path}` is not a path"))
            .help("a path begins with `/` and has no `?`, `#` or blanks")),
    }
}

/// The one adapter that there is; the names of others say that they are known and not here.
pub fn set_adapter(_: &mut Draft, given: &Given) -> Result<(), Problem> {
    match given.texts.as_slice() {
        [one] if one == "memory" => Ok(()),
        [one] if one == "redis" => {
            let message = "`redis` joins several servers, which this version cannot do yet";
            let help = "write `memory`, or leave it out: one process on all cores of one machine";
            Err(Problem::new(Code::BadValue, message).help(help))
        }
        _ => Err(Problem::new(Code::BadValue, "this is no adapter").help("write `memory`")),
    }
}

pub fn set_cores(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    draft.settings.server.cores = match (given.list, given.texts.as_slice()) {
        (false, [one]) if one == "auto" => Cores::Auto,
        (false, [one]) => {
            Cores::Count(in_range(value::count(one)?, 1..=SHARDS_MAX as u64)? as usize)
        }
        (_, many) => cpus(many)?,
    };
    Ok(())
}

fn cpus(texts: &[String]) -> Result<Cores, Problem> {
    let mut all: Vec<usize> = Vec::new();
    for text in texts {
        let cpu = in_range(value::count(text)?, 0..=4_095)? as usize;
        if all.contains(&cpu) {
            return Err(Problem::new(
                Code::BadValue,
                format!("CPU {cpu} stands twice in the list"),
            ));
        }
        all.push(cpu);
    }
    in_range(all.len() as u64, 1..=SHARDS_MAX as u64)?;
    Ok(Cores::Cpus(all))
}

pub fn set_origins(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let rules: Result<Vec<_>, Problem> =
        given.texts.iter().map(|text| value::origin(text)).collect();
    draft.settings.server.origins = rules?;
    Ok(())
}

pub fn set_subprotocols(draft: &mut Draft, given: &Given) -> Result<(), Problem> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    for text in &given.texts {
        if text.is_empty() || !text.bytes().all(token) {
            return Err(Problem::new(
                Code::BadValue,
                format!("`{text}` is not a subprotocol's name"),
            )
            .help("letters, digits, and any of !#$%&'*+-.^_`|~"));
        }
    }
    draft.settings.server.subprotocols = given.texts.clone();
    Ok(())
}
