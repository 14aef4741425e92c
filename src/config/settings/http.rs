//! The options of `http:` and `metrics:`.
//!
//! Invariants: a folder's path begins and ends with `/` and is there once; a header's or method's
//! name is one that HTTP knows as such. The rows are part of `options`.

use super::super::codes::Code;
use super::super::diagnostic::{Diagnostic, Findings};
use super::super::environment::Environment;
use super::super::yaml::Entry;
use super::draft::{Draft, Material};
use super::registry::key;
use super::registry::{Effect, Given, Key, Kind};
use super::value::{self, Problem};
use super::walk::{given, shape};
use crate::settings::{Folder, MetricsAccess, OriginRule};

use Effect::Live;

/// Bytes that `metrics.token` has at least.
const TOKEN_BYTES_MIN: usize = 16;

pub const ROUTES: Key = key(
    "http.routes",
    "",
    Live,
    Kind::Program("a map from paths to answers"),
    "Answers to plain HTTP requests, each a JSON value, a text, a page, a redirect or a built-in \
     handler. See docs/http.md.",
);

pub const STATIC: Key = key(
    "http.static",
    "",
    Live,
    Kind::Program("a map from paths to folders"),
    "Folders of files: `/: ./public`. A folder is relative to the configuration file. Names that \
     begin with a dot are not served, nor is what a link leads out of the folder.",
);

pub const KEEP_ALIVE: Key = key(
    "http.keepAlive",
    "false",
    Live,
    Kind::Switch(|d, on| d.settings.http.keep_alive = on),
    "Several plain HTTP requests on one connection. Off, the first answer is the last. What comes \
     through a proxy that says so is never kept: a proxy may send a WebSocket's request on a \
     connection that it used before, and that ends up here and not at a shard.",
);

pub const CORS_ORIGINS: Key = key(
    "http.cors.origins",
    "",
    Live,
    Kind::Texts("origins", |d, given| {
        let rules: Result<Vec<OriginRule>, Problem> =
            given.texts.iter().map(|text| value::origin(text)).collect();
        d.settings.http.cors.origins = rules?;
        Ok(())
    }),
    "Web pages of other origins that may read answers: `https://app.example.com`, \
     `https://*.example.com`, `*`. Empty: none.",
);

pub const CORS_METHODS: Key = key(
    "http.cors.methods",
    "[GET, HEAD, POST]",
    Live,
    Kind::Texts("methods", |d, given| {
        d.settings.http.cors.methods = names(given, "method", str::to_ascii_uppercase)?;
        Ok(())
    }),
    "Methods that such a page may use.",
);

pub const CORS_HEADERS: Key = key(
    "http.cors.headers",
    "",
    Live,
    Kind::Texts("header names", |d, given| {
        d.settings.http.cors.headers = names(given, "header", str::to_ascii_lowercase)?;
        Ok(())
    }),
    "Headers that such a page may send; `*` is any.",
);

pub const CORS_EXPOSE: Key = key(
    "http.cors.exposeHeaders",
    "",
    Live,
    Kind::Texts("header names", |d, given| {
        d.settings.http.cors.expose_headers = names(given, "header", str::to_ascii_lowercase)?;
        Ok(())
    }),
    "Headers of answers that such a page may read; `*` is any.",
);

pub const CORS_CREDENTIALS: Key = key(
    "http.cors.credentials",
    "false",
    Live,
    Kind::Switch(|d, on| d.settings.http.cors.credentials = on),
    "Such a page may send its cookies. With the origin `*` every page of the web may: the origin \
     that asks is answered.",
);

pub const CORS_MAX_AGE: Key = key(
    "http.cors.maxAge",
    "0s",
    Live,
    Kind::Duration(|d, ns| d.settings.http.cors.max_age_s = ns / 1_000_000_000),
    "How long a browser may keep what a preflight answered; 0 leaves it to the browser.",
);

pub const METRICS_ACCESS: Key = key(
    "metrics.access",
    "off",
    Live,
    Kind::Choice(&["off", "loopback", "token", "public"], |d, n| {
        use MetricsAccess::{Loopback, Off, Public, Token};
        d.settings.metrics.access = [Off, Loopback, Token, Public][n];
    }),
    "Who may read `/metrics`: nobody; this machine (nothing that a proxy passed on); whoever sends \
     `metrics.token`; everybody. See docs/metrics.md.",
);

pub const METRICS_TOKEN: Key = key(
    "metrics.token",
    "",
    Live,
    Kind::Secret(|d, Material { text, place }| {
        d.settings.metrics.token = Some(text);
        d.metrics_token = Some(place);
    }),
    "What `Authorization: Bearer` must carry with `metrics.access: token`; 16 bytes or more. Keep \
     it out of the file: use the environment.",
);

/// Names of methods or headers; `*` is one.
fn names(given: &Given, what: &str, fold: fn(&str) -> String) -> Result<Vec<String>, Problem> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let name = |text: &String| match !text.is_empty() && text.bytes().all(token) {
        true => Ok(fold(text)),
        false => Err(Problem::new(Code::BadValue, format!("`{text}` is not a {what}'s name"))),
    };
    given.texts.iter().map(name).collect()
}

