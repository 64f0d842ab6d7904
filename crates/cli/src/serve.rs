//! `usher serve` and `usher migrate`: production, by a configuration file.
use crate::outside::{self, HAVE_I_BEEN_PWNED};
use crate::process::{self, say};
use std::path::Path;
use tokio::net::TcpListener;
use usher_crypto::rng::Rng;
use usher_crypto::seal::Master;
use usher_notify::Mailer;
use usher_server::access::disposable;
use usher_server::app::{App, Options};
use usher_server::config::Config;
use usher_server::instances::setup::{self, Tools, Wanted};
use usher_server::listen::tls::Tls;
use usher_server::listen::{Limits, Listening};
use usher_types::Clock;

/// What an unsafe configuration is refused with: the line to change.
fn check(config: &Config) -> Result<(), String> {
    if config.database.url.is_empty() {
        return Err("database.url is missing; set it to sqlite:PATH or postgres://…".to_owned());
    }
    if config.keys.master.is_empty() {
        return Err("keys.master is missing; make one with `usher keys master` and set keys.master_file or USHER_MASTER_KEY".to_owned());
    }
    if config.instances.is_empty() {
        return Err("there is no [[instances]]; add one with name and host".to_owned());
    }
    if !matches!(config.server.scheme.as_str(), "http" | "https") {
        return Err("server.scheme must be https or http".to_owned());
    }
    if config.server.tls.is_some() && config.server.scheme != "https" {
        return Err(
            "server.tls is set, and server.scheme is http; set server.scheme = \"https\""
                .to_owned(),
        );
    }
    for instance in &config.instances {
        let host = instance.host.split(':').next().unwrap_or_default();
        if config.server.scheme == "http" && !usher_server::config_is_loopback(host) {
            return Err(format!(
                "server.scheme is http, but {host} is not on this machine; set server.scheme = \"https\""
            ));
        }
        if instance.settings.development_provider {
            return Err(format!(
                "instances: {:?}: settings.development_provider is for `usher dev` only; remove it",
                instance.name
            ));
        }
        if instance.secret_key.is_some() {
            return Err(format!(
                "instances: {:?}: secret_key is for `usher dev --instances` only; remove it and read the made one with `usher keys show`",
                instance.name
            ));
        }
    }
    if config.mail.smtp_url.is_empty()
        && config
            .instances
            .iter()
            .any(|i| i.settings.attributes.email_address.enabled())
    {
        return Err("mail.smtp_url is missing, and email addresses are on; set it to smtps://user:password@host or smtp://host".to_owned());
    }
    let texts = config.sms.provider()?;
    for instance in &config.instances {
        let (name, settings) = (&instance.name, &instance.settings);
        if settings.attributes.phone_number.enabled() && texts.is_none() {
            return Err(format!(
                "instances: {name:?}: phone numbers are on, and nobody delivers text messages; set [sms.twilio] or [sms.webhook]"
            ));
        }
        if settings.sms.whatsapp && !texts.as_ref().is_some_and(|t| t.delivers("whatsapp")) {
            return Err(format!(
                "instances: {name:?}: sms.whatsapp is on, and nobody delivers to WhatsApp; set sms.twilio.whatsapp_from or sms.webhook.whatsapp"
            ));
        }
    }
    Ok(())
}

/// Reads the file and what it names.
pub(crate) async fn opened(path: &Path) -> Result<(Config, usher_db::Db), String> {
    let config = Config::read(path)?;
    let db = process::open(&config.database.url, config.database.connections).await?;
    Ok((config, db))
}

/// The master key of a configuration, which also opens with the one before it where that is given.
pub(crate) fn master(config: &Config) -> Result<Master, String> {
    let read = |name: &str, text: &str| {
        Master::from_hex(text.trim()).map_err(|e| format!("{name}: {e}; it must be 64 hex digits"))
    };
    let master = read("keys.master", &config.keys.master)?;
    if config.keys.previous_master.is_empty() {
        return Ok(master);
    }
    let previous = read("keys.previous_master", &config.keys.previous_master)?;
    Ok(master.with_previous(previous))
}

