//! SQL of `phone_numbers`; the rest is that of every identifier.
use super::model::PhoneRow;
use crate::identifiers::store::Identifier;
use usher_db::{Value, params};

impl Identifier for PhoneRow {
    const TABLE: &'static str = "phone_numbers";
    const COLUMNS: &'static [&'static str] = Self::COLUMNS;
    const SELECT: &'static str = "SELECT instance_id, id, user_id, phone_number, reserved, claimed, verification_status, verification_strategy, verification_id, reserved_for_second_factor, default_second_factor, created_at, updated_at FROM phone_numbers";
    const CLAIMED: &'static str = "instance_id = ? AND phone_number = ? AND claimed";
    const UPDATE: &'static str = "UPDATE phone_numbers SET reserved = ?, claimed = ?, verification_status = ?, verification_strategy = ?, verification_id = ?, reserved_for_second_factor = ?, default_second_factor = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const SET_VERIFICATION: &'static str = "UPDATE phone_numbers SET verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const DELETE: &'static str = "DELETE FROM phone_numbers WHERE instance_id = ? AND id = ?";
    fn all(&self) -> Vec<Value> {
        self.values()
    }
    fn changing(&self) -> Vec<Value> {
        params![
            self.reserved,
            self.claimed,
            self.verification_status,
            self.verification_strategy,
            self.verification_id,
            self.reserved_for_second_factor,
            self.default_second_factor,
            self.updated_at,
            self.instance_id,
            self.id
        ]
        .to_vec()
    }
}
