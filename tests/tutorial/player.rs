//! Does what the tutorial says, in one folder, with one server at a time.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::page;
use crate::support::client::{Chatter, dev_token};
use crate::support::{Server, shardwire};

/// The port that the page speaks of; the test's server has another one.
const PORT: &str = "127.0.0.1:8080";

pub struct Player {
    folder: PathBuf,
    status: i32,
    clients: BTreeMap<String, Chatter>,
    server: Option<Server>,
}

impl Player {
    pub fn new(folder: PathBuf) -> Player {
        Player { folder, status: 0, clients: BTreeMap::new(), server: None }
    }

    /// A file, named by its first line.
    pub fn write(&mut self, text: &str) -> String {
        let name = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let name = name.filter(|name| name.ends_with(".yaml") && !name.contains('/'));
        let name = name.expect("the first line of a file is its name");
        fs::write(self.folder.join(name), text).expect("written");
        text.to_owned()
    }

    /// The chat is what changes from step to step.
    pub fn change(&mut self, diff: &str) -> String {
        let path = self.folder.join("chat.yaml");
        let text = fs::read_to_string(&path).expect("a file to change");
        fs::write(&path, page::patched(&text, diff)).expect("written");
        diff.to_owned()
    }

    pub fn chat(&self) -> String {
        fs::read_to_string(self.folder.join("chat.yaml")).expect("the chat")
    }

    /// The console as it comes out.
    pub fn commands(&mut self, console: &str) -> String {
        let run = |command: &str| format!("$ {command}\n{}", self.run(command));
        page::commands(console).into_iter().map(run).collect()
    }

    fn run(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        match words[..] {
            ["echo", "$?"] => format!("{}\n", self.status),
            ["shardwire", "serve", ..] => self.serve(&words[2..]),
            ["shardwire", ..] => self.shardwire(&words[1..]),
            _ => panic!("the tutorial has a command that its test does not know: {command}"),
        }
    }

    fn shardwire(&mut self, arguments: &[&str]) -> String {
        let mut command = shardwire();
        command.current_dir(&self.folder).env("XDG_RUNTIME_DIR", &self.folder);
        let Output { status, stdout, stderr } = command.args(arguments).output().expect("runs");
        self.status = status.code().expect("a status");
        let all = String::from_utf8([stdout, stderr].concat()).expect("text");
        page::settled(&self.as_on_the_page(&all))
    }

    fn serve(&mut self, arguments: &[&str]) -> String {
        self.clients.clear();
        self.server = None;
        let runtime = self.folder.to_string_lossy().into_owned();
        let mut server =
            Server::start_in(&self.folder, arguments, &[("XDG_RUNTIME_DIR", &runtime)]);
        let try_it = server.line();
        let text = format!("listening on ws://{}/ws\n{try_it}", server.address);
        self.server = Some(server);
        self.as_on_the_page(&text)
    }

    /// What the test has in another place than the reader.
    fn as_on_the_page(&self, text: &str) -> String {
        let address = self.server.as_ref().map(|server| server.address.to_string());
        let pid = self.server.as_ref().map(|server| server.pid().to_string());
        let text = address.map_or(text.to_owned(), |address| text.replace(&address, PORT));
        pid.map_or(text.clone(), |pid| text.replace(&pid, "4711"))
    }

    /// The session as it comes out.
    pub fn talk(&mut self, session: &str) -> String {
        session.lines().map(|line| self.say(line) + "\n").collect()
    }

    fn say(&mut self, line: &str) -> String {
        let at = line.find(['>', '<']).expect("a line of a session has `>` or `<`");
        let (name, said) = (&line[..at], line[at + 1..].trim());
        let client = self.client(name);
        if line[at..].starts_with('>') {
            client.send_text(said);
            return line.to_owned();
        }
        format!("{name}< {}", page::settled(&client.next_text()))
    }

    fn client(&mut self, name: &str) -> &mut Chatter {
        let address = self.server.as_ref().expect("`serve` comes first").address;
        let connect = || Chatter::connect(address, &dev_token(address, name));
        self.clients.entry(name.to_owned()).or_insert_with(connect)
    }
}
