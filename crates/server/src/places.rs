//! Where an address is: city and country by a database of the operator's (MaxMind's format: GeoLite2 City and the like). None
//! comes with the server; their licences forbid it. Looked up in memory: nobody outside learns who signs in.
use maxminddb::{Reader, geoip2};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In English.
    pub city: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
}

/// A database of places.
#[derive(Clone)]
pub struct Places(Arc<Reader<Vec<u8>>>);

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.metadata().database_type)
    }
}

impl Places {
    /// Reads a file, whole: a newer one is taken at the next start.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        Self::read(bytes).map_err(|e| format!("{}: {e}", path.display()))
    }
    /// Reads a file's bytes.
    ///
    /// # Errors
    /// One line that says what is wrong with them.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let reader =
            Reader::from_source(bytes).map_err(|e| format!("no database of places: {e}"))?;
        let kind = &reader.metadata().database_type;
        if !kind.contains("City") && !kind.contains("Country") {
            return Err(format!(
                "a database of {kind}, and none of cities or countries"
            ));
        }
        Ok(Self(Arc::new(reader)))
    }
    /// The place of an address; of what is no address, or is not in the database, nothing is known.
    #[must_use]
    pub fn of(&self, address: &str) -> Place {
        let Ok(address) = address.parse::<IpAddr>() else {
            return Place::default();
        };
        let found = self.0.lookup(address.to_canonical());
        match found.and_then(|found| found.decode::<geoip2::City<'_>>()) {
            Ok(Some(found)) => Place {
                city: found.city.names.english.map(str::to_owned),
                country: found.country.iso_code.map(str::to_owned),
            },
            Ok(None) => Place::default(),
            Err(e) => {
                tracing::warn!("The database of places cannot be read: {e}");
                Place::default()
            }
        }
    }
}
