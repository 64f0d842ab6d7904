//! `usher dev`: everything on one port of this machine, with data and keys in one directory.
use crate::outside;
use crate::process::{self, say};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use usher_crypto::rng::Rng;
use usher_db::Db;
use usher_server::app::{App, Options};
use usher_server::config::{Config, InstanceConfig};
use usher_server::instances::keys::secret_prefix;
use usher_server::instances::settings::Settings;
use usher_server::instances::setup::{self, KeyForm, Tools, Wanted};
use usher_types::Clock;

/// Runs until told to stop.
pub(crate) async fn run(
    port: u16,
    data: &Path,
    instances: Option<&Path>,
    database_url: Option<&str>,
    test_keys: bool,
) -> Result<(), String> {
    process::logs(true);
    std::fs::create_dir_all(data).map_err(|e| {
        format!(
            "{}: {e}; choose another directory with --data",
            data.display()
        )
    })?;
    private_directory(data)?;
    let _lock = lock(data)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("port {port} is busy; choose another one with --port")
            }
            _ => format!("port {port}: {e}"),
        })?;
    let port = listener.local_addr().map_or(port, |a| a.port());
    let rng = Rng::system();
    let clock = Clock::System;
    let master = process::master_file(&data.join("master.key"), &rng)?;
    let db = match database_url {
        Some(url) => process::open(url, 16).await?,
        None => Db::open_sqlite(&data.join("usher.db")).map_err(|e| {
            format!("the database cannot be opened: {e}; choose another directory with --data")
        })?,
    };
    process::migrate(&db).await?;
    let tools = Tools {
        db: &db,
        master: &master,
        rng: &rng,
        now: clock.now(),
    };
    let told = |e: usher_types::Error| format!("the instances cannot be loaded: {e}");
    setup::check_master(&tools).await.map_err(told)??;
    let config = config(instances)?;
    // Nobody is asked about the passwords of a development server unless its file says so.
    let mut reach = config.clone();
    if wanted(port, config.clone(), instances.is_some())
        .iter()
        .any(|w| w.settings.development_provider)
    {
        // The development provider is on this very port.
        reach.outbound.allow.push(format!("localhost:{port}"));
    }
    let (outbound, breached) = outside::open(&reach, None)?;
    let captcha = config.captcha.open()?;
    let places = config.geo.open()?;
    for mut wanted in wanted(port, config, instances.is_some()) {
        if test_keys && wanted.keys == KeyForm::Live {
            wanted.keys = KeyForm::Test { host: None };
        }
        // Each at its own instant: the order of the file is the order of the instances, and the first is the default.
        let tools = Tools {
            now: clock.now(),
            ..tools
        };
        setup::ensure(&tools, &wanted).await.map_err(told)?;
    }
    let options = Options {
        development: true,
        scheme: "http",
        api_host: None,
        trusted_proxies: Vec::new(),
        exchanges: std::env::var_os("EXCHANGES")
            .filter(|path| !path.is_empty())
            .map(Into::into),
        disposable_domains: std::collections::HashSet::new(),
        captcha,
        places,
        outbound,
        breached,
        texts: None,
        mail_from: "Usher <no-reply@localhost>".to_owned(),
    };
    let app = App::start(db.clone(), master.clone(), rng, clock.clone(), options)
        .await
        .map_err(told)?;
    process::check_captcha(&app)?;
    let origin = format!("http://localhost:{port}");
    let mut keys = Vec::new();
    for instance in app.instances() {
        let secret = setup::secrets(&db, &master, &instance.row, clock.now())
            .await
            .map_err(told)?
            .into_iter();
        // Both forms can be there, where the operator went from one to the other.
        let prefix = secret_prefix(&instance.row.publishable_key);
        let secret = secret
            .max_by_key(|key| key.starts_with(prefix))
            .unwrap_or_default();
        keys.push((instance, secret));
    }
    if let Some((instance, secret)) = keys.first() {
        process::write_private(
            &data.join("dev.env"),
            &environment_file(
                &instance.portal_origin,
                &instance.row.publishable_key,
                secret,
            ),
        )?;
    }
    print_block(&origin, data, &keys);
    usher_server::serve::run(app, listener, None, process::stop())
        .await
        .map_err(|e| format!("the server stopped: {e}"))?;
    say("\n  stopped; everything is saved");
    Ok(())
}

/// The file's content, or an empty one's.
fn config(file: Option<&Path>) -> Result<Config, String> {
    let Some(path) = file else {
        return Config::parse("");
    };
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let config = Config::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    if config.instances.is_empty() {
        return Err(format!("{}: it has no [[instances]]", path.display()));
    }
    Ok(config)
}

