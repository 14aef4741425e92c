//! The backends of a test: its mocks answer the calls of the engine.
//!
//! Invariants: a call that no mock answers fails as if nobody listened, and the test with it.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

use super::{Done, Play, Trouble};
use crate::backend::{Call, Failure};
use crate::config::script::{Expected, Mock, Mocked};
use crate::settings::{Settings, WireNames};
use crate::sim::backends::Scripted;
use crate::sim::matching::{Body, Captures, compare};

/// Calls that no mock answered, as reports show them.
pub(super) type Unanswered = Rc<RefCell<Vec<String>>>;

/// What answers the calls of a test.
struct Mocks {
    names: Vec<String>,
    /// With how often each may answer yet.
    left: Vec<(Mock, u64)>,
    unanswered: Unanswered,
}

impl Play<'_> {
    pub(super) fn mock_backends(&mut self, settings: &Settings) {
        let left =
            self.case.mocks.iter().map(|mock| (mock.clone(), mock.times.unwrap_or(u64::MAX)));
        let mut mocks = Mocks {
            names: settings.backends.iter().map(|one| one.name.clone()).collect(),
            left: left.collect(),
            unanswered: Rc::clone(&self.unanswered),
        };
        self.world.backends.script(move |call| mocks.answer(call));
    }

    /// A call that nothing answers is a mistake of the test.
    pub(super) fn all_answered(&self) -> Done {
        match self.unanswered.borrow().first() {
            None => Ok(()),
            Some(call) => Err(Trouble::new(format!("no mock of this test answers {call}"))),
        }
    }
}

impl Mocks {
    fn answer(&mut self, call: &Call) -> Option<Scripted> {
        let name = self.names.get(usize::from(call.backend.0)).map_or("", |name| name);
        let found = self.left.iter_mut().find(|(mock, left)| *left > 0 && fits(mock, name, call));
        let Some((mock, left)) = found else {
            let shown = format!("`{} {}` of `{name}`", call.method.name(), call.target);
            self.unanswered.borrow_mut().push(shown);
            return Some(Scripted::fails(Failure::Unreachable));
        };
        *left -= 1;
        let scripted = match &mock.answer {
            Mocked::Reply(status, body) => Scripted::status(*status, &body.to_string()),
            Mocked::Fails(failure) => Scripted::fails(*failure),
            Mocked::Lost => return None,
        };
        Some(scripted.after_ns(mock.delay_ns))
    }
}

fn fits(mock: &Mock, backend: &str, call: &Call) -> bool {
    mock.backend == backend
        && mock.method == call.method
        && leads_to(&mock.path, &call.target)
        && mock.expect.as_ref().is_none_or(|expect| {
            let body = call.body.as_deref().unwrap_or(b"null");
            let body = Body::Json(serde_json::from_slice(body).unwrap_or(Value::Null));
            let expected = Expected::Json(expect.clone());
            compare(&expected, false, &body, &WireNames::default(), &Captures::new()).is_ok()
        })
}

/// Whether a path, `*` for any one segment, is that of the target; its query counts where the path
/// has one.
fn leads_to(path: &str, target: &str) -> bool {
    let (wanted, query) = path.split_once('?').map_or((path, None), |(a, b)| (a, Some(b)));
    let (given, asked) = target.split_once('?').map_or((target, None), |(a, b)| (a, Some(b)));
    let mut segments = given.split('/');
    let same = wanted
        .split('/')
        .all(|one| segments.next().is_some_and(|other| one == "*" || one == other));
    same && segments.next().is_none() && query.is_none_or(|query| Some(query) == asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_target() {
        for (path, target) in [
            ("/a", "/a"),
            ("/a", "/a?x=1"),
            ("/a?x=1", "/a?x=1"),
            ("/a/*/b", "/a/1/b"),
            ("/*", "/a%2Fb?q"),
        ] {
            assert!(leads_to(path, target), "{path} {target}");
        }
        for (path, target) in [("/a", "/a/b"), ("/a/b", "/a"), ("/a?x=1", "/a"), ("/*", "/a/b")] {
            assert!(!leads_to(path, target), "{path} {target}");
        }
    }
}
