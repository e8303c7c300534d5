//! A JSON document as a tree that borrows its strings from the body.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use memchr::memchr_iter;
use serde::de::value::MapAccessDeserializer;
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

/// A body with `0` for each `-0`, which is an integer, but which `serde_json` would read
/// as a float. `-0.0` and `-0e0` are floats and stay.
pub fn without_minus_zero(body: &[u8]) -> Cow<'_, [u8]> {
    let is_one = |at: &usize| {
        let after = |distance: usize| body.get(at + distance);
        let longer = matches!(after(2), Some(b'0'..=b'9' | b'.' | b'e' | b'E'));
        let exponent = *at > 0 && matches!(body[at - 1], b'e' | b'E');
        after(1) == Some(&b'0') && !longer && !exponent
    };
    if !memchr_iter(b'-', body).any(|at| is_one(&at)) {
        return Cow::Borrowed(body);
    }
    let (mut new, mut in_text, mut at) = (body.to_vec(), false, 0);
    while at < body.len() {
        match body[at] {
            b'"' => in_text = !in_text,
            b'\\' if in_text => at += 1, // a quote may follow
            b'-' if !in_text && is_one(&at) => new[at] = b' ',
            _ => {}
        }
        at += 1;
    }
    Cow::Owned(new)
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

/// What is an object in JSON: a derived struct alone is read from a list, too.
#[derive(Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData)).map(Self)
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

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
    fn minus_zero_is_an_integer_where_no_text_says_it() {
        for (body, expected) in [
            ("-0", " 0"),
            (r#"{"-0":[-0,-0 ,-0]}"#, r#"{"-0":[ 0, 0 , 0]}"#),
            (r#"["a\"-0","\\",-0]"#, r#"["a\"-0","\\", 0]"#),
            ("[-0.0,-0e0,-0E1,1e-0,1E-0,-01,-10]", ""),
            (r#"["1-0","-0"]"#, ""),
            ("-", ""),
            ("[--0]", "[- 0]"),
        ] {
            let expected = if expected.is_empty() { body } else { expected };
            let found = without_minus_zero(body.as_bytes());
            assert_eq!(str::from_utf8(&found).unwrap(), expected);
        }
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
