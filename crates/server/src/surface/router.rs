//! From paths to operations, and to the names of those that are not served.
use crate::route::{Api, Op};
use std::sync::OnceLock;

struct Routes {
    served: matchit::Router<Vec<&'static Op>>,
    unserved: matchit::Router<Vec<(&'static str, &'static str)>>,
}

fn routes(api: Api) -> &'static Routes {
    static FAPI: OnceLock<Routes> = OnceLock::new();
    static BAPI: OnceLock<Routes> = OnceLock::new();
    match api {
        Api::Fapi => FAPI.get_or_init(|| build(api)),
        Api::Bapi => BAPI.get_or_init(|| build(api)),
    }
}

/// `{user_id}` and `{id}` may not stand at the same place of two paths: parameters are numbered by position.
fn pattern(path: &str) -> String {
    let mut out = String::new();
    for (index, part) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        if part.starts_with('{') {
            out.push_str(&format!("{{p{index}}}"));
        } else {
            out.push_str(part);
        }
    }
    out
}

fn build(api: Api) -> Routes {
    let mut paths: Vec<(String, Vec<&'static Op>)> = Vec::new();
    for op in crate::operations().filter(|op| op.api == api) {
        let key = pattern(op.path);
        match paths.iter_mut().find(|(k, _)| *k == key) {
            Some((_, ops)) => ops.push(op),
            None => paths.push((key, vec![op])),
        }
    }
    let mut served = matchit::Router::new();
    for (key, ops) in paths {
        if let Err(e) = served.insert(key.clone(), ops) {
            tracing::error!("Route {key}: {e}");
        }
    }
    let mut absent: Vec<(String, Vec<(&'static str, &'static str)>)> = Vec::new();
    for line in include_str!("../../../../contract/unserved.txt").lines() {
        let mut words = line.split_whitespace();
        let (Some(which), Some(method), Some(path)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if which != api.word() || path.contains(".xml") {
            continue;
        }
        let key = pattern(path);
        match absent.iter_mut().find(|(k, _)| *k == key) {
            Some((_, list)) => list.push((method, line)),
            None => absent.push((key, vec![(method, line)])),
        }
    }
    let mut unserved = matchit::Router::new();
    for (key, list) in absent {
        if let Err(e) = unserved.insert(key.clone(), list) {
            tracing::error!("Unserved route {key}: {e}");
        }
    }
    Routes { served, unserved }
}

/// Path parameters by name.
pub type Params = Vec<(String, String)>;

/// The operations at a path, with the path's parameters under their declared names.
#[must_use]
pub fn find(api: Api, path: &str) -> Option<(&'static [&'static Op], Params)> {
    let found = routes(api).served.at(path).ok()?;
    let ops: &'static Vec<&'static Op> = found.value;
    let declared = ops.first()?.path;
    let values: Vec<String> = found
        .params
        .iter()
        .map(|(_, v)| usher_http::percent::decode(v, false))
        .collect::<Option<_>>()?;
    let names = declared
        .split('/')
        .filter_map(|p| p.strip_prefix('{').and_then(|p| p.strip_suffix('}')));
    Some((ops, names.map(str::to_owned).zip(values).collect()))
}

/// The reference operation at a path that this server does not serve.
#[must_use]
pub fn unserved(api: Api, method: &str, path: &str) -> Option<&'static str> {
    let found = routes(api).unserved.at(path).ok()?;
    found
        .value
        .iter()
        .find(|(m, _)| *m == method)
        .map(|(_, line)| *line)
}
