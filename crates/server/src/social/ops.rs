//! Trips to providers: starting one, and what comes of the answer. The state is used up before the provider is asked, the
//! provider is asked outside of any transaction, and what comes of it is one transaction more.
use super::connect;
use super::exchange;
use super::model::{Account, FlowRow, Purpose, TRIP_LIFE_MS, Trip};
use super::registry::{Connection, Endpoints};
use super::resource::verification;
use super::store;
use crate::audit::{self, Event};
use crate::cx::Cx;
use crate::identifiers::resource::VerificationResource;
use crate::{sign_ins, sign_ups};
use std::sync::Arc;
use usher_crypto::digest;
use usher_db::Tx;
use usher_http::origin::{is_loopback, split_host};
use usher_http::percent;
use usher_types::error::codes as refuse;
use usher_types::id::{ClientId, UserId, VerificationId};
use usher_types::{ApiError, Error, Fault, Result};

/// What a caller asks of a trip; the addresses have been checked.
#[derive(Clone, Debug, Default)]
pub struct Ways {
    /// Where the browser goes when there is something left to do.
    pub redirect_url: String,
    /// Where it goes when a session was made.
    pub complete_url: Option<String>,
    /// Asked for besides.
    pub scopes: Vec<String>,
    /// `prompt` of OpenID Connect.
    pub prompt: Option<String>,
    /// `login_hint` of OpenID Connect.
    pub hint: Option<String>,
}

/// What a trip is for.
pub struct For {
    /// Which kind.
    pub purpose: Purpose,
    /// The id of the sign-in, the sign-up or the account.
    pub subject: String,
    /// The browser.
    pub client: ClientId,
    /// Who is signed in, where an account is connected.
    pub user: Option<UserId>,
}

/// A trip that can start: where it leads is known.
pub struct Ready {
    /// To whom.
    pub connection: Arc<Connection>,
    endpoints: Endpoints,
    ways: Ways,
}

fn not_offered() -> ApiError {
    refuse::form_param_value_invalid("strategy").at("strategy")
}

/// The connection of a strategy that is offered.
///
/// # Errors
/// 422 for every other word.
pub fn offered(cx: &Cx, strategy: &str) -> Result<Arc<Connection>, ApiError> {
    cx.instance
        .social
        .by_strategy(strategy)
        .filter(|c| c.settings.enabled)
        .cloned()
        .ok_or_else(not_offered)
}

/// The same, of one that signs in.
///
/// # Errors
/// 422; 400 `oauth_non_authenticatable_provider`.
pub fn authenticating(cx: &Cx, strategy: &str) -> Result<Arc<Connection>, ApiError> {
    let connection = offered(cx, strategy)?;
    if connection.settings.sign_in {
        Ok(connection)
    } else {
        Err(refuse::oauth_non_authenticatable_provider())
    }
}

/// Learns where a trip leads. May ask the provider, so it comes before any transaction.
///
/// # Errors
/// 400 `misconfigured_oauth_provider`.
pub async fn ready(cx: &Cx, connection: Arc<Connection>, ways: Ways) -> Result<Ready, ApiError> {
    let endpoints = exchange::endpoints(cx, &connection).await?;
    Ok(Ready {
        connection,
        endpoints,
        ways,
    })
}

/// Where providers send browsers back to: the host that has this browser's client cookie.
fn redirect_uri(cx: &Cx) -> String {
    let base = match (&cx.request.proxy_url, cx.app.options.development) {
        (Some(proxy), _) => proxy.trim_end_matches('/').to_owned(),
        (None, true) => development_base(cx),
        (None, false) => cx.instance.issuer.clone(),
    };
    format!("{base}/v1/oauth_callback")
}

/// In development an app's own server may have passed the request on: cookies know no ports, so our port under the same name
/// has them too.
fn development_base(cx: &Cx) -> String {
    let port = split_host(&cx.instance.row.host).and_then(|(_, port)| port);
    match (split_host(&cx.request.host), port) {
        (Some((name, _)), Some(port)) if is_loopback(&name) => format!("http://{name}:{port}"),
        _ => cx.instance.portal_origin.clone(),
    }
}

fn trip_purpose(id: &VerificationId) -> String {
    format!("social-trip:{id}")
}

fn account_purpose(id: &VerificationId) -> String {
    format!("social-account:{id}")
}

