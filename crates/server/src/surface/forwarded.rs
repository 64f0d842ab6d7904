//! What proxies say of the caller, and which of it is believed.
//!
//! A proxy appends to `X-Forwarded-For` whom it saw. Read from the right, addresses of trusted proxies are hops of ours, and
//! the first other one is the client; everything left of it is the client's own claim. Host and scheme are taken from the
//! entry that the outermost trusted proxy wrote. `Forwarded` (RFC 7239) is not read.
use super::Incoming;
use crate::app::Options;
use std::net::IpAddr;

/// What is believed; nothing from strangers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'a> {
    /// The host that the browser asked.
    pub(super) host: Option<&'a str>,
    /// `http` or `https`, as the browser spoke it.
    pub(super) scheme: Option<&'a str>,
    /// The client.
    pub(super) address: Option<IpAddr>,
}

/// The entries of a header that may come several times, in order.
fn entries<'a>(request: &'a Incoming, name: &str) -> Vec<&'a str> {
    request
        .headers
        .get_all(name)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .map(str::trim)
        .filter(|v| !v.is_empty())
        .collect()
}

/// An address, with or without the port that some proxies write.
fn address(text: &str) -> Option<IpAddr> {
    let socket = || text.parse::<std::net::SocketAddr>().ok().map(|s| s.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .ok()
        .or_else(socket)
        .map(|ip: IpAddr| ip.to_canonical())
}

/// Reads the headers of a trusted peer, or of an application's proxy that proved itself by a secret key.
pub(super) fn read<'a>(options: &Options, request: &'a Incoming, proved: bool) -> Told<'a> {
    if !proved && !options.trusts(&request.peer) {
        return Told::default();
    }
    let chain = entries(request, "x-forwarded-for");
    let addresses = || chain.iter().rev().map_while(|text| address(text));
    // An application's proxy stands before ours: it tells one address, its client's.
    let hops = addresses().take_while(|ip| options.trusts(ip)).count();
    let client = if proved {
        chain.first().and_then(|text| address(text))
    } else {
        addresses().find(|ip| !options.trusts(ip))
    };
    let outermost = |name: &str| {
        let all = entries(request, name);
        all.get(all.len().saturating_sub(hops + 1)).copied()
    };
    Told {
        host: outermost("x-forwarded-host"),
        scheme: outermost("x-forwarded-proto").filter(|s| matches!(*s, "http" | "https")),
        address: client,
    }
}
