//! One window of a browser, used as a person does: a page opened, keys pressed, its text read.

use super::transcript::fits;
use crate::support::chromium::{self, Chromium};
use crate::support::patiently;

/// Where the page waits for something to be typed.
const FIELD: &str = "document.readyState === 'complete' \
    && ['INPUT', 'TEXTAREA'].includes(document.activeElement.tagName)";

pub struct Window(chromium::Window);

impl Window {
    pub fn open(browser: &mut Chromium) -> Window {
        Window(browser.window())
    }

    pub fn go(&mut self, url: &str) {
        self.0.open(url);
    }

    /// Types into the field that has the focus; false when none gets it.
    pub fn type_line(&mut self, text: &str) -> bool {
        let ready = patiently(|| self.0.run(FIELD).as_bool().filter(|is| *is)).is_some();
        if ready {
            self.0.type_line(text);
        }
        ready
    }

    /// Waits for a line of the page that is what the document shows, however wide its gaps are.
    pub fn shows(&mut self, shown: &str) -> bool {
        let narrow = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = || self.text().lines().any(|line| fits(shown, &narrow(line))).then_some(());
        patiently(found).is_some()
    }

    /// All that the page shows now.
    pub fn text(&mut self) -> String {
        let text = self.0.run("document.body?.innerText ?? ''");
        text.as_str().unwrap_or_default().to_owned()
    }
}
