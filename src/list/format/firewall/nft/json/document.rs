//! The objects of a document, one after the other, and the members and elements of values.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Calls `take` with each object of a document.
pub fn objects<'a>(
    text: &'a [u8],
    take: &mut dyn FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    Objects(take).deserialize(&mut json)?;
    json.end()
}

/// Calls `take` with each element of an array.
pub fn each<'a>(
    array: &'a RawValue,
    take: &mut dyn FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(array.get());
    Elements(take).deserialize(&mut json)
}

/// The name and the value of the one member of an object.
pub fn member(object: &RawValue) -> Option<(&str, &RawValue)> {
    struct Member<'a>(PhantomData<&'a ()>);
    impl<'de: 'a, 'a> Visitor<'de> for Member<'a> {
        type Value = (&'a str, &'a RawValue);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with one member")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let member = map.next_entry()?.ok_or_else(|| A::Error::custom("no member"))?;
            match map.next_key::<IgnoredAny>()? {
                None => Ok(member),
                Some(_) => Err(A::Error::custom("two members")),
            }
        }
    }
    if !object.get().starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Member(PhantomData)).ok()
}

struct Objects<'f, 'a>(&'f mut dyn FnMut(&'a RawValue));

impl<'de> DeserializeSeed<'de> for Objects<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document of nft")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_read = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != "nftables" {
                map.next_value::<IgnoredAny>()?;
            } else if std::mem::replace(&mut is_read, true) {
                return Err(A::Error::custom("two lists of objects"));
            } else {
                map.next_value_seed(Elements(self.0))?;
            }
        }
        Ok(())
    }
}

struct Elements<'f, 'a>(&'f mut dyn FnMut(&'a RawValue));

impl<'de> DeserializeSeed<'de> for Elements<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            (self.0)(element);
        }
        Ok(())
    }
}
