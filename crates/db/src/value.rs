//! What goes into a statement: five kinds of value, the same on both engines.
use std::borrow::Cow;
use usher_types::Timestamp;

/// A parameter or a column's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// BOOLEAN.
    Bool(bool),
    /// TEXT (also JSON).
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Everything that may stand for a `?`.
pub trait ToValue {
    /// The value to bind.
    fn to_value(&self) -> Value;
}

impl ToValue for Value {
    fn to_value(&self) -> Value {
        self.clone()
    }
}
impl ToValue for i64 {
    fn to_value(&self) -> Value {
        Value::Int(*self)
    }
}
impl ToValue for i32 {
    fn to_value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}
impl ToValue for bool {
    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}
impl ToValue for str {
    fn to_value(&self) -> Value {
        Value::Text(self.to_owned())
    }
}
impl ToValue for String {
    fn to_value(&self) -> Value {
        Value::Text(self.clone())
    }
}
impl ToValue for Cow<'_, str> {
    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}
impl ToValue for Vec<u8> {
    fn to_value(&self) -> Value {
        Value::Bytes(self.clone())
    }
}
impl ToValue for Timestamp {
    fn to_value(&self) -> Value {
        Value::Int(self.0)
    }
}
impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}
impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value {
        (**self).to_value()
    }
}
macro_rules! id_values {
    ($($id:ident),*) => {$(impl ToValue for usher_types::id::$id {
        fn to_value(&self) -> Value {
            Value::Text(self.as_str().to_owned())
        }
    })*};
}
id_values!(
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

/// The values of a statement, in the order of its `?`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::ToValue::to_value(&$value)),*][..] };
}

/// The LIKE pattern of texts that contain `text`, in lower case, whatever wildcards are in it.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 4);
    pattern.push('%');
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
