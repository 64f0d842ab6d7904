//! Which numbers get messages from us, and how: the operator's say on countries, against whoever has messages sent to numbers
//! that pay for being called (SMS pumping).
use super::number::PhoneNumber;
use crate::cx::Cx;
use crate::identifiers::contact::Channel;
use usher_types::ApiError;
use usher_types::error::codes as refuse;

/// The one verdict on sending to a number. Test identities get nothing, and so are of every country.
///
/// # Errors
/// 403 `unsupported_country_code`; 422 for a channel that the instance does not offer.
pub fn check(cx: &Cx, number: &PhoneNumber, channel: Channel) -> Result<(), ApiError> {
    let sms = &cx.instance.settings.sms;
    if channel == Channel::Whatsapp && !sms.whatsapp {
        return Err(refuse::form_param_value_invalid("channel").at("channel"));
    }
    if cx.instance.test_mode() && number.is_test() {
        return Ok(());
    }
    let (country, dialled) = number.country();
    if sms.reaches(country) {
        return Ok(());
    }
    Err(refuse::unsupported_country_code()
        .with("alpha2", country)
        .with("country_code", dialled))
}
