//! Test results as JUnit's XML, which build servers read.

use std::io::{self, Write};
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesText, Event};

/// One test's result.
#[derive(Clone, Debug)]
pub(crate) struct Entry<'a> {
    /// What it belongs to.
    pub(crate) suite: &'a str,
    /// What it is called.
    pub(crate) name: &'a str,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Why it failed; none if it passed.
    pub(crate) failure: Option<String>,
}

/// Writes the results.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn write(out: impl Write, entries: &[Entry<'_>]) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(out, b' ', 2);
    let failed = |entries: &[&Entry<'_>]| entries.iter().filter(|e| e.failure.is_some()).count();
    let mut suites: Vec<&str> = Vec::new();
    for entry in entries {
        if !suites.contains(&entry.suite) {
            suites.push(entry.suite);
        }
    }
    writer.write_event(Event::Decl(quick_xml::events::BytesDecl::new(
        "1.0",
        Some("UTF-8"),
        None,
    )))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        for suite in suites {
            let entries: Vec<&Entry<'_>> = entries.iter().filter(|e| e.suite == suite).collect();
            let time: Duration = entries.iter().map(|entry| entry.elapsed).sum();
            writer
                .create_element("testsuite")
                .with_attribute(("name", printable(suite).as_str()))
                .with_attribute(("tests", entries.len().to_string().as_str()))
                .with_attribute(("failures", failed(&entries).to_string().as_str()))
                .with_attribute(("time", seconds(time).as_str()))
                .write_inner_content(|writer| {
                    for entry in entries {
                        test(writer, entry)?;
                    }
                    Ok(())
                })?;
        }
        Ok(())
    })?;
    writer.get_mut().write_all(b"\n")?;
    writer.get_mut().flush()
}

fn test(writer: &mut Writer<impl Write>, entry: &Entry<'_>) -> io::Result<()> {
    let (name, suite) = (printable(entry.name), printable(entry.suite));
    let time = seconds(entry.elapsed);
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", suite.as_str()))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", time.as_str()));
    match &entry.failure {
        None => element.write_empty()?,
        Some(failure) => element.write_inner_content(|writer| {
            let failure = printable(failure);
            let first = failure.lines().next().unwrap_or_default();
            writer
                .create_element("failure")
                .with_attribute(("message", first))
                .write_text_content(BytesText::new(&failure))?;
            Ok(())
        })?,
    };
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.3}", time.as_secs_f64())
}

/// XML has no way to write most control characters.
fn printable(text: &str) -> String {
    let printable = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    text.chars().map(|c| if printable(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_xml_whatever_they_say() {
        let entry = |suite, name, failure: Option<&str>| Entry {
            suite,
            name,
            elapsed: Duration::from_millis(1_234),
            failure: failure.map(str::to_owned),
        };
        let entries = [
            entry("cases", "a<b", None),
            entry("tests", "c", Some("left \"1\" & right\u{1b}[31m\n  in a line below")),
            entry("cases", "d", None),
        ];
        let mut out = Vec::new();
        write(&mut out, &entries).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            r#"<testsuite name="cases" tests="2" failures="0" time="2.468">"#,
            r#"<testsuite name="tests" tests="1" failures="1" time="1.234">"#,
            r#"<testcase classname="cases" name="a&lt;b" time="1.234"/>"#,
            "&amp; right\u{fffd}[31m",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let mut reader = quick_xml::Reader::from_str(&text);
        while !matches!(reader.read_event().unwrap(), Event::Eof) {}
    }
}
