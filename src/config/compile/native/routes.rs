//! `http.routes`: paths with their answers, each a page that a run writes or a built-in handler.
//!
//! Invariants: a page's steps only answer: first the body, then each header in its order, so that
//! whoever runs it reads its frames in that order. What a page may name is known to the control
//! plane alone: `server`, `request`, `now`, `env`.

use super::super::super::codes::Code;
use super::super::super::diagnostic::Diagnostic;
use super::super::super::expr::{Read, Scope};
use super::super::super::settings::Sections;
use super::super::super::types::{Type, Typed};
use super::super::super::yaml::{Entry, Node};
use super::super::ir::{Action, Answer, Pipeline, Route, Step, Template};
use super::flow::{Flow, Place};
use super::{Native, shape};
use crate::backend::Method;
use crate::pipeline::op::{Context, Form};
use crate::pipeline::program::PageKind;
use crate::settings::{Handler, MetricsAccess, Settings};

const METHODS: [(&str, Method); 5] = [
    ("get", Method::Get),
    ("post", Method::Post),
    ("put", Method::Put),
    ("patch", Method::Patch),
    ("delete", Method::Delete),
];

/// What an answer is; exactly one of them.
const KINDS: [&str; 4] = ["json", "text", "redirect", "handler"];

const FIELDS: [&str; 6] = ["json", "text", "redirect", "handler", "status", "headers"];

/// Headers that the connection decides.
const RESERVED: [&str; 5] =
    ["connection", "content-length", "transfer-encoding", "upgrade", "keep-alive"];

/// What expressions may name, as `control` tells it: one JSON value in place of a message.
const FIGURES: [(&str, Type); 12] = [
    ("server.connections", Type::Int),
    ("server.rooms", Type::Int),
    ("server.messages_received", Type::Int),
    ("server.messages_sent", Type::Int),
    ("server.bytes_received", Type::Int),
    ("server.bytes_sent", Type::Int),
    ("server.uptime_ms", Type::Int),
    ("server.started_at", Type::Int),
    ("server.shards", Type::Int),
    ("request.method", Type::String),
    ("request.path", Type::String),
    ("request.query", Type::Any),
];

/// Binds what a page may name.
pub fn bind_request(scope: &mut Scope) {
    scope.bind("now", Typed::of(Type::Int), Read::Context(Context::Now));
    for (path, ty) in FIGURES {
        let steps = path.split('.').map(str::to_owned).collect();
        scope.bind(path, Typed::of(ty), Read::Payload(steps));
    }
}

impl<'n> Native<'n> {
    /// The routes of the section, in the file's order.
    pub fn routes(&mut self, sections: &Sections<'n>, settings: &Settings) -> Vec<Route> {
        let entries = self.entries(sections.routes, "`http.routes` takes a map of paths");
        let mut routes = Vec::new();
        for entry in entries {
            let usable = |b: u8| b.is_ascii_graphic() && b != b'?' && b != b'#';
            if !entry.key.starts_with('/') || !entry.key.bytes().all(usable) {
                self.bad_route(format!("`{}` is not a path", entry.key), entry, "begins with `/`");
            } else if entry.key == settings.server.path {
                let message = format!("`{}` is the WebSocket endpoint", entry.key);
                self.bad_route(message, entry, "`server.path` is the same");
            } else {
                self.route(entry, settings, &mut routes);
            }
        }
        routes
    }

    fn bad_route(&mut self, message: String, entry: &Entry, label: &str) {
        self.push(Code::BadRoute, message, entry.key_span, label);
    }

    fn route(&mut self, entry: &Entry, settings: &Settings, routes: &mut Vec<Route>) {
        let Some(fields) = entry.value.as_map() else {
            return self.findings.push(shape("a route is a map", &entry.value));
        };
        let by_method = fields.iter().any(|field| method(&field.key).is_some());
        if !by_method {
            let answer = self.answer(entry, fields, settings);
            return routes.extend(answer.map(|answer| Route {
                path: entry.key.clone(),
                method: Method::Get,
                answer,
            }));
        }
        for field in fields {
            let (Some(method), Some(fields)) = (method(&field.key), field.value.as_map()) else {
                let message = format!("`{}` is not a method with its answer", field.key);
                self.bad_route(message, field, "get, post, put, patch or delete");
                continue;
            };
            let answer = self.answer(field, fields, settings);
            let path = entry.key.clone();
            routes.extend(answer.map(|answer| Route { path, method, answer }));
        }
    }

