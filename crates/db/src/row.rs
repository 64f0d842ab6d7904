//! Rows, and the macro that turns one into a struct by listing its columns once.
use crate::db::DbError;
use crate::value::Value;
use usher_types::Timestamp;

/// One row: its values in the order of the selected columns.
#[derive(Debug)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    /// Takes column `index` out, converted; NULL is left there.
    ///
    /// # Errors
    /// A column that is missing or of another type: a mistake in a store file, found by its first test.
    pub fn get<T: FromColumn>(&mut self, index: usize) -> Result<T, DbError> {
        let column = self
            .0
            .get_mut(index)
            .ok_or_else(|| DbError::shape(format!("no column {index}")))?;
        T::from_column(std::mem::replace(column, Value::Null)).map_err(|other| {
            let text = format!("column {index} is {}", kind(&other));
            *column = other;
            DbError::shape(text)
        })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Int(_) => "an integer",
        Value::Bool(_) => "a boolean",
        Value::Text(_) => "text",
        Value::Bytes(_) => "bytes",
    }
}

/// What a column can become.
pub trait FromColumn: Sized {
    /// The value back, when it is of another type.
    ///
    /// # Errors
    /// As said.
    fn from_column(value: Value) -> Result<Self, Value>;
}
impl FromColumn for i64 {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Int(v) => Ok(v),
            Value::Bool(v) => Ok(i64::from(v)),
            other => Err(other),
        }
    }
}
impl FromColumn for bool {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Bool(v) => Ok(v),
            Value::Int(v) => Ok(v != 0),
            other => Err(other),
        }
    }
}
impl FromColumn for String {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Text(v) => Ok(v),
            other => Err(other),
        }
    }
}
impl FromColumn for Vec<u8> {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Bytes(v) => Ok(v),
            other => Err(other),
        }
    }
}
impl FromColumn for Timestamp {
    fn from_column(value: Value) -> Result<Self, Value> {
        i64::from_column(value).map(Timestamp)
    }
}
impl<T: FromColumn> FromColumn for Option<T> {
    fn from_column(value: Value) -> Result<Self, Value> {
        match value {
            Value::Null => Ok(None),
            other => T::from_column(other).map(Some),
        }
    }
}
macro_rules! id_columns {
    ($($id:ident),*) => {$(impl FromColumn for usher_types::id::$id {
        fn from_column(value: Value) -> Result<Self, Value> {
            String::from_column(value).map(Self::trusted)
        }
    })*};
}
id_columns!(
    ApplicationId,
    BackupCodesId,
    ClientId,
    ExternalAccountId,
    IdentificationId,
    InstanceId,
    MessageId,
    OrganizationId,
    SessionId,
    SignInId,
    SignUpId,
    TotpId,
    TrustedDeviceId,
    UserId,
    VerificationId
);

/// A struct that a row becomes.
pub trait FromRow: Sized {
    /// Reads the struct's columns, in their order.
    ///
    /// # Errors
    /// As [`Row::get`].
    fn from_row(row: &mut Row) -> Result<Self, DbError>;
}
impl<A: FromColumn> FromRow for (A,) {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok((row.get(0)?,))
    }
}
impl<A: FromColumn, B: FromColumn> FromRow for (A, B) {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok((row.get(0)?, row.get(1)?))
    }
}
impl<A: FromColumn, B: FromColumn, C: FromColumn> FromRow for (A, B, C) {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    }
}
impl<A: FromColumn, B: FromColumn, C: FromColumn, D: FromColumn> FromRow for (A, B, C, D) {
    fn from_row(row: &mut Row) -> Result<Self, DbError> {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    }
}

/// Declares a row struct: `COLUMNS` lists its columns once, `from_row` reads them in that order and `values` gives them
/// back for an insert, so that the three cannot drift apart.
#[macro_export]
macro_rules! row {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident: $ty:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $ty),* }
        impl $name {
            /// The columns, in the order of the fields.
            pub const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];
            /// The values, in the order of [`Self::COLUMNS`].
            #[must_use]
            pub fn values(&self) -> Vec<$crate::Value> {
                vec![$($crate::ToValue::to_value(&self.$field)),*]
            }
        }
        impl $crate::FromRow for $name {
            fn from_row(row: &mut $crate::Row) -> Result<Self, $crate::DbError> {
                let mut index = 0..;
                Ok(Self { $($field: row.get(index.next().unwrap_or(usize::MAX))?),* })
            }
        }
    };
}