/// What is remembered of a trip.
///
/// # Errors
/// A row that does not open.
pub fn open_trip(cx: &Cx, flow: &FlowRow) -> Result<Trip> {
    let plain = cx
        .instance
        .data_key
        .open(&trip_purpose(&flow.id), &flow.trip_sealed);
    let plain = plain.map_err(|e| Fault::new(format!("trip {}: {e}", flow.id)))?;
    Ok(serde_json::from_slice(&plain)?)
}

/// What a trip brought home and is still to be used.
///
/// # Errors
/// A row that does not open.
pub fn open_account(cx: &Cx, flow: &FlowRow) -> Result<Option<Account>> {
    let Some(sealed) = &flow.account_sealed else {
        return Ok(None);
    };
    let plain = cx
        .instance
        .data_key
        .open(&account_purpose(&flow.id), sealed);
    let plain = plain.map_err(|e| Fault::new(format!("trip {}: {e}", flow.id)))?;
    Ok(Some(serde_json::from_slice(&plain)?))
}

fn seal_account(cx: &Cx, flow: &FlowRow, account: &Account) -> Result<String> {
    let plain = serde_json::to_vec(account)?;
    let key = &cx.instance.data_key;
    Ok(key.seal(&cx.app.rng, &account_purpose(&flow.id), &plain))
}

/// The authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3, OpenID Connect Core §3.1.2.1).
fn authorize_url(ready: &Ready, state: &str, trip: &Trip) -> String {
    let connection = &ready.connection;
    let provider = connection.provider;
    let challenge = digest::b64url(&digest::sha256(trip.verifier.as_bytes()));
    let mut pairs = vec![
        (provider.client_id, connection.settings.client_id.as_str()),
        ("redirect_uri", &trip.redirect_uri),
        ("response_type", "code"),
        ("state", state),
    ];
    if !trip.scopes.is_empty() {
        pairs.push(("scope", &trip.scopes));
    }
    if connection.pkce() {
        pairs.push(("code_challenge", &challenge));
        pairs.push(("code_challenge_method", "S256"));
    }
    if connection.has_nonce() {
        pairs.push(("nonce", &trip.nonce));
    }
    let chosen = connection
        .settings
        .select_account
        .then_some("select_account");
    let prompt = ready.ways.prompt.as_deref().or(chosen);
    for (name, value) in provider.params {
        if !(*name == "prompt" && prompt.is_some()) {
            pairs.push((name, value));
        }
    }
    pairs.extend(prompt.map(|prompt| ("prompt", prompt)));
    pairs.extend(ready.ways.hint.as_deref().map(|hint| ("login_hint", hint)));
    let query: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", percent::encode(value)))
        .collect();
    let at = &ready.endpoints.authorize;
    let join = if at.contains('?') { '&' } else { '?' };
    format!("{at}{join}{}", query.join("&"))
}

/// Starts a trip.
///
/// # Errors
/// The database's.
pub async fn begin(cx: &Cx, tx: &mut Tx, ready: &Ready, what: For) -> Result<FlowRow> {
    let state = cx.app.rng.token();
    let more: Vec<&str> = ready.ways.scopes.iter().map(String::as_str).collect();
    let mut trip = Trip {
        authorize_url: String::new(),
        redirect_uri: redirect_uri(cx),
        verifier: cx.app.rng.token(),
        nonce: cx.app.rng.token(),
        scopes: ready.connection.scopes(&more),
    };
    trip.authorize_url = authorize_url(ready, &state, &trip);
    let id = VerificationId::compose(cx.now, &cx.fresh());
    let plain = serde_json::to_vec(&trip)?;
    let key = &cx.instance.data_key;
    let flow = FlowRow {
        instance_id: cx.instance.row.id.clone(),
        client_id: what.client,
        purpose: what.purpose.word().to_owned(),
        subject: what.subject,
        user_id: what.user,
        strategy: ready.connection.strategy.to_owned(),
        state_hash: digest::sha256_hex(&state),
        trip_sealed: key.seal(&cx.app.rng, &trip_purpose(&id), &plain),
        redirect_url: ready.ways.redirect_url.clone(),
        complete_url: ready.ways.complete_url.clone(),
        status: "unverified".to_owned(),
        error: None,
        account_sealed: None,
        used_at: None,
        expire_at: cx.now.plus_ms(TRIP_LIFE_MS),
        created_at: cx.now,
        id,
    };
    store::insert_flow(tx, &flow).await?;
    Ok(flow)
}

