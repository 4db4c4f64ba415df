//! What a tenant says about the columns of its files: `feed.toml` in its folder. Pure.

use serde::Deserialize;

use crate::ingest::Options;

/// The most bytes of such a file.
pub(super) const MOST: u64 = 64 << 10;

/// The options of `nudge replay`, by their names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    user_field: Option<String>,
    node_field: Option<String>,
    time_field: Option<String>,
    kind_field: Option<String>,
    time_format: Option<String>,
    day_first: bool,
}

/// The options that `text` says.
pub(super) fn read(text: &str) -> Result<Options, String> {
    let written: Written = toml_edit::de::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text.get(..span.start).unwrap_or_default().matches('\n').count());
        format!("line {line}: {}", error.message().trim())
    })?;
    let Written { user_field, node_field, time_field, kind_field, time_format, day_first } =
        written;
    Ok(Options {
        user: user_field,
        node: node_field,
        time: time_field,
        kind: kind_field,
        time_format,
        day_first,
        keep: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b1_a_tenant_says_what_its_columns_are() {
        assert_eq!(read("").unwrap(), Options::default());
        let options = read("user_field = \"who\"\nkind_field = \"k\"\nday_first = true\n").unwrap();
        assert_eq!((options.user.as_deref(), options.kind.as_deref()), (Some("who"), Some("k")));
        assert!(options.day_first && options.keep.is_none());
        for (text, said) in [
            ("\nuser = \"who\"", "line 2: unknown field `user`"),
            ("day_first = 1", "line 1: "),
            ("user_field", "line 1: "),
        ] {
            let wrong = read(text).unwrap_err();
            assert!(wrong.starts_with(said), "{wrong}");
        }
    }
}
