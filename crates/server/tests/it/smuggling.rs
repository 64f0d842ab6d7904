//! Requests that two readers could take apart differently (requirements HT-01, HT-09; RFC 9112 §11.2). Whatever they are
//! answered, nobody's second request hides in them.
use crate::listen::{Door, brisk, statuses};

/// What would be smuggled; it would be answered 200 with this word in it.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\nConnection: close\r\n\r\n";

const LINE: &str = "POST /v1/client HTTP/1.1\r\n";
const REST: &str = "Host: localhost:8787\r\nOrigin: http://localhost:8787\r\n";

/// Heads that contradict themselves, and bodies for them; the hidden request follows.
fn vectors() -> Vec<(&'static str, String)> {
    let length = HIDDEN.len();
    let head = |more: &str| format!("{LINE}{REST}{more}\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let mut all = vec![
        (
            "CL.TE",
            head(&format!("Content-Length: {}\r\n{chunked}", length + 5)) + "0\r\n\r\n" + HIDDEN,
        ),
        (
            "TE.CL",
            head(&format!("{chunked}Content-Length: 3\r\n")) + "0\r\n\r\n" + HIDDEN,
        ),
        (
            "CL.CL",
            head(&format!(
                "Content-Length: 0\r\nContent-Length: {length}\r\n"
            )) + HIDDEN,
        ),
        (
            "CL list",
            head(&format!("Content-Length: 0, {length}\r\n")) + HIDDEN,
        ),
        ("CL plus", head("Content-Length: +0\r\n") + HIDDEN),
        ("CL minus", head("Content-Length: -1\r\n") + HIDDEN),
        ("CL hex", head("Content-Length: 0x0\r\n") + HIDDEN),
        (
            "CL huge",
            head("Content-Length: 99999999999999999999\r\n") + HIDDEN,
        ),
        ("CL empty", head("Content-Length:\r\n") + HIDDEN),
        ("CL spaced name", head("Content-Length : 0\r\n") + HIDDEN),
        (
            "TE spaced name",
            head("Transfer-Encoding : chunked\r\nContent-Length: 0\r\n") + HIDDEN,
        ),
        ("folded", head("X-A: b\r\n Content-Length: 0\r\n") + HIDDEN),
        (
            "leading space",
            format!("{LINE} {REST}Content-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "NUL in a value",
            head("X-A: a\0b\r\nContent-Length: 0\r\n") + HIDDEN,
        ),
        (
            "CR in a value",
            head("X-A: a\rContent-Length: 0\r\n") + HIDDEN,
        ),
        (
            "NUL in a name",
            head("X\0A: a\r\nContent-Length: 0\r\n") + HIDDEN,
        ),
        ("no colon", head("Content-Length 0\r\n") + HIDDEN),
        (
            "chunk size with a sign",
            head(chunked) + "+0\r\n\r\n" + HIDDEN,
        ),
        ("chunk size in 0x", head(chunked) + "0x0\r\n\r\n" + HIDDEN),
        (
            "chunk size too large",
            head(chunked) + "fffffffffffffffff\r\na\r\n0\r\n\r\n" + HIDDEN,
        ),
        (
            "chunk without its end",
            head(chunked) + "1\r\nab\r\n0\r\n\r\n" + HIDDEN,
        ),
        ("chunk extension", head(chunked) + "0;a=b\r\n\r\n" + HIDDEN),
        (
            "chunk extension with a bare LF",
            head(chunked) + "0;a\n\r\n\r\n" + HIDDEN,
        ),
        (
            "trailers",
            head(chunked) + "0\r\nContent-Length: 5\r\n\r\n" + HIDDEN,
        ),
        ("bare LF chunk", head(chunked) + "0\n\n" + HIDDEN),
        (
            "two hosts",
            format!("{LINE}{REST}Host: evil.example\r\nContent-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "absolute form of another host",
            format!(
                "POST http://evil.example/v1/client HTTP/1.1\r\n{REST}Content-Length: 0\r\n\r\n{HIDDEN}"
            ),
        ),
        ("HTTP/0.9", "GET /v1/client\r\n".to_owned() + HIDDEN),
        (
            "HTTP/1.0 chunked",
            format!("POST /v1/client HTTP/1.0\r\n{REST}{chunked}\r\n0\r\n\r\n{HIDDEN}"),
        ),
        (
            "HTTP/2.0 in words",
            format!("POST /v1/client HTTP/2.0\r\n{REST}Content-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "two spaces",
            format!("POST  /v1/client HTTP/1.1\r\n{REST}Content-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "a tab",
            format!("POST\t/v1/client HTTP/1.1\r\n{REST}Content-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "CRLF in the path",
            format!("POST /v1/client\r\nX: y HTTP/1.1\r\n{REST}Content-Length: 0\r\n\r\n{HIDDEN}"),
        ),
        (
            "connect",
            format!("CONNECT evil.example:443 HTTP/1.1\r\n{REST}\r\n{HIDDEN}"),
        ),
    ];
    for value in [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "chunked\u{b}",
        "\u{b}chunked",
        "gzip, chunked",
        "CHUNKED",
        "chunked, chunked",
        "x",
    ] {
        all.push((
            "TE value",
            head(&format!(
                "Transfer-Encoding: {value}\r\nContent-Length: 0\r\n"
            )) + "0\r\n\r\n"
                + HIDDEN,
        ));
    }
    all
}

both! {
    async fn no_request_hides_in_another(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let all = vectors();
        assert!(all.len() >= 40, "{}", all.len());
        for (name, bytes) in all {
            let said = door.say(bytes.as_bytes()).await;
            let seen = statuses(&said);
            assert!(seen.len() <= 1, "{name}: {seen:?}\n{said}");
            assert!(seen.first().is_none_or(|s| *s < 500), "{name}: {said}");
            assert!(!said.contains("ok\n"), "{name}: the hidden request was answered\n{said}");
        }
        // The measure works: what follows in plain sight is answered.
        let two = format!("{LINE}{REST}Content-Length: 0\r\n\r\n{HIDDEN}");
        assert_eq!(statuses(&door.say(two.as_bytes()).await), [200, 200]);
    }

    async fn a_host_is_one_host(world: World) {
        let door = Door::open(&world, brisk(), None).await;
        let close = "Connection: close\r\n\r\n";
        for (head, status) in [
            ("GET /healthz HTTP/1.1\r\nHost: localhost:8787\r\nHost: localhost:8787\r\n", 400),
            ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost:8787\r\n", 400),
            ("GET http://localhost:8787/healthz HTTP/1.1\r\nHost: LOCALHOST:8787\r\n", 200),
        ] {
            assert_eq!(statuses(&door.say(format!("{head}{close}").as_bytes()).await), [status], "{head}");
        }
    }
}