/// The sockets, and the certificates for them.
async fn listening(config: &Config) -> Result<Listening, String> {
    let server = &config.server;
    let tls = match &server.tls {
        Some(tls) => Some(Tls::load(tls.certificates.clone())?),
        None => None,
    };
    let listener = bind("server.listen", &server.listen).await?;
    let redirect = match server.tls.as_ref().and_then(|t| t.redirect_from.as_ref()) {
        Some(address) => Some(bind("server.tls.redirect_from", address).await?),
        None => None,
    };
    Ok(Listening {
        listener,
        tls,
        redirect,
        limits: Limits {
            connections: server.max_connections,
            per_address: server.max_connections_per_address,
            ..Limits::default()
        },
    })
}

async fn bind(name: &str, address: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|e| format!("{name} {address}: {e}"))
}

/// Says so where no certificate is for a host that browsers are sent to.
fn uncovered(tls: Option<&Tls>, origin: &str) {
    let host = origin.split_once("://").map_or("", |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    if tls.is_some_and(|tls| !tls.covers(host)) {
        process::say_error(&format!(
            "usher: no certificate in server.tls is for {host}; browsers cannot reach it here"
        ));
    }
}

/// Runs until told to stop.
pub(crate) async fn run(path: &Path) -> Result<(), String> {
    process::logs(false);
    let config = Config::read(path)?;
    check(&config)?;
    let master = master(&config)?;
    let mailer = if config.mail.smtp_url.is_empty() {
        None
    } else {
        Some(Mailer::smtp(&config.mail.smtp_url).map_err(|e| e.to_string())?)
    };
    let listening = listening(&config).await?;
    let (outbound, breached) = outside::open(&config, Some(HAVE_I_BEEN_PWNED))?;
    let captcha = config.captcha.open()?;
    let db = process::open(&config.database.url, config.database.connections).await?;
    process::migrate(&db).await?;
    let rng = Rng::system();
    let clock = Clock::System;
    let tools = Tools {
        db: &db,
        master: &master,
        rng: &rng,
        now: clock.now(),
    };
    let told = |e: usher_types::Error| format!("the instances cannot be loaded: {e}");
    setup::check_master(&tools).await.map_err(told)??;
    for instance in &config.instances {
        let wanted = Wanted {
            name: instance.name.clone(),
            host: instance.host.clone(),
            environment: instance.environment.clone(),
            secret_key: None,
            keys: instance.keys(),
            settings: instance.settings.clone(),
            overwrite: false,
        };
        let tools = Tools {
            now: clock.now(),
            ..tools
        };
        setup::ensure(&tools, &wanted).await.map_err(told)?;
    }
    let options = Options {
        development: false,
        scheme: if config.server.scheme == "http" {
            "http"
        } else {
            "https"
        },
        api_host: config.server.api_host.clone(),
        trusted_proxies: config.server.proxies()?,
        exchanges: None,
        disposable_domains: disposable_domains(config.access.disposable_domains_file.as_deref())?,
        captcha,
        places: config.geo.open()?,
        outbound,
        breached,
        texts: config.sms.provider()?,
        mail_from: config.mail.from.clone(),
    };
    let app = App::start(db, master, rng, clock, options)
        .await
        .map_err(told)?;
    process::check_captcha(&app)?;
    for instance in app.instances() {
        for origin in [&instance.issuer, &instance.portal_origin] {
            uncovered(listening.tls.as_deref(), origin);
        }
        say(&format!(
            "serving {} at {} (publishable key {})",
            instance.row.name, instance.issuer, instance.row.publishable_key
        ));
    }
    usher_server::serve::run(app, listening, mailer, process::stop())
        .await
        .map_err(|e| format!("the server stopped: {e}"))
}

/// Brings the schema to this version, or tells what would run.
pub(crate) async fn migrate(path: &Path, check: bool) -> Result<(), String> {
    let (_, db) = opened(path).await?;
    if check {
        let pending = usher_db::migrate::pending(&db)
            .await
            .map_err(|e| e.to_string())?;
        say(&if pending.is_empty() {
            "the schema is at this version".to_owned()
        } else {
            format!("to run: {}", pending.join(", "))
        });
        return Ok(());
    }
    let ran = process::migrate(&db).await?;
    db.close().await;
    say(&format!("{ran} migrations ran"));
    Ok(())
}

/// The operator's list of disposable mail domains; none without a file.
fn disposable_domains(file: Option<&Path>) -> Result<std::collections::HashSet<String>, String> {
    let Some(file) = file else {
        return Ok(std::collections::HashSet::new());
    };
    let at = |what: String| format!("access.disposable_domains_file: {}: {what}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| at(e.to_string()))?;
    disposable::read(&text).map_err(|line| at(format!("line {line} is no domain")))
}
