//! A wallet's row, and reading what a wallet calls itself.
use crate::instances::settings::Attributes;
use crate::strategies::{Chain, Strategy};
use usher_crypto::web3::{EthereumAddress, Refusal, SolanaAddress};
use usher_db::row;
use usher_types::Timestamp;
use usher_types::id::{IdentificationId, InstanceId, UserId, VerificationId};

/// Wallets of one user at most.
pub const MAX: i64 = 20;

row! {
    /// A wallet of a user. It is proved when something verified it.
    pub struct WalletRow {
        pub instance_id: InstanceId,
        pub id: IdentificationId,
        pub user_id: UserId,
        pub web3_wallet: String,
        pub wallet_normal: String,
        /// Nobody else may have it proved.
        pub claimed: bool,
        pub verification_strategy: Option<String>,
        pub verification_id: Option<VerificationId>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
    }
}

impl WalletRow {
    /// Proved to be the user's.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verification_strategy.is_some()
    }
    /// Proved, and there is a way to sign in by it.
    #[must_use]
    pub fn signs_in(&self, attributes: &Attributes) -> bool {
        self.is_verified() && Wallet::offered(attributes, &self.web3_wallet).is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Ethereum(EthereumAddress),
    Solana(SolanaAddress),
}

/// A wallet's address, in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    address: Address,
    shown: String,
}

impl Wallet {
    /// Reads an address of either chain: Ethereum's with a right checksum or none, Solana's with a key that can sign.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(address) = EthereumAddress::parse(text) {
            return Some(Self {
                address: Address::Ethereum(address),
                shown: address.to_string(),
            });
        }
        SolanaAddress::parse(text).map(|address| Self {
            address: Address::Solana(address),
            shown: text.to_owned(),
        })
    }
    /// The same, where the instance offers a way to sign with such a wallet.
    #[must_use]
    pub fn offered(attributes: &Attributes, text: &str) -> Option<Self> {
        if attributes.web3_wallet.is_empty() {
            return None;
        }
        Self::parse(text).filter(|w| attributes.wallet_strategies(w.chain()).next().is_some())
    }
    /// As it is shown: Ethereum's with its checksum.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }
    /// As it is compared.
    #[must_use]
    pub fn normal(&self) -> String {
        match self.address {
            Address::Ethereum(_) => self.shown.to_ascii_lowercase(),
            Address::Solana(_) => self.shown.clone(),
        }
    }
    /// Whose keys it holds.
    #[must_use]
    pub fn chain(&self) -> Chain {
        match self.address {
            Address::Ethereum(_) => Chain::Ethereum,
            Address::Solana(_) => Chain::Solana,
        }
    }
    /// The instance offers this strategy, and this wallet can sign for it.
    #[must_use]
    pub fn takes(&self, attributes: &Attributes, strategy: Strategy) -> bool {
        strategy.chain() == Some(self.chain()) && attributes.web3_wallet.contains(&strategy)
    }
    /// The message that a person reads and signs (EIP-4361, and Solana's form of it), in ASCII: the official library hands it to
    /// wallets one byte a character.
    #[must_use]
    pub fn message(&self, asked: &Asked<'_>) -> String {
        let (chain, id) = match self.address {
            Address::Ethereum(_) => ("Ethereum", "1"),
            Address::Solana(_) => ("Solana", "mainnet"),
        };
        let domain = asked.origin.split_once("://").map_or(asked.origin, |o| o.1);
        format!(
            "{domain} wants you to sign in with your {chain} account:\n{address}\n\n{statement}\n\nURI: {uri}\nVersion: 1\nChain ID: {id}\nNonce: {nonce}\nIssued At: {from}\nExpiration Time: {until}",
            address = self.shown,
            statement = asked.purpose.statement(),
            uri = asked.origin,
            nonce = asked.nonce,
            from = asked.from.to_rfc3339(),
            until = asked.until.to_rfc3339(),
        )
    }
    /// Whether the wallet's key signed the message.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(&self, message: &str, signature: &str) -> Result<(), Refusal> {
        match self.address {
            Address::Ethereum(address) => address.verify(message, signature),
            Address::Solana(address) => address.verify(message, signature),
        }
    }
}

