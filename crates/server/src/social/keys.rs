//! What providers publish about themselves: discovery documents and key sets, fetched through the one way out and kept for an
//! hour. A token that names a key we do not have makes us look again, once a minute at most.
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use usher_types::Timestamp;

/// Milliseconds a document is kept.
const LIFE_MS: i64 = 3600 * 1000;
/// Milliseconds before an unknown key makes us ask again.
const AGAIN_MS: i64 = 60 * 1000;
/// Documents that are kept; connections are the operator's, so there are few.
const MOST: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Published(Mutex<HashMap<String, (Timestamp, Arc<Value>)>>);

impl Published {
    /// The document of an address, while it counts. `stale` says that it did not have what was looked for.
    #[must_use]
    pub fn get(&self, url: &str, now: Timestamp, stale: bool) -> Option<Arc<Value>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, document) = kept.get(url)?;
        let age = now.since(*at);
        // A clock that was set back makes a document of the future: it is asked for again.
        let life = if stale { AGAIN_MS } else { LIFE_MS };
        ((0..life).contains(&age)).then(|| Arc::clone(document))
    }

    /// Keeps a document.
    pub fn put(&self, url: &str, document: Arc<Value>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(url.to_owned(), (now, document));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_is_kept_an_hour_and_doubted_after_a_minute() {
        let published = Published::default();
        published.put("u", Arc::new(json!(1)), Timestamp(0));
        assert!(published.get("u", Timestamp(LIFE_MS - 1), false).is_some());
        assert!(published.get("u", Timestamp(LIFE_MS), false).is_none());
        assert!(published.get("u", Timestamp(AGAIN_MS - 1), true).is_some());
        assert!(published.get("u", Timestamp(AGAIN_MS), true).is_none());
        assert!(published.get("u", Timestamp(-1), false).is_none());
        assert!(published.get("v", Timestamp(0), false).is_none());
    }
}
