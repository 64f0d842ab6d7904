//! SQL of `web3_wallets`; the rest is that of every identifier.
use super::model::WalletRow;
use crate::identifiers::store::Identifier;
use usher_db::{Value, params};

impl Identifier for WalletRow {
    const TABLE: &'static str = "web3_wallets";
    const COLUMNS: &'static [&'static str] = Self::COLUMNS;
    const SELECT: &'static str = "SELECT instance_id, id, user_id, web3_wallet, wallet_normal, claimed, verification_strategy, verification_id, created_at, updated_at FROM web3_wallets";
    const CLAIMED: &'static str = "instance_id = ? AND wallet_normal = ? AND claimed";
    const UPDATE: &'static str = "UPDATE web3_wallets SET claimed = ?, verification_strategy = ?, verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const SET_VERIFICATION: &'static str = "UPDATE web3_wallets SET verification_id = ?, updated_at = ? WHERE instance_id = ? AND id = ?";
    const DELETE: &'static str = "DELETE FROM web3_wallets WHERE instance_id = ? AND id = ?";
    fn all(&self) -> Vec<Value> {
        self.values()
    }
    fn changing(&self) -> Vec<Value> {
        params![
            self.claimed,
            self.verification_strategy,
            self.verification_id,
            self.updated_at,
            self.instance_id,
            self.id
        ]
        .to_vec()
    }
}
