//! `usher keys` beside a running server: every change is followed without a restart.
#![expect(clippy::expect_used, reason = "tests say what they expect")]

mod harness;

use harness::{
    BINARY, Dir, Server, bapi, done, environment, field, free_port, get, refused, until,
};
use std::path::Path;
use std::process::Command;

/// The `kid`s that are published, in their order.
fn published(port: u16) -> Vec<String> {
    let keys = get(port, "/.well-known/jwks.json", &[]).expect("keys").body;
    keys.split("\"kid\":\"")
        .skip(1)
        .filter_map(|part| part.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_running_server_follows_rotations_and_emergencies_without_a_restart() {
    let data = Dir::new("keys-signing");
    let port = free_port();
    let _server = Server::dev(&data.0, port);
    let here = data.0.to_str().expect("a path");
    let old = published(port);
    assert_eq!(old.len(), 1);
    let shown = done(&["keys", "show", "--data", here]);
    assert!(
        shown.contains("BEGIN PUBLIC KEY") && shown.contains(&old[0]),
        "{shown}"
    );

    let told = done(&[
        "keys",
        "rotate",
        "--data",
        here,
        "--instance",
        "development",
    ]);
    assert!(told.contains("BEGIN PUBLIC KEY"), "{told}");
    let both = until("both keys", 20, || {
        Some(published(port)).filter(|keys| keys.len() == 2)
    });
    assert_eq!(both[0], old[0], "the old one signs for an hour yet");
    assert!(done(&["keys", "rotate", "--data", here]).contains("nothing was changed"));
    assert_eq!(
        done(&["keys", "show", "--data", here])
            .matches("BEGIN PUBLIC KEY")
            .count(),
        2
    );
    let list = done(&["keys", "list", "--data", here]);
    assert!(
        list.contains("pending") && list.contains("active"),
        "{list}"
    );

    done(&["keys", "rotate", "--data", here, "--now"]);
    let new = until("one key", 20, || {
        Some(published(port)).filter(|keys| keys.len() == 1)
    });
    assert!(!both.contains(&new[0]));
    let list = done(&["keys", "list", "--data", here]);
    assert_eq!(list.matches("removed").count(), 2, "{list}");

    for args in [
        vec!["keys", "rotate", "--data", here, "--instance", "nobody"],
        vec!["keys", "list", "--data", "/nowhere"],
        vec!["keys", "secret", "revoke", "key_x", "--data", here],
    ] {
        refused(&args, &[]);
    }
}

#[test]
fn a_secret_key_is_made_listed_by_its_hint_retired_and_revoked() {
    let data = Dir::new("keys-secret");
    let port = free_port();
    let _server = Server::dev(&data.0, port);
    let here = data.0.to_str().expect("a path");
    let first = environment(&data.0, "CLERK_SECRET_KEY");
    let status = |key: &str| {
        bapi(port, key, "GET", "/v1/users/count", "")
            .expect("an answer")
            .status
    };
    let made = done(&[
        "keys", "secret", "create", "--data", here, "--label", "blue",
    ]);
    let second = made.lines().last().expect("the key").to_owned();
    // What another process wrote is seen within 20 ms.
    until("the new key opens", 5, || {
        (status(&second) == 200).then_some(())
    });
    assert_eq!(status(&first), 200);
    let list = done(&["keys", "secret", "list", "--data", here]);
    assert!(!list.contains(&first) && !list.contains(&second), "{list}");
    let id_of = |key: &str| {
        let hint = format!("…{}", &key[key.len() - 4..]);
        let line = list.lines().find(|l| l.contains(&hint)).expect("its line");
        line.split_whitespace().next().expect("an id").to_owned()
    };
    done(&[
        "keys",
        "secret",
        "retire",
        &id_of(&first),
        "--after",
        "2s",
        "--data",
        here,
    ]);
    assert_eq!(status(&first), 200, "it has its delay");
    until("the end of the old key", 20, || {
        (status(&first) == 401).then_some(())
    });
    assert_eq!(status(&second), 200);
    assert!(
        refused(
            &["keys", "secret", "revoke", &id_of(&second), "--data", here],
            &[]
        )
        .contains("only secret key")
    );
    done(&["keys", "secret", "create", "--data", here]);
    done(&["keys", "secret", "revoke", &id_of(&second), "--data", here]);
    until("the revoked key is refused", 5, || {
        (status(&second) == 401).then_some(())
    });
}

fn serve(config: &Path, port: u16) -> Server {
    let mut command = Command::new(BINARY);
    command.args(["serve", "--config"]).arg(config);
    Server::start(command, port)
}

#[test]
fn the_master_key_is_changed_by_the_runbook() {
    let data = Dir::new("keys-master");
    let port = free_port();
    let config = data.join("usher.toml");
    let path = config.to_str().expect("a path").to_owned();
    let write = |keys: &str| {
        let text = format!(
            "[server]\nlisten='127.0.0.1:{port}'\nscheme='http'\n[database]\nurl='sqlite:{0}/usher.db'\n[mail]\nsmtp_url='smtp://127.0.0.1:1'\n[keys]\n{keys}\n[[instances]]\nname='acme'\nhost='clerk.localhost:{port}'\n",
            data.0.display()
        );
        std::fs::write(&config, text).expect("written");
    };
    let fresh = |name: &str| {
        let file = data.join(name);
        std::fs::write(&file, done(&["keys", "master"])).expect("written");
        file.display().to_string()
    };
    let (old, new, wrong) = (fresh("old.key"), fresh("new.key"), fresh("wrong.key"));
    let count = |key: &str| bapi(port, key, "GET", "/v1/users/count", "").map(|a| a.status);
    write(&format!("master_file='{old}'"));
    let mut server = serve(&config, port);
    let shown = done(&["keys", "show", "--config", &path]);
    let secret = shown
        .lines()
        .find_map(|l| l.trim().strip_prefix("secret key"))
        .expect("a key")
        .trim()
        .to_owned();
    let made = bapi(
        port,
        &secret,
        "POST",
        "/v1/users",
        r#"{"email_address":["ada@example.com"],"password":"a-long-passphrase-7"}"#,
    )
    .expect("an answer");
    assert_eq!(made.status, 200, "{made:?}");
    let user = field(&made.body, "id").expect("an id");

    // Wrong keys are refused, whatever is done with them.
    write(&format!("master_file='{new}'"));
    assert!(refused(&["keys", "master", "rotate", "--config", &path], &[]).contains("master key"));
    write(&format!(
        "master_file='{new}'\nprevious_master_file='{wrong}'"
    ));
    assert!(refused(&["keys", "master", "rotate", "--config", &path], &[]).contains("master key"));
    assert!(
        refused(&["serve", "--config", &path], &[]).contains("127.0.0.1"),
        "the port is still taken"
    );

    // Restart with both, seal anew while it runs, restart with the new one alone.
    write(&format!(
        "master_file='{new}'\nprevious_master_file='{old}'"
    ));
    assert!(server.terminate());
    let mut server = serve(&config, port);
    assert_eq!(count(&secret), Some(200));
    assert!(done(&["keys", "master", "rotate", "--config", &path]).contains("1 of 1"));
    assert!(done(&["keys", "master", "rotate", "--config", &path]).contains("0 of 1"));
    assert_eq!(count(&secret), Some(200));
    write(&format!("master_file='{new}'"));
    assert!(server.terminate());
    let mut server = serve(&config, port);
    let verified = bapi(
        port,
        &secret,
        "POST",
        &format!("/v1/users/{user}/verify_password"),
        r#"{"password":"a-long-passphrase-7"}"#,
    )
    .expect("an answer");
    assert_eq!(verified.status, 200, "passwords still verify: {verified:?}");
    assert!(server.terminate());
    write(&format!("master_file='{old}'"));
    assert!(refused(&["serve", "--config", &path], &[]).contains("master key"));
}
