//! Who waits for a call's answer: told exactly once, come what may.

use crate::backend::{Answer, Failure, Reply, Ticket};

pub(super) struct Waiter<A: Fn(Answer)> {
    ticket: Ticket,
    /// None once told.
    answers: Option<A>,
}

impl<A: Fn(Answer)> Waiter<A> {
    pub(super) fn new(ticket: Ticket, answers: A) -> Waiter<A> {
        Waiter { ticket, answers: Some(answers) }
    }

    pub(super) fn tell(mut self, result: Result<Reply, Failure>) {
        self.answer(result);
    }

    fn answer(&mut self, result: Result<Reply, Failure>) {
        if let Some(answers) = self.answers.take() {
            answers(Answer { ticket: self.ticket, result });
        }
    }
}

/// The call was lost on the way: a defect, but whoever waits shall not wait for ever.
impl<A: Fn(Answer)> Drop for Waiter<A> {
    fn drop(&mut self) {
        self.answer(Err(Failure::Broken));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::testing::call;
    use super::*;
    use crate::backend::Method;

    #[test]
    fn an_answer_is_given_once() {
        let heard = Mutex::new(Vec::new());
        let hear = |answer: Answer| heard.lock().expect("heard").push(answer.result);
        let ticket = call(Method::Get, "/").ticket;
        Waiter::new(ticket, &hear).tell(Err(Failure::Timeout));
        drop(Waiter::new(ticket, &hear));
        let heard = heard.lock().expect("heard");
        assert_eq!(*heard, [Err(Failure::Timeout), Err(Failure::Broken)]);
    }
}
