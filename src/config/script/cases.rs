//! The outside of a test: its name, its clients, its steps.

use super::super::codes::Code;
use super::super::yaml::{Entry, Node, NodeKind};
use super::matcher::literal;
use super::reader::Reader;
use super::{Case, Client, Step, What, finding};

const CASE_KEYS: [&str; 4] = ["name", "backends", "clients", "steps"];

const CLIENT_KEYS: [&str; 8] =
    ["user", "permissions", "claims", "token", "headers", "ip", "connect", "mute"];

/// Steps that are about no client.
const WORDS: [&str; 2] = ["advance", "counters"];

fn find<'n>(entries: &'n [Entry], key: &str) -> Option<&'n Node> {
    entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
}

impl Reader<'_> {
    /// Every test of a file.
    pub(super) fn cases(&mut self, top: &[Entry]) -> Vec<Case> {
        let shared = find(top, "clients").filter(|_| find(top, "config").is_some());
        let shared = shared.map_or_else(Vec::new, |node| self.clients_of(node));
        let Some(list) = find(top, "tests").filter(|node| !node.is_null()) else {
            return Vec::new();
        };
        let mut cases: Vec<Case> = Vec::new();
        for node in self.list(list, "`tests`").unwrap_or_default() {
            let Some(case) = self.case(node, &shared) else { continue };
            if let Some(first) = cases.iter().find(|other| other.name == case.name) {
                let message = format!("two tests are called `{}`", case.name);
                let twice = finding(Code::TestTwice, message, case.span, "a second time here");
                self.push(twice.label(first.span, "first here"));
            }
            cases.push(case);
        }
        cases
    }

    fn case(&mut self, node: &Node, shared: &[Client]) -> Option<Case> {
        let entries = self.map(node, "a test")?;
        self.known(entries, "a test", &CASE_KEYS, true);
        let Some(name) = find(entries, "name") else {
            let message = "a test has a `name`";
            self.push(finding(Code::WrongShape, message, node.span, "this has none"));
            return None;
        };
        let mut clients =
            find(entries, "clients").map_or_else(Vec::new, |node| self.clients_of(node));
        let own = clients.len();
        let replaced = |one: &&Client| !clients[..own].iter().any(|other| other.name == one.name);
        let added: Vec<Client> = shared.iter().filter(replaced).cloned().collect();
        clients.extend(added);
        self.bound.clear();
        self.clients = clients.iter().map(|client| client.name.clone()).collect();
        let steps = find(entries, "steps").and_then(|node| self.list(node, "`steps`"));
        let steps: Vec<Step> =
            steps.unwrap_or_default().iter().filter_map(|step| self.step(step)).collect();
        // Of the clients that the file shares only those come that the test speaks of.
        let mut place = 0..;
        let mut connected = |client: &mut Client| {
            let place = place.next().unwrap_or(0);
            let named = |step: &Step| matches!(step.what, What::Client(at, _) if at == place);
            client.connect &= place < own || steps.iter().any(named);
        };
        clients.iter_mut().for_each(&mut connected);
        let mocks = find(entries, "backends").map_or_else(Vec::new, |node| self.mocks(node));
        Some(Case { name: self.text(name, "name")?, span: name.span, clients, mocks, steps })
    }

    fn clients_of(&mut self, node: &Node) -> Vec<Client> {
        let entries = self.map(node, "`clients`").unwrap_or_default();
        entries.iter().filter_map(|entry| self.client(entry)).collect()
    }

    fn client(&mut self, entry: &Entry) -> Option<Client> {
        if WORDS.contains(&&*entry.key) {
            let message = format!("a client may not be called `{}`", entry.key);
            self.bad_value(message, entry.key_span);
            return None;
        }
        let mut client = Client {
            name: entry.key.clone(),
            span: entry.key_span,
            user: entry.key.clone(),
            connect: true,
            ..Client::default()
        };
        if entry.value.is_null() {
            return Some(client);
        }
        let fields = self.map(&entry.value, "a client")?;
        self.known(fields, "a client", &CLIENT_KEYS, false);
        for field in fields {
            self.client_field(&mut client, field);
        }
        Some(client)
    }

    fn client_field(&mut self, client: &mut Client, field: &Entry) -> Option<()> {
        let (key, node) = (field.key.as_str(), &field.value);
        match key {
            "user" => client.user = self.text(node, key)?,
            "permissions" => client.permissions = self.texts(node, key)?,
            "claims" => self.claims(client, node)?,
            "token" => client.token = Some(self.text(node, key)?),
            "headers" => client.headers = self.headers(node)?,
            "connect" => client.connect = self.switch(node, key)?,
            "mute" => client.mute = self.switch(node, key)?,
            "ip" => {
                let text = self.text(node, key)?;
                client.ip = text.parse().ok();
                if client.ip.is_none() {
                    self.bad_value(format!("`{text}` is not an IP address"), node.span);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let items = self.list(node, what)?;
        items.iter().map(|item| self.text(item, what)).collect()
    }

    fn headers(&mut self, node: &Node) -> Option<Vec<(String, String)>> {
        let entries = self.map(node, "`headers`")?;
        let mut headers = Vec::new();
        for entry in entries {
            let value = self.text(&entry.value, &entry.key)?;
            if entry.key.contains(['\r', '\n']) || value.contains(['\r', '\n']) {
                self.bad_value("a header is one line".into(), entry.key_span);
            }
            headers.push((entry.key.clone(), value));
        }
        Some(headers)
    }

    /// Claims as they stand, but for `sub` and `permissions`, which have their own fields.
    fn claims(&mut self, client: &mut Client, node: &Node) -> Option<()> {
        for entry in self.map(node, "`claims`")? {
            match entry.key.as_str() {
                "sub" => client.user = self.text(&entry.value, "sub")?,
                "permissions" => client.permissions = self.texts(&entry.value, "permissions")?,
                _ => drop(client.claims.insert(entry.key.clone(), json(&entry.value))),
            }
        }
        Some(())
    }

    fn step(&mut self, node: &Node) -> Option<Step> {
        let entries = self.map(node, "a step")?;
        let [entry] = entries else {
            let message = "a step is about one client, or about `advance` or `counters`";
            let label = format!("this has {} keys", entries.len());
            self.push(finding(Code::NotOneSubject, message, node.span, &label));
            return None;
        };
        let client = self.clients.iter().position(|name| *name == entry.key);
        let what = match (entry.key.as_str(), client) {
            (_, Some(client)) => What::Client(client, self.actions(&entry.value)?),
            ("advance", None) => What::Advance(self.duration(&entry.value, "advance")?),
            ("counters", None) => What::Counters(self.counters(&entry.value)?),
            _ => {
                self.unknown_client(entry);
                return None;
            }
        };
        Some(Step { span: entry.key_span, what })
    }

    fn unknown_client(&mut self, entry: &Entry) {
        let message = format!("this test has no client `{}`", entry.key);
        let unknown = finding(Code::UnknownClient, message, entry.key_span, "unknown");
        let names = self.clients.iter().map(String::as_str).chain(WORDS);
        let unknown = unknown.suggest(&entry.key, names);
        self.push(unknown);
    }

    fn counters(&mut self, node: &Node) -> Option<Vec<(String, u64, super::Span)>> {
        let mut wanted = Vec::new();
        for entry in self.map(node, "`counters`")? {
            if !self.words.counters.contains(&entry.key) {
                let message = format!("there is no counter `{}`", entry.key);
                let unknown = finding(Code::UnknownCounter, message, entry.key_span, "unknown");
                let names = self.words.counters.iter().map(String::as_str);
                self.push(unknown.suggest(&entry.key, names));
                continue;
            }
            let count = self.count(&entry.value, &entry.key)?;
            wanted.push((entry.key.clone(), count, entry.key_span));
        }
        Some(wanted)
    }
}

/// A tree as plain JSON; it is at most `yaml::DEPTH_MAX` deep.
pub(super) fn json(node: &Node) -> serde_json::Value {
    match &node.kind {
        NodeKind::Scalar(scalar) => literal(scalar),
        NodeKind::List(nodes) => nodes.iter().map(json).collect(),
        NodeKind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect()
        }
    }
}