/// What only shows when several options are looked at together.
pub fn check(draft: &Draft, findings: &mut Findings) {
    let (cors, metrics) = (&draft.settings.http.cors, &draft.settings.metrics);
    if cors.credentials && cors.origins.contains(&OriginRule::Any) {
        let message = "every web page may read answers with its visitor's cookies";
        let finding = Diagnostic::new(Code::OpenCredentials, message);
        let place = draft.place_of(&["http.cors.credentials"]);
        let finding = place.into_iter().fold(finding, |one, at| one.at(at, "with the origin `*`"));
        findings.push(finding.help("name the origins, or leave `credentials` out"));
    }
    let long = metrics.token.as_ref().is_some_and(|token| token.len() >= TOKEN_BYTES_MIN);
    if metrics.access == MetricsAccess::Token && !long {
        let finding = Diagnostic::new(Code::NoMetricsToken, "there is no usable `metrics.token`");
        let place = draft.metrics_token.as_ref().or(draft.place_of(&["metrics.access"]));
        let finding = place.into_iter().fold(finding, |one, at| one.at(at, "it is asked for here"));
        let message = format!("set SHARDWIRE_METRICS_TOKEN to {TOKEN_BYTES_MIN} bytes or more");
        findings.push(finding.help(message));
    }
}

/// The folders of `http.static`, the longest path first.
pub fn folders(section: &Entry, environment: &Environment, findings: &mut Findings) -> Vec<Folder> {
    if section.value.is_null() {
        return Vec::new();
    }
    let Some(entries) = section.value.as_map() else {
        findings.push(shape("http.static", "a map from paths to folders", section));
        return Vec::new();
    };
    let mut all: Vec<Folder> = Vec::new();
    for entry in entries {
        match folder(entry, environment) {
            Ok(one) if all.iter().all(|other| other.path != one.path) => all.push(one),
            Ok(one) => {
                let message = format!("`{}` is given twice", one.path);
                let finding = Diagnostic::new(Code::SetTwice, message);
                findings.push(finding.label(entry.key_span, "a second time here"));
            }
            Err(problem) => {
                findings.push(problem.of("http.static").finding().label(entry.key_span, ""));
            }
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.path.len()));
    all
}

fn folder(entry: &Entry, environment: &Environment) -> Result<Folder, Problem> {
    let name = match given(&entry.value, environment)? {
        Some(Given { list: false, texts }) => texts.concat(),
        _ => String::new(),
    };
    if name.is_empty() || name.contains('\0') {
        return Err(Problem::new(Code::WrongShape, "a path takes the name of a folder"));
    }
    let usable = |b: u8| b.is_ascii_graphic() && !b"?#%\\".contains(&b);
    let key = entry.key.trim_end_matches('/');
    let plain = key.split('/').skip(1).all(|step| !step.is_empty() && !step.starts_with('.'));
    if !entry.key.starts_with('/') || !entry.key.bytes().all(usable) || !plain {
        let problem = Problem::new(Code::BadValue, format!("`{}` is not a path", entry.key));
        return Err(problem.help("a path begins with `/` and has no `?`, `#`, `%`, `//` or blanks"));
    }
    Ok(Folder { path: format!("{key}/"), folder: name.into() })
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Source;
    use super::super::super::{Options, SecretPolicy, compile};
    use super::*;

    fn compiled(options: &str) -> Result<crate::settings::Settings, Vec<Code>> {
        let source = Source::new("config.yaml", format!("auth: {{ mode: none }}\n{options}\n"));
        let environment: Environment = [("WWW", "/srv/www")].into_iter().collect();
        match compile(&source, &environment, &Options { secret: SecretPolicy::Ignore }) {
            Ok(compiled) => Ok(compiled.settings),
            Err(found) => {
                Err(found.iter().filter(|one| one.is_error()).map(|one| one.code).collect())
            }
        }
    }

    #[test]
    fn folders_stand_with_the_longest_path_first() {
        let folders = "{ /: ./a, /x/y/: '${env.WWW}', /x: ../b }";
        let settings = compiled(&format!("http: {{ static: {folders} }}")).unwrap();
        let told = settings.http.folders.iter().map(|one| (&*one.path, one.folder.to_str()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [("/x/y/", Some("/srv/www")), ("/x/", Some("../b")), ("/", Some("./a"))]
        );
    }

    #[test]
    fn everything_wrong_has_its_code() {
        for (options, code) in [
            ("http: { static: [a] }", Code::WrongShape),
            ("http: { static: { /a: [b] } }", Code::WrongShape),
            ("http: { static: { /a: '' } }", Code::WrongShape),
            ("http: { static: { a: b } }", Code::BadValue),
            ("http: { static: { /a//b: b } }", Code::BadValue),
            ("http: { static: { /../b: b } }", Code::BadValue),
            ("http: { static: { '/a%20b': b } }", Code::BadValue),
            ("http: { static: { /a: b, /a/: c } }", Code::SetTwice),
            ("http: { static: { /a: '${env.NONE}' } }", Code::MissingVariable),
            ("http: { cors: { origins: 'a.example' } }", Code::BadOrigin),
            ("http: { cors: { headers: 'a b' } }", Code::BadValue),
            ("http: { cors: { methods: ['GET,POST'] } }", Code::BadValue),
            ("metrics: { access: everybody }", Code::BadValue),
            ("metrics: { access: token, token: short }", Code::NoMetricsToken),
        ] {
            assert_eq!(compiled(options).map(|_| ()), Err(vec![code]), "{options}");
        }
        let token = "metrics: { access: token, token: 0123456789abcdef }";
        assert_eq!(compiled(token).unwrap().metrics.access, MetricsAccess::Token);
        assert!(!format!("{:?}", compiled(token).unwrap()).contains("0123456789"));
    }
}
