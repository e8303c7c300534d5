//! A JSON document as a tree that borrows its strings from the body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value; of a key that an object repeats, every value is kept.
#[derive(Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer that 64 bits hold.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Json<'a>>),
    /// An object, in the order of the document.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// The document that `body` holds.
    pub fn parse(body: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Json::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Json::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element()? {
            list.push(value);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some((Key(key), value)) = map.next_entry()? {
            object.push((key, value));
        }
        Ok(Json::Object(object))
    }
}

/// `Cow` alone would copy: serde borrows it only where a field asks for that.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_unless_they_are_escaped() {
        let json = Json::parse(br#"{"a": "b", "\u0063": "\n"}"#).unwrap();
        let Json::Object(fields) = json else { panic!() };
        let [(a, Json::Text(b)), (c, Json::Text(newline))] = &fields[..] else {
            panic!()
        };
        assert!(matches!((a, b), (Cow::Borrowed("a"), Cow::Borrowed("b"))));
        assert_eq!((&**c, &**newline), ("c", "\n"));
    }

    #[test]
    fn numbers_keep_their_kind() {
        let json = Json::parse(b"[1, 1.0, -9223372036854775808, 18446744073709551615]");
        let integer = |value| Json::Integer(value);
        let expected = vec![
            integer(1),
            Json::Float(1.0),
            integer(i64::MIN.into()),
            integer(u64::MAX.into()),
        ];
        assert_eq!(json.unwrap(), Json::List(expected));
        assert_eq!(
            Json::parse(b"18446744073709551616").unwrap(),
            Json::Float(2f64.powi(64))
        );
    }

    #[test]
    fn floats_are_read_to_the_nearest_double() {
        for text in [
            "0.1",
            "51.24817837550540",
            "3.4028235677973366e38",
            "8.383658838626809e-78",
        ] {
            let json = Json::parse(text.as_bytes()).unwrap();
            assert_eq!(json, Json::Float(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [
            &b""[..],
            b"{",
            b"[NaN]",
            b"[Infinity]",
            b"1 2",
            b"\"\xff\"",
            b"'a'",
            b"\xef\xbb\xbf{}",
            b"[1,]",
        ] {
            assert!(Json::parse(body).is_err(), "{body:?}");
        }
    }
}
