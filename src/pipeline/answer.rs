//! `call`: from registers to a request, and from a response to values.
//!
//! Invariants: a path has no segment that leads elsewhere (`.`, `..`), a header no control
//! character; what a program sees of a response fits the step's schema. Used by `paused`.

use std::sync::Arc;

use super::op::{CallId, Out, Reg};
use super::program::CallSpec;
use super::value::Value;
use super::vm::{Host, Run, Step, Stop};
use crate::backend::{Caching, Call, Failure, Reply, Returns, Ticket};
use crate::envelope::text::{escape_into, without_lone_surrogates};
use crate::envelope::{Members, Misfit, Shape, SlotKind, Slots, project_checked, validate};
use crate::limits::ERROR_BODY_BYTES_MAX;
use crate::reject::Reject;

/// Why a call has no value.
struct Failed {
    reject: Reject,
    /// What came all the same.
    reply: Option<Reply>,
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Failed {
        let reject = match failure {
            Failure::Timeout => Reject::BackendTimeout,
            Failure::Unreachable | Failure::Broken | Failure::BreakerOpen => {
                Reject::BackendUnavailable
            }
            Failure::TooLarge => Reject::BackendAnswer,
            Failure::Overloaded => Reject::Overloaded,
            Failure::Refused => Reject::BadValue,
        };
        Failed { reject, reply: None }
    }
}

impl<H: Host> Run<'_, H> {
    /// The request of a step; the ticket's serial is the shard's to give.
    pub(super) fn call(&mut self, spec: &CallSpec) -> Result<Call, Reject> {
        let mut next = 0..;
        let mut text = || self.text_in(Reg(next.next().unwrap_or(u8::MAX)));
        let target = text()?;
        if !keeps_its_path(target) {
            return Err(Reject::BadValue);
        }
        let mut headers = Vec::with_capacity(spec.headers.len());
        for name in &spec.headers {
            let value = text()?;
            if value.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(Reject::BadValue);
            }
            headers.push((name.clone(), value.into()));
        }
        let body = spec.has_body.then(&mut text).transpose()?;
        let key = spec.cache_ttl_ns.is_some().then(&mut text).transpose()?;
        let idempotency = spec.is_idempotent.then(&mut text).transpose()?;
        if idempotency.is_some_and(|key| key.is_empty() || !key.bytes().all(is_printable)) {
            return Err(Reject::BadValue);
        }
        let cache = key.zip(spec.cache_ttl_ns);
        Ok(Call {
            ticket: Ticket { conn: self.input.conn, serial: 0 },
            backend: spec.backend,
            method: spec.method,
            target: target.into(),
            headers,
            body: body.map(|body| body.as_bytes().into()),
            timeout_ns: spec.timeout_ns,
            cache: cache.map(|(key, ttl_ns)| Caching {
                key: key.as_bytes().into(),
                ttl_ns,
                returns: spec.returns.clone().map(|shape| shape as Arc<dyn Returns>),
            }),
            idempotency: idempotency.map(Into::into),
        })
    }

    /// A text that the run has built.
    pub(super) fn text_in(&self, register: Reg) -> Result<&str, Reject> {
        let bytes = self.output.text(&self.text(register));
        std::str::from_utf8(bytes).map_err(|_| Reject::BadValue)
    }

    /// Puts what came into the registers of the step.
    pub(super) fn answered(
        &mut self,
        call: CallId,
        into: Out,
        error: Out,
        result: Result<Reply, Failure>,
    ) -> Step {
        let program = self.program;
        let Some(spec) = program.calls.get(usize::from(call.0)) else { return Ok(()) };
        self.vm.values.write_into(into, Value::Null);
        self.vm.values.write_into(error, Value::Null);
        match self.good(spec, result) {
            Ok(value) => {
                self.vm.values.write_into(into, value);
                Ok(())
            }
            Err(failed) if spec.handles => {
                let told = self.vm.values.keep_json(&error_object(&failed))?;
                self.vm.values.write_into(error, told);
                Ok(())
            }
            Err(failed) => Err(Stop::Reject(failed.reject)),
        }
    }

    /// The value of a good answer: null where the step says nothing of it.
    fn good(&mut self, spec: &CallSpec, result: Result<Reply, Failure>) -> Result<Value, Failed> {
        let reply = result?;
        let reject = match reply.status {
            200..=299 => None,
            400..=499 => Some(Reject::BackendRefused),
            _ => Some(Reject::BackendFailed),
        };
        if let Some(reject) = reject {
            return Err(Failed { reject, reply: Some(reply) });
        }
        let Some(shape) = &spec.returns else { return Ok(Value::Null) };
        let value = self.fitting(shape, &reply.body);
        value.map_err(|reject| Failed { reject, reply: Some(reply) })
    }

    fn fitting(&mut self, shape: &Shape, body: &[u8]) -> Result<Value, Reject> {
        let mut misfit = Misfit::default();
        if !fits(shape, body, &mut misfit) {
            self.host.unfit(&misfit);
            return Err(Reject::BackendAnswer);
        }
        self.vm.values.keep_json(&without_lone_surrogates(body.trim_ascii()))
    }
}

