//! Sets in XML: of ipset, and of firewalld. Everything else in XML is refused.

use super::address::entry;
use super::{Found, What};

pub(super) fn read(text: &str) -> Result<Found, String> {
    let text = without_comments(text)?;
    let mut found = Found::new("XML");
    if text.contains("<ipsets>") {
        found.format = "ipset XML";
        if !text.contains("</ipsets>") {
            return Err("XML that is cut off".into());
        }
        for set in text.split("<ipset ").skip(1) {
            let name = set.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"'));
            let (name, set) = name.ok_or("a set without a name")?;
            for member in set.split("<member>").skip(1) {
                let member = member.split("</member>").next().unwrap_or_default();
                let nomatch = member.contains("<nomatch/>") || member.contains("<nomatch>");
                match element(member, "elem") {
                    Some(pair) if nomatch => found.add(0, name, What::Exception(pair)),
                    Some(pair) => found.add(0, name, What::Entry(pair)),
                    None => {}
                }
            }
        }
    } else if text.contains("<ipset type=") || text.contains("<ipset>") {
        found.format = "firewalld ipset";
        if !text.contains("</ipset>") {
            return Err("XML that is cut off".into());
        }
        let name = text.split_once("<short>").and_then(|(_, rest)| rest.split_once("</short>"));
        let name = name.map_or("", |(name, _)| name.trim());
        for part in text.split("<entry>").skip(1) {
            if let Some(pair) = element(&format!("<entry>{part}"), "entry") {
                found.add(0, name, What::Entry(pair));
            }
        }
    }
    if found.items.is_empty() { Err("XML, or HTML".into()) } else { Ok(found) }
}

fn element(text: &str, tag: &str) -> Option<super::Pair> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    let (inside, _) = rest.split_once(&format!("</{tag}>"))?;
    entry(inside.trim()).map(|(_, pair)| pair)
}

fn without_comments(text: &str) -> Result<String, String> {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some((front, behind)) = rest.split_once("<!--") {
        kept.push_str(front);
        rest = behind.split_once("-->").ok_or("a comment that is not closed")?.1;
    }
    Ok(kept + rest)
}