/// What a provider's answer carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Finds the trip.
    pub state: Option<&'a str>,
    /// For tokens.
    pub code: Option<&'a str>,
    /// Why there is no code.
    pub error: Option<&'a str>,
    /// Who answers (RFC 9207).
    pub issuer: Option<&'a str>,
    /// Apple's form: a name.
    pub user: Option<&'a str>,
}

/// What became of a trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Somebody is signed in.
    Session,
    /// Something is left to do, or to be told.
    Open,
}

/// Takes a provider's answer; the address that the browser goes on to. A second answer to a trip changes nothing.
///
/// # Errors
/// 400 `oauth_callback_invalid` where no trip of this browser is meant. Everything else is told in the trip's verification.
pub async fn callback(cx: &Cx, given: Given<'_>) -> Result<String> {
    let invalid = refuse::oauth_callback_invalid;
    let client = cx.client.as_ref().ok_or_else(invalid)?;
    let state = given.state.ok_or_else(invalid)?;
    let flow = store::by_state(&mut cx.read().await?, &digest::sha256_hex(state)).await?;
    // Another browser's trip: whoever began it waits there, and must not be signed in here.
    let flow = flow
        .filter(|flow| flow.client_id == client.id)
        .ok_or_else(invalid)?;
    let taken = usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        Ok::<_, Error>(store::take(&mut tx, &flow.id, &client.id, cx.now).await?)
    })?;
    if !taken {
        return Ok(flow.redirect_url);
    }
    let done = match home(cx, &flow, given).await {
        Ok(account) => arrive(cx, &flow, &account).await,
        Err(refused) => Err(refused.into()),
    };
    match done {
        Ok(Arrival::Session) => Ok(flow.complete_url.unwrap_or(flow.redirect_url)),
        Ok(Arrival::Open) => Ok(flow.redirect_url),
        Err(Error::Api(refused)) => {
            fail(cx, &flow, &refused).await?;
            Ok(flow.redirect_url)
        }
        Err(fault) => Err(fault),
    }
}

/// What the provider has to say.
async fn home(cx: &Cx, flow: &FlowRow, given: Given<'_>) -> Result<Account, ApiError> {
    let connection =
        offered(cx, &flow.strategy).map_err(|_| refuse::oauth_provider_not_enabled())?;
    check_issuer(cx, &connection, given.issuer).await?;
    if let Some(error) = given.error {
        // The provider's own text is shown nowhere.
        return Err(match error {
            "access_denied"
            | "user_cancelled_login"
            | "user_cancelled_authorize"
            | "user_cancelled_authorization" => refuse::oauth_access_denied(),
            _ => refuse::oauth_token_exchange_error(),
        });
    }
    let code = given.code.ok_or_else(refuse::oauth_token_exchange_error)?;
    let trip = open_trip(cx, flow).map_err(|_| refuse::oauth_callback_invalid())?;
    exchange::account(cx, &connection, &trip, code, given.user).await
}

/// Holds the answer against mix-ups: the code of one provider must not be taken to another (RFC 9207 §2.4).
async fn check_issuer(
    cx: &Cx,
    connection: &Connection,
    said: Option<&str>,
) -> Result<(), ApiError> {
    let endpoints = exchange::endpoints(cx, connection).await?;
    let own = endpoints.issuer.as_str();
    let fits = match said {
        None => !endpoints.names_issuer,
        Some(said) if own.contains("{tenantid}") => {
            said.starts_with("https://login.microsoftonline.com/")
        }
        Some(said) if own.is_empty() => !cx
            .instance
            .social
            .enabled()
            .any(|c| c.endpoints.issuer == said),
        Some(said) => said == own,
    };
    if fits {
        Ok(())
    } else {
        tracing::warn!(event = "social.issuer_mismatch", instance.id = %cx.tenant(), trace.id = %cx.trace, provider = connection.key,
            "An authorization response names another issuer");
        Err(refuse::oauth_token_exchange_error())
    }
}

async fn arrive(cx: &Cx, flow: &FlowRow, account: &Account) -> Result<Arrival> {
    match Purpose::parse(&flow.purpose) {
        Some(Purpose::SignIn) => sign_ins::social::complete(cx, flow, account).await,
        Some(Purpose::SignUp) => sign_ups::social::complete(cx, flow, account).await,
        Some(Purpose::Connect) => connect::complete(cx, flow, account).await,
        None => Err(refuse::oauth_callback_invalid().into()),
    }
}

