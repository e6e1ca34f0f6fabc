//! The requests of those who follow or read logs.

use std::collections::BTreeSet;

use super::fields;
use super::lists::FILTER_ENTRIES_MAX;
use super::violations::Violations;
use crate::domain::ids::{ConsumerId, EventSequence, LocationId};
use crate::grpc::paging::Paging;
use crate::proto::holdfast::v1 as pb;

/// Locations that one stream names.
const LOCATIONS_MAX: usize = 1_000;

/// Which events to follow.
#[derive(Debug)]
pub(crate) struct Events {
    /// Whose logs; empty for all.
    pub(crate) location_ids: BTreeSet<LocationId>,
    /// Of which types; empty for all.
    pub(crate) types: BTreeSet<pb::EventType>,
    /// Where to go on; `None` for the beginning.
    pub(crate) resume_token: Option<String>,
    /// Under which name.
    pub(crate) consumer_id: Option<ConsumerId>,
}

/// Parses which events to follow.
///
/// # Errors
/// Every fault of the message. The token is left to whoever knows the logs.
pub(crate) fn events(request: pb::WatchEventsRequest) -> Result<Events, Violations> {
    let mut v = Violations::default();
    let location_ids = locations(&mut v, &request.location_ids);
    let types = types(&mut v, &request.types);
    let resume_token = given(request.resume_token);
    let consumer_id = consumer(&mut v, &request.consumer_id);
    v.finish(Some(Events {
        location_ids,
        types,
        resume_token,
        consumer_id,
    }))
}

/// Which releases to follow.
#[derive(Debug)]
pub(crate) struct Releases {
    /// Whose.
    pub(crate) location_id: LocationId,
    /// Where to go on; `None` for the beginning.
    pub(crate) resume_token: Option<String>,
    /// Under which name.
    pub(crate) consumer_id: Option<ConsumerId>,
}

/// Parses which releases to follow.
///
/// # Errors
/// Every fault of the message. The token is left to whoever knows the log.
pub(crate) fn releases(request: pb::WatchReleasesRequest) -> Result<Releases, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let resume_token = given(request.resume_token);
    let consumer_id = consumer(&mut v, &request.consumer_id);
    v.finish(location_id.map(|location_id| Releases {
        location_id,
        resume_token,
        consumer_id,
    }))
}

/// Which events to list.
#[derive(Debug)]
pub(crate) struct PastEvents {
    /// Whose log.
    pub(crate) location_id: LocationId,
    /// Of which types; empty for all.
    pub(crate) types: BTreeSet<pb::EventType>,
    /// Which page.
    pub(crate) paging: Paging<EventSequence>,
}

/// Parses which events to list.
///
/// # Errors
/// Every fault of the message.
pub(crate) fn past_events(request: &pb::ListEventsRequest) -> Result<PastEvents, Violations> {
    let mut v = Violations::default();
    let location_id = v.take("location_id", LocationId::parse(&request.location_id));
    let types = types(&mut v, &request.types);
    let list = format_args!("ListEvents {:?} {types:?}", request.location_id);
    let paging = Paging::parse(&mut v, request.page_size, &request.page_token, list);
    v.finish(location_id.map(|location_id| PastEvents {
        location_id,
        types,
        paging,
    }))
}

/// How far a consumer is.
#[derive(Debug)]
pub(crate) struct Ack {
    /// Its name.
    pub(crate) consumer_id: ConsumerId,
    /// Whose logs; empty for all.
    pub(crate) location_ids: BTreeSet<LocationId>,
    /// The last token that it dealt with.
    pub(crate) resume_token: String,
}

/// Parses how far a consumer is.
///
/// # Errors
/// Every fault of the message. The token is left to whoever knows the logs.
pub(crate) fn ack(request: pb::AckEventsRequest) -> Result<Ack, Violations> {
    let mut v = Violations::default();
    let consumer_id = v.take("consumer_id", ConsumerId::parse(&request.consumer_id));
    let location_ids = locations(&mut v, &request.location_ids);
    v.check(!request.resume_token.is_empty(), "resume_token", "is missing: send it");
    v.finish(consumer_id.map(|consumer_id| Ack {
        consumer_id,
        location_ids,
        resume_token: request.resume_token,
    }))
}

fn locations(v: &mut Violations, ids: &[String]) -> BTreeSet<LocationId> {
    fields::at_most(v, "location_ids", ids.len(), LOCATIONS_MAX);
    let named = ids.iter().take(LOCATIONS_MAX).enumerate();
    named
        .filter_map(|(at, id)| v.take(format_args!("location_ids[{at}]"), LocationId::parse(id)))
        .collect()
}

fn consumer(v: &mut Violations, id: &str) -> Option<ConsumerId> {
    let parsed = (!id.is_empty()).then(|| ConsumerId::parse(id))?;
    v.take("consumer_id", parsed)
}

fn given(token: String) -> Option<String> {
    Some(token).filter(|token| !token.is_empty())
}

fn types(v: &mut Violations, types: &[i32]) -> BTreeSet<pb::EventType> {
    fields::at_most(v, "types", types.len(), FILTER_ENTRIES_MAX);
    let known = |kind: pb::EventType| (kind != pb::EventType::Unspecified).then_some(kind);
    let numbered = types.iter().take(FILTER_ENTRIES_MAX).enumerate();
    numbered
        .filter_map(|(at, kind)| fields::specified(v, format_args!("types[{at}]"), *kind, known))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::tests::faults;

    #[test]
    fn every_fault_is_named_in_one_answer() {
        let watch = |ids: &[&str], types: &[i32]| {
            events(pb::WatchEventsRequest {
                location_ids: ids.iter().map(ToString::to_string).collect(),
                types: types.to_vec(),
                ..pb::WatchEventsRequest::default()
            })
        };
        assert!(watch(&[], &[1, 1]).is_ok());
        let named = watch(&["GNT", "BRU", "GNT"], &[]).expect("no fault");
        assert_eq!(named.location_ids.len(), 2);
        assert_eq!(faults(watch(&["BRU", ""], &[0])), ["location_ids[1]", "types[0]"]);
        assert_eq!(faults(watch(&["A"; 1_001], &[99])), ["location_ids", "types[0]"]);
        assert_eq!(faults(releases(pb::WatchReleasesRequest::default())), ["location_id"]);
        let request = pb::ListEventsRequest {
            types: vec![0],
            page_size: -1,
            page_token: "p".to_owned(),
            ..pb::ListEventsRequest::default()
        };
        let expected = ["location_id", "types[0]", "page_size", "page_token"];
        assert_eq!(faults(past_events(&request)), expected);
    }
}
