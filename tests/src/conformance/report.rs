//! A report as it is printed.

use std::fmt;

use super::Report;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figures) in &self.figures {
            writeln!(f, "{name}\n{figures}")?;
        }
        let looked_at = self.findings.looked_at();
        let rules: Vec<String> = looked_at
            .iter()
            .map(|(spec, times)| format!("{spec}×{times}"))
            .collect();
        writeln!(f, "{} rules looked at: {}", rules.len(), rules.join(" "))?;
        for failure in &self.failures {
            writeln!(f, "could not follow: {failure}")?;
        }
        for violation in self.findings.violations() {
            writeln!(f, "{violation}")?;
        }
        write!(f, "{} violations", self.findings.count())
    }
}