/// What a signature is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in.
    SignIn,
    /// To sign up.
    SignUp,
    /// To put the wallet into the signed-in account.
    Connect,
}

impl Purpose {
    /// What the person reads: one line, in ASCII (EIP-4361).
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Self::SignIn => {
                "Sign in with this wallet. This is no transaction, and it costs nothing."
            }
            Self::SignUp => {
                "Create an account with this wallet. This is no transaction, and it costs nothing."
            }
            Self::Connect => {
                "Connect this wallet to your account. This is no transaction, and it costs nothing."
            }
        }
    }
}

/// What goes into a message.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What for.
    pub purpose: Purpose,
    /// The page's origin.
    pub origin: &'a str,
    /// Unguessable, of this message alone.
    pub nonce: &'a str,
    /// Made now.
    pub from: Timestamp,
    /// Worth nothing afterwards.
    pub until: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::{Asked, Attributes, Purpose, Strategy, Wallet};
    use usher_types::Timestamp;

    const ETHEREUM: &str = "0x52908400098527886e0f7030069857d2e4169ee7";
    const SOLANA: &str = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM";

    #[test]
    fn a_message_is_what_eip_4361_says() {
        let wallet = Wallet::parse(ETHEREUM).expect("an address");
        let asked = Asked {
            purpose: Purpose::SignIn,
            origin: "https://app.example.com:8443",
            nonce: "32891756abc",
            from: Timestamp(1_767_323_045_678),
            until: Timestamp(1_767_323_345_678),
        };
        assert_eq!(
            wallet.message(&asked),
            "app.example.com:8443 wants you to sign in with your Ethereum account:\n0x52908400098527886E0F7030069857D2E4169EE7\n\nSign in with this wallet. This is no transaction, and it costs nothing.\n\nURI: https://app.example.com:8443\nVersion: 1\nChain ID: 1\nNonce: 32891756abc\nIssued At: 2026-01-02T03:04:05Z\nExpiration Time: 2026-01-02T03:09:05Z"
        );
        let solana = Wallet::parse(SOLANA).expect("an address").message(&asked);
        assert!(
            solana.contains(&format!(
                "sign in with your Solana account:\n{SOLANA}\n\nSign in"
            )) && solana.contains("\nChain ID: mainnet\n"),
            "{solana}"
        );
        for purpose in [Purpose::SignIn, Purpose::SignUp, Purpose::Connect] {
            let statement = purpose.statement();
            assert!(statement.is_ascii() && !statement.contains('\n'));
        }
    }

    #[test]
    fn wallets_are_read_where_a_way_to_sign_with_them_is_offered() {
        let offers = |ways: &[Strategy]| Attributes {
            web3_wallet: ways.to_vec(),
            ..Attributes::default()
        };
        let offered =
            |ways: &[Strategy], text: &str| Wallet::offered(&offers(ways), text).is_some();
        assert!(!offered(&[], ETHEREUM));
        assert!(offered(&[Strategy::Web3Base], ETHEREUM));
        assert!(!offered(&[Strategy::Web3Base], SOLANA));
        assert!(offered(&[Strategy::Web3Solana], SOLANA));
        assert!(!offered(&[Strategy::Web3Solana], ETHEREUM));
        let wallet = Wallet::parse(ETHEREUM).expect("an address");
        let both = offers(&[Strategy::Web3Base, Strategy::Web3Solana]);
        assert!(wallet.takes(&both, Strategy::Web3Base));
        assert!(!wallet.takes(&both, Strategy::Web3Metamask), "it is not on");
        assert!(!wallet.takes(&both, Strategy::Web3Solana));
        assert_eq!(wallet.normal(), ETHEREUM);
        assert_eq!(
            Wallet::parse(&format!(" {SOLANA} ")).map(|w| w.normal()),
            Some(SOLANA.to_owned())
        );
    }
}
