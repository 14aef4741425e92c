//! A running GoGate: the example's file, its backend, and devices of users.
//!
//! Invariants: the file is the example itself, or one that extends it; each gate has a folder and a
//! backend of its own. The backend knows John (1) and Jane (2), and users `user_N` of any number;
//! chat 1 has the users 1 to 3.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::document::NEW_MESSAGE;
use super::support::backend::{Backend, Reply, Request};
use super::support::client::Chatter;
use super::support::{Server, fixture};

pub const KEY: &str = "the-internal-key-of-the-tests";
pub const JANE: &str = r#"{"event":"auth","data":{"token":"jane"}}"#;

pub struct Gate {
    pub backend: Backend,
    pub server: Server,
}

impl Gate {
    pub fn start(cores: &str) -> Gate {
        Gate::with(cores, "", &[])
    }

    /// With more of a configuration laid over the example, and these variables.
    pub fn with(cores: &str, over: &str, variables: &[(&str, &str)]) -> Gate {
        let backend = Backend::start();
        buzz_chat(&backend);
        let file = file(over).to_string_lossy().into_owned();
        let url = backend.url();
        let mut environment = vec![
            ("SHARDWIRE_SERVER_CORES", cores),
            ("BACKEND_API_URL", &url),
            ("INTERNAL_API_KEY", KEY),
        ];
        environment.extend(variables);
        Gate { server: Server::start(&[&file], &environment), backend }
    }

    /// A connection that has not said whose it is.
    pub fn guest(&self) -> Device {
        Device(Chatter::connect(self.server.address, ""))
    }

    /// A connection of the user that this token belongs to.
    pub fn device(&self, token: &str) -> Device {
        let mut device = self.guest();
        device.auth(token);
        let answer = device.hear();
        assert_eq!(answer["event"], "auth_success", "{answer}");
        device
    }

    /// What the backend was asked on this path.
    pub fn asked(&self, path: &str) -> Vec<Request> {
        self.backend.requests().into_iter().filter(|one| one.path == path).collect()
    }
}

/// The example, or a file that extends a copy of it.
pub fn file(over: &str) -> PathBuf {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let example = fixture("../examples/gogate.yaml");
    if over.is_empty() {
        return example;
    }
    let number = FOLDERS.fetch_add(1, Ordering::SeqCst);
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("seed-gogate-{number}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(example, folder.join("gogate.yaml")).expect("a copy");
    let file = folder.join("config.yaml");
    fs::write(&file, format!("extends: gogate.yaml\n{over}")).expect("a file");
    file
}

/// One connection, in whole messages.
pub struct Device(pub Chatter);

impl Device {
    pub fn say(&mut self, text: &str) -> &mut Device {
        self.0.send_text(text);
        self
    }

    pub fn tell(&mut self, event: &str, data: Value) -> &mut Device {
        self.say(&json!({ "event": event, "data": data }).to_string())
    }

    pub fn auth(&mut self, token: &str) -> &mut Device {
        self.tell("auth", json!({ "token": token }))
    }

    pub fn hear(&mut self) -> Value {
        self.0.frame()
    }

    /// The next message is this and nothing more.
    pub fn hears(&mut self, text: &str) {
        let wanted: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(self.hear(), wanted);
    }

    /// The data of the next message, which must be this event.
    pub fn hears_of(&mut self, event: &str) -> Value {
        let message = self.hear();
        assert_eq!(message["event"], event, "{message}");
        message["data"].clone()
    }

    /// The code of the next message, which must be an error.
    pub fn hears_code(&mut self) -> String {
        self.hears_of("error")["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Nothing came that was not taken yet: the answer to this is the next message.
    pub fn hears_nothing_more(&mut self) {
        assert_eq!(self.tell("nothing", json!({})).hears_code(), "UNKNOWN_EVENT");
    }
}

/// The backend of the document.
fn buzz_chat(backend: &Backend) {
    let john = json!({ "id": 1, "name": "John Doe", "phone": "+79991234567" });
    let jane = json!({ "id": 2, "name": "Jane Smith", "phone": "+79997654321" });
    let validate = move |request: &Request| {
        let token = request.json()["token"].as_str().unwrap_or_default().to_owned();
        let number = token.strip_prefix("user_").and_then(|number| number.parse::<u64>().ok());
        match (token.as_str(), number) {
            ("your_jwt_access_token" | "YOUR_JWT_TOKEN" | "jwt_token", _) => {
                Reply::json(200, &john)
            }
            ("jane", _) => Reply::json(200, &jane),
            (_, Some(id)) => Reply::json(200, &json!({ "id": id, "name": token })),
            _ => Reply::json(401, &json!({ "message": "Invalid token" })),
        }
    };
    backend
        .answering("POST", "/api/internal/v1/auth/validate", validate)
        .on("GET", "/api/internal/v1/chats/1/members", Reply::json(200, &members(&[1, 2, 3])))
        .answering("POST", "/api/v1/messages", |request| Reply::json(201, &stored(&request.json())))
        .on("POST", "/api/v1/messages/123/reactions", Reply::json(200, &json!({ "chat_id": 1 })))
        .on("POST", "/api/v1/messages/read", Reply::json(200, &json!({ "chat_id": 1 })));
}

pub fn members(ids: &[u64]) -> Value {
    let list: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "members": list })
}

/// The document's message, with what was asked for in its place.
fn stored(asked: &Value) -> Value {
    let whole: Value = serde_json::from_str(NEW_MESSAGE).expect("JSON");
    let mut message = whole["data"].clone();
    message["text"] = asked["text"].clone();
    message["chat_id"] = asked["chat_id"].clone();
    message
}