impl Returns for Shape {
    fn takes(&self, body: &[u8]) -> bool {
        fits(self, body, &mut Misfit::default())
    }
}

/// Whether a body is JSON of this shape.
fn fits(shape: &Shape, body: &[u8], misfit: &mut Misfit) -> bool {
    if simdutf8::basic::from_utf8(body).is_err() {
        return false;
    }
    let mut slots = Slots::default();
    let checked = validate(body)
        .and_then(|root| project_checked(body, root, &Members::NONE, shape, 0, &mut slots, misfit));
    checked.is_ok()
}

/// What the steps of `onError` know, as JSON.
fn error_object(failed: &Failed) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.extend_from_slice(b"{\"code\":\"");
    escape_into(failed.reject.code().as_bytes(), &mut out);
    out.extend_from_slice(b"\",\"message\":\"");
    escape_into(failed.reject.message().as_bytes(), &mut out);
    out.push(b'"');
    if let Some(reply) = &failed.reply {
        out.extend_from_slice(format!(",\"status\":{}", reply.status).as_bytes());
        let plain = out.len();
        out.extend_from_slice(b",\"body\":");
        out.extend_from_slice(&without_lone_surrogates(&reply.body));
        out.push(b'}');
        if is_object(&reply.body) && validate(&out).is_ok() {
            return out;
        }
        out.truncate(plain);
    }
    out.push(b'}');
    out
}

/// Only an object says more than its status.
fn is_object(body: &[u8]) -> bool {
    body.len() <= ERROR_BODY_BYTES_MAX
        && simdutf8::basic::from_utf8(body).is_ok()
        && validate(body).is_ok_and(|root| root.kind == SlotKind::Object)
}

/// Whether no segment leads elsewhere; holes are escaped, so that only whole segments could. The
/// client would refuse it, too, without knowing that a value is at fault.
fn keeps_its_path(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.starts_with('/') && !path.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn is_printable(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

/// Appends a text as a part of a URL: all but the unreserved characters (RFC 3986 section 2.3) as
/// `%XX`.
pub fn percent_encode(text: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte),
            _ => out.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stand_as_they_are() {
        let mut out = Vec::new();
        percent_encode("aZ9-._~ /?#%&=+:@\u{e9}\0\r\n".as_bytes(), &mut out);
        let wanted = "aZ9-._~%20%2F%3F%23%25%26%3D%2B%3A%40%C3%A9%00%0D%0A";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn no_segment_leads_elsewhere() {
        for good in ["/", "/a/b", "/a/...", "/.a/b.", "/a/?x=../..", "/a/%2E%2E"] {
            assert!(keeps_its_path(good), "{good}");
        }
        for bad in ["", "a", "/..", "/a/./b", "/a/..?x=1", "//../"] {
            assert!(!keeps_its_path(bad), "{bad}");
        }
    }

    #[test]
    fn an_error_tells_of_objects_only() {
        let told = |body: &str| {
            let reply = Reply { status: 401, body: body.as_bytes().into() };
            let failed = Failed { reject: Reject::BackendRefused, reply: Some(reply) };
            String::from_utf8(error_object(&failed)).unwrap()
        };
        let plain = "{\"code\":\"backend_refused\",\"message\":\"a service this needs refused\",\
                     \"status\":401";
        assert_eq!(
            told("{\"message\":\"No\"}"),
            format!("{plain},\"body\":{{\"message\":\"No\"}}}}")
        );
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(63), "]".repeat(63));
        for body in ["", "nope", "\"text\"", "[1]", "{\"a\":1", "{}}", &deep] {
            assert_eq!(told(body), format!("{plain}}}"), "{body}");
        }
    }
}
