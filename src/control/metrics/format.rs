//! Prometheus' text format, version 0.0.4.
//!
//! Invariants: the samples of a family stand together behind its `HELP` and `TYPE`; whatever a
//! label's value is, it cannot end its line.

use std::fmt::{Display, Write};

/// What a family's samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Labels by name.
pub(super) type Labels<'l> = &'l [(&'static str, &'l str)];

/// A page in the making.
#[derive(Default)]
pub(super) struct Page {
    text: String,
}

/// The samples of one family.
pub(super) struct Family<'p> {
    text: &'p mut String,
    name: &'p str,
}

impl Page {
    pub(super) fn family<'p>(&'p mut self, name: &'p str, kind: Kind, help: &str) -> Family<'p> {
        let text = &mut self.text;
        text.push_str(&format!("# HELP {name} "));
        escape(help, false, text);
        text.push_str(&format!("\n# TYPE {name} {}\n", kind.name()));
        Family { text, name }
    }

    /// A family of one sample.
    pub(super) fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    pub(super) fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.line("", labels, None, value);
    }

    /// Counts of buckets that are not cumulative, one more than there are bounds.
    pub(super) fn histogram(
        &mut self,
        labels: Labels<'_>,
        bounds_s: &[f64],
        counts: &[u64],
        sum_s: f64,
    ) {
        let mut all = 0;
        let bounds = bounds_s.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(counts) {
            all += count;
            self.line("_bucket", labels, Some(("le", &bound)), all);
        }
        self.line("_sum", labels, None, sum_s);
        self.line("_count", labels, None, all);
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: Labels<'_>,
        more: Option<(&'static str, &str)>,
        value: impl Display,
    ) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let all = labels.iter().copied().chain(more);
        for (place, (name, value)) in all.enumerate() {
            self.text.push_str(if place == 0 { "{" } else { "," });
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, true, self.text);
            self.text.push('"');
        }
        if !labels.is_empty() || more.is_some() {
            self.text.push('}');
        }
        // Writing to memory does not fail.
        writeln!(self.text, " {value}").unwrap_or_default();
    }
}

fn escape(text: &str, quoted: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quoted => out.push_str("\\\""),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_breaks_out_of_its_line() {
        let mut page = Page::default();
        let mut family = page.family("a_total", Kind::Counter, "say \"a\\b\"\nor c");
        family.sample(&[("x", "\"} 1\n# TYPE b gauge\\")], 3);
        assert_eq!(
            page.into_text(),
            "# HELP a_total say \"a\\\\b\"\\nor c\n# TYPE a_total counter\n\
             a_total{x=\"\\\"} 1\\n# TYPE b gauge\\\\\"} 3\n"
        );
    }

    #[test]
    fn buckets_add_up() {
        let mut page = Page::default();
        let mut family = page.family("h_seconds", Kind::Histogram, "h");
        family.histogram(&[("a", "b")], &[0.001, 0.5], &[2, 0, 3], 7.25);
        let lines: Vec<String> = page.into_text().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "h_seconds_bucket{a=\"b\",le=\"0.001\"} 2",
                "h_seconds_bucket{a=\"b\",le=\"0.5\"} 2",
                "h_seconds_bucket{a=\"b\",le=\"+Inf\"} 5",
                "h_seconds_sum{a=\"b\"} 7.25",
                "h_seconds_count{a=\"b\"} 5",
            ]
        );
    }
}
