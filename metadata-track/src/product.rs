//! The product card and its fields. Each field's type admits only what may go on air.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use crate::currency::Currency;

/// A product as viewers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The shop's own identifier.
    pub id: ProductId,
    /// What the card calls it.
    pub name: ProductName,
    /// A picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<WebAddress>,
    /// What it costs.
    pub price: Price,
    /// How many are left; absent when the shop does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
    /// Where it is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<WebAddress>,
}

/// A change to the product on air; what is absent stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductUpdate {
    /// The product on air.
    pub id: ProductId,
    /// The new price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// How many are left now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<u32>,
}

/// A product by its identifier alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductRef {
    /// The product on air.
    pub id: ProductId,
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// In the currency's minor units: 4990 is 49.90 EUR, and 4990 JPY.
    pub amount: Amount,
    /// ISO 4217 code, such as `EUR`.
    pub currency: Currency,
}

/// Money in minor units, 0 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64")]
pub struct Amount(i64);

impl Amount {
    /// The largest amount: JSON readers in browsers hold integers exactly up to here.
    const MAX: i64 = (1 << 53) - 1;

    /// Minor units.
    pub fn minor_units(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Amount {
    type Error = String;

    fn try_from(amount: i64) -> Result<Self, String> {
        if (0..=Self::MAX).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err(format!(
                "must be a whole number of the currency's minor units from 0 to {}, got {amount}",
                Self::MAX
            ))
        }
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": Self::MAX })
    }
}

/// Defines a string type that is checked when it is made, with its JSON Schema.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr, $problem:literal, $schema:tt) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err($problem) }
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

checked_text!(
    /// A shop's identifier of a product.
    ProductId,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)),
    "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
    { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" }
);

checked_text!(
    /// A product's name: not blank, no control characters.
    ProductName,
    |text| (1..=200).contains(&text.chars().count())
        && !text.trim().is_empty()
        && !text.chars().any(char::is_control),
    "must be 1 to 200 characters, not all blank, without line breaks or other control characters",
    { "type": "string", "minLength": 1, "maxLength": 200 }
);

checked_text!(
    /// An address that a page may load or link to: `http`, `https`, or a path on the page's own host.
    ///
    /// Other schemes (`javascript:`) and other hosts in disguise (`//host`, `/\host`) are refused, since
    /// the player page puts it into a link.
    WebAddress,
    is_web_address,
    "must begin with https://, http:// or one '/', be at most 2048 bytes of ASCII without blanks, quotes, '<', '>' or '\\'; percent-encode the rest",
    { "type": "string", "maxLength": 2048, "pattern": "^(https?://[^/]|/([^/]|$))[!#-;=?-\\[\\]-~]*$" }
);

fn is_web_address(text: &str) -> bool {
    let begins = ["https://", "http://", "/"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .is_some_and(|rest| !rest.starts_with('/') && (!rest.is_empty() || text == "/"));
    begins
        && text.len() <= 2048
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_are_http_or_a_path_on_the_same_host() {
        let long = format!("https://shop.example/{}", "a".repeat(2048));
        let table = [
            ("https://shop.example/a?b=c#d", true),
            ("http://127.0.0.1:8080/a", true),
            ("/media/lamp.jpg", true),
            ("/", true),
            ("//evil.example/a", false),
            ("/\\evil.example", false),
            ("https:///a", false),
            ("https://", false),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("lamp.jpg", false),
            ("", false),
            ("https://shop.example/a b", false),
            ("https://shop.example/\u{e9}", false),
            ("https://shop.example/\"", false),
            (long.as_str(), false),
        ];
        for (text, allowed) in table {
            assert_eq!(WebAddress::try_from(text.to_owned()).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn names_are_counted_in_characters_and_may_be_of_any_script() {
        let table = [
            ("Стул «Уют»".to_owned(), true),
            ("é".repeat(200), true),
            ("é".repeat(201), false),
            ("  ".to_owned(), false),
            ("a\nb".to_owned(), false),
        ];
        for (text, allowed) in table {
            assert_eq!(ProductName::try_from(text.clone()).is_ok(), allowed, "{text}");
        }
    }
}
