//! Rows of recorded files as items: what a sender may say by itself, a file may say for it, and no more.

use super::clock;
use super::error::{Fault, Refused};
use super::fields;
use super::segment;
use super::take;
use super::{Deed, Item, Received, Who};
use crate::engine::event::{Event, Fields, Value, What};

/// The item that an event of a file is. It has no id: the file knows how far it was read.
///
/// # Errors
///
/// If something in it is longer than it may be, or is no id or name.
pub fn item(event: Event, received: &Received) -> Result<Item, Refused> {
    let Event { user, at, what } = event;
    take::user_id(&user).map_err(|refused| refused.within("user"))?;
    let at = clock::known(at, "time", received)?;
    let what = match what {
        What::Operation { name, fields } => {
            checked(Some(&name), &fields, received)?;
            segment::operation(name, fields)
        }
        What::Page { name, fields } => {
            checked(Some(&name), &fields, received)?;
            What::Page { name, fields }
        }
        What::Profile { fields } => {
            checked(None, &fields, received)?;
            What::Profile { fields }
        }
        other => other,
    };
    let who = Who { user: Some(user), anonymous: None };
    Ok(Item { id: None, who, at, deed: Deed::Happened(vec![what]) })
}

fn checked(name: Option<&str>, fields: &Fields, received: &Received) -> Result<(), Refused> {
    if let Some(name) = name {
        take::name_of(name).map_err(|refused| refused.within("node"))?;
    }
    let mut count = 0;
    let mut bytes = 0;
    for (name, value) in fields.iter() {
        count += 1;
        bytes += name.len();
        fields::named(name)?;
        if let Value::Text(text) = value {
            bytes += text.len();
            fields::short(text).map_err(|refused| refused.within(name))?;
        }
    }
    fields::few(count)?;
    let most = received.limits.item_bytes;
    if bytes > most {
        let reason = format!("{bytes} bytes where {most} are taken: leave something out");
        return Err(Refused::new(Fault::TooLarge, "", reason));
    }
    Ok(())
}