    fn answer(&mut self, entry: &Entry, fields: &[Entry], settings: &Settings) -> Option<Answer> {
        for field in fields.iter().filter(|field| !FIELDS.contains(&field.key.as_str())) {
            self.unknown_key(field, &format!("the route `{}`", entry.key), &FIELDS);
        }
        let mut kinds = fields.iter().filter(|field| KINDS.contains(&field.key.as_str()));
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            let message = format!("`{}` has not exactly one answer", entry.key);
            self.bad_route(message, entry, "one of json, text, redirect, handler");
            return None;
        };
        match kind.key.as_str() {
            "handler" => self.handler(&kind.value, settings).map(Answer::Handler),
            _ => self.page(entry, fields, kind),
        }
    }

    fn handler(&mut self, node: &Node, settings: &Settings) -> Option<Handler> {
        let name = node.as_scalar().map_or("", |scalar| scalar.text.as_str());
        let Some((_, handler)) = Handler::ALL.iter().find(|(known, _)| *known == name) else {
            let finding = Diagnostic::new(Code::BadRoute, format!("unknown handler `{name}`"));
            let finding = finding.label(node.span, "nothing of this name is built in");
            self.findings.push(finding.suggest(name, Handler::ALL.iter().map(|(known, _)| *known)));
            return None;
        };
        if *handler == Handler::Metrics && settings.metrics.access == MetricsAccess::Off {
            let finding = Diagnostic::new(Code::MetricsOff, "nobody may read the metrics");
            let finding = finding.label(node.span, "`metrics.access` is `off`");
            self.findings.push(finding.help("say who may: `metrics: { access: loopback }`"));
        }
        Some(*handler)
    }

    fn page(&mut self, entry: &Entry, fields: &[Entry], kind: &Entry) -> Option<Answer> {
        let mut flow = self.flow(Place::Page);
        let (kind, body) = match kind.key.as_str() {
            "json" => (PageKind::Json, self.payload(&kind.value, &mut flow)),
            "text" => (PageKind::Text, self.page_text(&kind.value, &mut flow)),
            _ => (PageKind::Redirect, self.page_text(&kind.value, &mut flow)),
        };
        let status = self.status(fields, kind)?;
        let headers = self.headers(fields, &mut flow);
        let (names, values): (Vec<String>, Vec<Template>) = headers.into_iter().unzip();
        let steps = std::iter::once(body)
            .chain(values)
            .map(|text| Step::made(entry.key_span, Action::Reply(text)));
        let pipeline = Pipeline {
            name: entry.key.clone(),
            span: entry.key_span,
            steps: steps.collect(),
            schema: None,
            native: false,
            locals: self.locals(&flow, entry.key_span),
        };
        Some(Answer::Page { pipeline, status, kind, headers: names })
    }

    fn page_text(&mut self, node: &Node, flow: &mut Flow) -> Template {
        self.text(node, "a text of an answer", Form::Text, flow)
    }

    fn status(&mut self, fields: &[Entry], kind: PageKind) -> Option<u16> {
        let redirects = kind == PageKind::Redirect;
        let Some(field) = fields.iter().find(|field| field.key == "status") else {
            return Some(if redirects { 302 } else { 200 });
        };
        let text = field.value.as_scalar().map_or("", |scalar| scalar.text.as_str());
        let fits = |status: &u16| match redirects {
            true => [301, 302, 303, 307, 308].contains(status),
            false => (200..=599).contains(status) && ![204, 205, 304].contains(status),
        };
        let status = text.parse().ok().filter(fits);
        if status.is_none() {
            let message = format!("`{text}` is not a status for this answer");
            self.push(Code::BadRoute, message, field.value.span, "a redirect has 301 to 308");
        }
        status
    }

    fn headers(&mut self, fields: &[Entry], flow: &mut Flow) -> Vec<(String, Template)> {
        let section = fields.iter().find(|field| field.key == "headers");
        let Some(section) = section else { return Vec::new() };
        let Some(entries) = section.value.as_map() else {
            self.findings.push(shape("`headers` is a map", &section.value));
            return Vec::new();
        };
        let mut headers = Vec::new();
        for entry in entries {
            let name = entry.key.to_ascii_lowercase();
            let usable = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
            if name.is_empty() || !name.bytes().all(usable) || RESERVED.contains(&name.as_str()) {
                self.bad_route(format!("`{}` is not a header to set", entry.key), entry, "this");
            }
            headers.push((name, self.page_text(&entry.value, flow)));
        }
        headers
    }
}

