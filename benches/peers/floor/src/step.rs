//! What a hand-written server does with an event before it answers: takes it apart, counts it
//! against its user's limit, builds a new one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const EVENTS_MAX: u32 = 1_000_000_000;
const WINDOW: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
struct Received<'m> {
    #[serde(borrow)]
    event: Cow<'m, str>,
    #[serde(borrow)]
    payload: Message<'m>,
}

#[derive(Deserialize)]
struct Message<'m> {
    #[serde(borrow)]
    message: Cow<'m, str>,
}

#[derive(Serialize)]
struct Sent<'m> {
    event: &'static str,
    payload: Signed<'m>,
}

#[derive(Serialize)]
struct Signed<'m> {
    user: &'static str,
    message: &'m str,
}

struct Window {
    began: Instant,
    events: u32,
}

/// The users' limits.
#[derive(Default)]
pub struct Limits {
    windows: HashMap<u32, Window>,
}

impl Limits {
    fn pass(&mut self, user: u32) -> bool {
        let now = Instant::now();
        let fresh = Window { began: now, events: 0 };
        let window = self.windows.entry(user).or_insert(fresh);
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, events: 0 };
        }
        window.events += 1;
        window.events <= EVENTS_MAX
    }

    pub fn forget(&mut self, user: u32) {
        self.windows.remove(&user);
    }

    /// The event's answer; `None` where it is none of ours, or one too many.
    pub fn step(&mut self, user: u32, text: &[u8], answer: &mut Vec<u8>) -> Option<()> {
        let received: Received<'_> = serde_json::from_slice(text).ok()?;
        if received.event != "send_message" || !self.pass(user) {
            return None;
        }
        let payload = Signed { user: "u", message: &received.payload.message };
        answer.clear();
        serde_json::to_writer(answer, &Sent { event: "new_message", payload }).ok()
    }
}