/// The default instance, or those of a file.
fn wanted(port: u16, config: Config, from_file: bool) -> Vec<Wanted> {
    if !from_file {
        // Any dotted host makes a valid key; this one is also an issuer that answers.
        return vec![Wanted {
            name: "development".to_owned(),
            host: format!("127.0.0.1:{port}"),
            environment: "development".to_owned(),
            secret_key: None,
            keys: KeyForm::Live,
            settings: Settings::default(),
            overwrite: false,
        }];
    }
    let one = |i: InstanceConfig| {
        let keys = i.keys();
        // A host without a port is meant at ours.
        let host = if i.host.contains(':') {
            i.host
        } else {
            format!("{}:{port}", i.host)
        };
        Wanted {
            name: i.name,
            host,
            environment: i.environment,
            secret_key: i.secret_key,
            keys,
            settings: i.settings,
            overwrite: true,
        }
    };
    config.instances.into_iter().map(one).collect()
}

/// Data and keys are this user's only.
fn private_directory(data: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(|e| {
        format!(
            "{}: {e}; choose another directory with --data",
            data.display()
        )
    })
}

/// Keeps a second `usher dev` off the same directory. The kernel lets go of the lock when the process ends, however.
fn lock(data: &Path) -> Result<File, String> {
    let path = data.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| {
            format!(
                "{}: {e}; choose another directory with --data",
                path.display()
            )
        })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(format!(
            "another usher dev is running on {}; stop it, or choose another directory with --data",
            data.display()
        )),
    }
}

/// `KEY=value` lines for every SDK's names (contract fapi §1.3).
fn environment_file(origin: &str, publishable: &str, secret: &str) -> String {
    let host = origin.split_once("://").map_or(origin, |(_, h)| h);
    let mut out =
        String::from("# Written by `usher dev`. Source it, or copy it to your app's .env\n");
    for name in [
        "CLERK_PUBLISHABLE_KEY",
        "NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY",
        "VITE_CLERK_PUBLISHABLE_KEY",
        "PUBLIC_CLERK_PUBLISHABLE_KEY",
        "NUXT_PUBLIC_CLERK_PUBLISHABLE_KEY",
        "EXPO_PUBLIC_CLERK_PUBLISHABLE_KEY",
    ] {
        out.push_str(&format!("{name}={publishable}\n"));
    }
    for name in ["CLERK_SECRET_KEY", "NUXT_CLERK_SECRET_KEY"] {
        out.push_str(&format!("{name}={secret}\n"));
    }
    for name in [
        "CLERK_API_URL",
        "NUXT_CLERK_API_URL",
        "CLERK_BACKEND_API_URL",
        "CLERK_FAPI_URL",
        "CLERK_PROXY_URL",
        "NEXT_PUBLIC_CLERK_PROXY_URL",
        "VITE_CLERK_PROXY_URL",
        "PUBLIC_CLERK_PROXY_URL",
        "NUXT_PUBLIC_CLERK_PROXY_URL",
    ] {
        out.push_str(&format!("{name}={origin}\n"));
    }
    for prefix in ["NEXT_PUBLIC_CLERK", "VITE_CLERK", "PUBLIC_CLERK", "CLERK"] {
        out.push_str(&format!(
            "{prefix}_JS_URL={origin}/npm/@clerk/clerk-js@6/dist/clerk.browser.js\n"
        ));
        out.push_str(&format!(
            "{prefix}_UI_URL={origin}/npm/@clerk/ui@1/dist/ui.browser.js\n"
        ));
    }
    for name in [
        "CLERK_TELEMETRY_DISABLED",
        "NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED",
    ] {
        out.push_str(&format!("{name}=1\n"));
    }
    out.push_str(&format!("CLERK_FAPI={host}\n"));
    out
}

fn print_block(
    origin: &str,
    data: &Path,
    keys: &[(std::sync::Arc<usher_server::instances::Instance>, String)],
) {
    say(&format!(
        "\n  usher {}   development server, data in {}\n",
        env!("CARGO_PKG_VERSION"),
        data.display()
    ));
    for (instance, secret) in keys {
        if keys.len() > 1 {
            say(&format!(
                "  Instance         {} ({})",
                instance.row.name, instance.row.environment_type
            ));
        }
        let origin = if keys.len() > 1 {
            instance.portal_origin.as_str()
        } else {
            origin
        };
        say(&format!("  Try it           {origin}/sign-up"));
        say(&format!(
            "  Inbox            {origin}/inbox        mail sent in development lands here"
        ));
        say(&format!(
            "  Publishable key  {}",
            instance.row.publishable_key
        ));
        say(&format!("  Secret key       {secret}"));
        if keys.len() > 1 {
            say("");
        }
    }
    say(&format!(
        "  Environment      {}     source it, or copy it to your app's .env\n",
        data.join("dev.env").display()
    ));
}