fn method(name: &str) -> Option<Method> {
    METHODS.iter().find(|(known, _)| *known == name).map(|(_, method)| *method)
}

#[cfg(test)]
mod tests {
    use super::super::super::super::source::Source;
    use super::super::super::super::{Environment, Options, SecretPolicy, compile};
    use super::*;
    use crate::pipeline::program::RouteAnswer;

    fn compiled(routes: &str) -> Result<Vec<crate::pipeline::program::Route>, Vec<Code>> {
        let text = format!("version: 1\nauth: {{ mode: none }}\nhttp: {{ routes: {routes} }}\n");
        let options = Options { secret: SecretPolicy::Ignore };
        match compile(&Source::new("config.yaml", text), &Environment::default(), &options) {
            Ok(compiled) => Ok(compiled.program.routes),
            Err(found) => {
                Err(found.iter().filter(|one| one.is_error()).map(|one| one.code).collect())
            }
        }
    }

    #[test]
    fn a_route_is_a_path_a_method_and_an_answer() {
        let routes = "{ /a: { handler: health }, /b: { put: { text: x, status: 404 }, get: { json: \
                      { a: '${now}' }, headers: { X-A: '${request.query.a ?? 1}' } } }, /c: { \
                      redirect: 'https://x.example/${request.path}' } }";
        let routes = compiled(routes).unwrap();
        let of = |route: &crate::pipeline::program::Route| match &route.answer {
            RouteAnswer::Handler(handler) => format!("{handler:?}"),
            RouteAnswer::Page(page) => {
                format!("{:?} {} {}", page.kind, page.status, page.headers.join(" "))
            }
        };
        let told = routes.iter().map(|one| format!("{} {:?} {}", one.path, one.method, of(one)));
        assert_eq!(
            told.collect::<Vec<String>>(),
            ["/a Get Health", "/b Put Text 404 ", "/b Get Json 200 x-a", "/c Get Redirect 302 "]
        );
        assert_eq!(compiled("{}"), Ok(Vec::new()));
        assert_eq!(compiled(""), Ok(Vec::new()));
    }

    #[test]
    fn everything_wrong_has_its_code() {
        for (routes, code) in [
            ("[a]", Code::WrongShape),
            ("{ /a: text }", Code::WrongShape),
            ("{ a: { text: x } }", Code::BadRoute),
            ("{ '/a b': { text: x } }", Code::BadRoute),
            ("{ '/a?b': { text: x } }", Code::BadRoute),
            ("{ /ws: { text: x } }", Code::BadRoute),
            ("{ /a: {} }", Code::BadRoute),
            ("{ /a: { status: 200 } }", Code::BadRoute),
            ("{ /a: { text: x, json: x } }", Code::BadRoute),
            ("{ /a: { get: { text: x }, text: x } }", Code::BadRoute),
            ("{ /a: { get: x } }", Code::BadRoute),
            ("{ /a: { get: { text: x }, head: { text: x } } }", Code::BadRoute),
            ("{ /a: { text: x, statuss: 200 } }", Code::UnknownKey),
            ("{ /a: { handler: helth } }", Code::BadRoute),
            ("{ /a: { handler: metrics } }", Code::MetricsOff),
            ("{ /a: { text: x, status: 99 } }", Code::BadRoute),
            ("{ /a: { text: x, status: 204 } }", Code::BadRoute),
            ("{ /a: { text: x, status: 600 } }", Code::BadRoute),
            ("{ /a: { redirect: /b, status: 200 } }", Code::BadRoute),
            ("{ /a: { text: x, headers: x } }", Code::WrongShape),
            ("{ /a: { text: x, headers: { 'a b': x } } }", Code::BadRoute),
            ("{ /a: { text: x, headers: { Connection: x } } }", Code::BadRoute),
            ("{ /a: { text: x, headers: { Content-Length: 1 } } }", Code::BadRoute),
        ] {
            assert_eq!(compiled(routes), Err(vec![code]), "{routes}");
        }
        for nobody in ["user.id", "conn.id", "payload.x", "server.nothing", "target"] {
            assert!(
                compiled(&format!("{{ /a: {{ text: '${{{nobody}}}' }} }}")).is_err(),
                "{nobody}"
            );
        }
    }
}
