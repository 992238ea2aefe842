//! Any text as a query or a media name: it is refused, or has one canonical spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vitrine_packager::request::{Directives, MediaName};

fuzz_target!(|text: &str| {
    if let Ok(directives) = Directives::parse(text) {
        let canonical = directives.to_string();
        assert_eq!(Directives::parse(&canonical), Ok(directives));
    }
    if let Some(name) = MediaName::parse(text) {
        assert_eq!(name.to_string(), text);
    }
});