/// The refusal as a verification tells it.
///
/// # Errors
/// Text that is none.
pub fn error_text(refused: &ApiError) -> Result<String> {
    let all = refused.to_json();
    Ok(serde_json::to_string(&all[0])?)
}

async fn fail(cx: &Cx, flow: &FlowRow, refused: &ApiError) -> Result<()> {
    let error = error_text(refused)?;
    usher_db::write_tx!(cx.app.db, cx.tenant(), tx => {
        store::conclude(&mut tx, &flow.id, "failed", Some(&error), None).await?;
        let name = match Purpose::parse(&flow.purpose) {
            Some(Purpose::SignUp) => "sign_up.failed",
            Some(Purpose::Connect) => "user.external_account.connection_failed",
            Some(Purpose::SignIn) | None => "sign_in.failed",
        };
        audit::record(cx, &mut tx, Event::new(name).about(&flow.subject).client(flow.client_id.as_str()).failed());
        Ok::<_, Error>(())
    })
}

/// Notes that a trip has done what it was for.
///
/// # Errors
/// The database's.
pub async fn fulfil(tx: &mut Tx, flow: &FlowRow) -> Result<()> {
    Ok(store::conclude(tx, &flow.id, "verified", None, None).await?)
}

/// Keeps what a trip brought home for the rest of a sign-up.
///
/// # Errors
/// The database's.
pub async fn keep(cx: &Cx, tx: &mut Tx, flow: &FlowRow, account: &Account) -> Result<()> {
    let sealed = seal_account(cx, flow, account)?;
    Ok(store::conclude(tx, &flow.id, "verified", None, Some(&sealed)).await?)
}

/// Keeps what a trip brought home for the other kind of attempt, and says why.
///
/// # Errors
/// The database's.
pub async fn hand_over(
    cx: &Cx,
    tx: &mut Tx,
    flow: &FlowRow,
    account: &Account,
    why: &ApiError,
) -> Result<()> {
    let sealed = seal_account(cx, flow, account)?;
    let why = error_text(why)?;
    Ok(store::conclude(tx, &flow.id, "transferable", Some(&why), Some(&sealed)).await?)
}

/// Takes a transferable trip of this browser over: once, while it lives.
///
/// # Errors
/// The database's.
pub async fn take_over(
    cx: &Cx,
    tx: &mut Tx,
    id: &VerificationId,
    client: &ClientId,
) -> Result<Option<(FlowRow, Account)>> {
    let flow = store::flow(tx, id)
        .await?
        .filter(|f| f.client_id == *client && f.status == "transferable");
    let Some(flow) = flow else {
        return Ok(None);
    };
    let Some(account) = open_account(cx, &flow)? else {
        return Ok(None);
    };
    let taken = store::take_transfer(tx, &flow.id, cx.now).await?;
    Ok(taken.then_some((flow, account)))
}

/// A trip as a verification; `None` where the id is no trip's.
///
/// # Errors
/// The database's.
pub async fn shown(
    cx: &Cx,
    tx: &mut Tx,
    id: Option<&VerificationId>,
) -> Result<Option<VerificationResource>> {
    let Some(id) = id else {
        return Ok(None);
    };
    let flow = store::flow(tx, id).await?;
    Ok(flow.map(|flow| verification(cx, &flow)))
}

/// The ways by accounts elsewhere that a user has; where everybody is to look alike, every way that is offered.
///
/// # Errors
/// The database's.
pub async fn ways_of(cx: &Cx, tx: &mut Tx, user: Option<&UserId>) -> Result<Vec<&'static str>> {
    let open: Vec<_> = cx
        .instance
        .social
        .enabled()
        .filter(|c| c.settings.sign_in)
        .collect();
    if open.is_empty() {
        return Ok(Vec::new());
    }
    if cx.instance.settings.enumeration_protection {
        return Ok(open.iter().map(|c| c.strategy).collect());
    }
    let Some(user) = user else {
        return Ok(Vec::new());
    };
    let has = store::of_user(tx, user).await?;
    Ok(open
        .iter()
        .filter(|c| has.iter().any(|a| a.is_verified() && a.provider == c.key))
        .map(|c| c.strategy)
        .collect())
}
