//! Templates: the part of Handlebars that mail needs, with a bound on everything. A template is text from an operator, and it
//! is rendered while somebody waits to sign in: it cannot loop, recurse, read files or run code.
//!
//! Served: `{{path}}` (escaped), `{{{path}}}` and `{{&path}}` (as it is), `{{#if}}` with `{{else}}` and `{{else if}}`,
//! `{{#unless}}`, `{{#each}}`, `{{#with}}`, `this`, `../`, `@root`, `@index`, `@key`, `@first`, `@last`, comments, `~`, and the
//! partials that the caller gives. A name that is not there is nothing, as in JavaScript.
//! Reference: contract bapi §4.5; handlebarsjs.com for the language. Why not a library: docs/decisions/0031-templates.md.
use serde_json::Value;
use std::fmt;

/// Bytes of a template at most.
pub const MAX_SOURCE: usize = 128 * 1024;
/// Bytes that rendering makes at most.
pub const MAX_OUTPUT: usize = 512 * 1024;
/// Blocks inside blocks at most.
const MAX_DEPTH: usize = 16;
/// Nodes of a template, and nodes visited by a rendering, at most.
const MAX_NODES: usize = 10_000;
const MAX_STEPS: usize = 50_000;

/// Why a text is no template, or could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// For the operator: what, and in which line.
    pub text: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl std::error::Error for TemplateError {}

/// What becomes of `{{path}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// It is text inside HTML: escaped.
    Html,
    /// It is text: taken as it is.
    Plain,
}

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Value { path: Path, raw: bool },
    Block(Box<Block>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    If,
    Unless,
    Each,
    With,
}

impl Word {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "if" => Self::If,
            "unless" => Self::Unless,
            "each" => Self::Each,
            "with" => Self::With,
            _ => return None,
        })
    }
    fn word(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::Unless => "unless",
            Self::Each => "each",
            Self::With => "with",
        }
    }
}

#[derive(Clone, Debug)]
struct Block {
    word: Word,
    path: Path,
    body: Vec<Node>,
    otherwise: Vec<Node>,
}

/// Where a value is: so many scopes up, then down by names; or a word that begins with `@`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path {
    up: usize,
    root: bool,
    names: Vec<String>,
}

impl Path {
    fn parse(text: &str) -> Option<Self> {
        let mut path = Self {
            up: 0,
            root: false,
            names: Vec::new(),
        };
        let mut rest = text;
        while let Some(above) = rest.strip_prefix("../") {
            path.up += 1;
            rest = above;
        }
        if rest == ".." {
            path.up += 1;
            return Some(path);
        }
        if let Some(below) = rest.strip_prefix("@root") {
            path.root = true;
            rest = below.strip_prefix('.').unwrap_or(below);
            if rest.is_empty() {
                return below.is_empty().then_some(path);
            }
        }
        rest = rest.strip_prefix("./").unwrap_or(rest);
        if matches!(rest, "this" | ".") {
            return Some(path);
        }
        rest = rest
            .strip_prefix("this.")
            .or_else(|| rest.strip_prefix("this/"))
            .unwrap_or(rest);
        for name in rest.split(['.', '/']) {
            let bare = name.strip_prefix('@').unwrap_or(name);
            let fits = !bare.is_empty()
                && bare.len() <= 64
                && bare
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            if !fits || path.names.len() >= 16 {
                return None;
            }
            path.names.push(name.to_owned());
        }
        Some(path)
    }
}

/// A block that is open while the template is read.
struct Open {
    word: Word,
    path: Path,
    body: Vec<Node>,
    /// Set once `{{else}}` came.
    otherwise: Option<Vec<Node>>,
    /// It was opened by `{{else if}}`: what closes the block around it closes this one, too.
    chained: bool,
}

/// The beginning of what stands in a template, for a message about it.
fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}

struct Reader<'a> {
    source: &'a str,
    partial: &'a dyn Fn(&str) -> Option<&'static str>,
    open: Vec<Open>,
    top: Vec<Node>,
    nodes: usize,
    at: usize,
}

impl Reader<'_> {
    fn wrong(&self, what: impl fmt::Display) -> TemplateError {
        let line = self
            .source
            .get(..self.at)
            .map_or(0, |s| s.matches('\n').count())
            + 1;
        TemplateError {
            text: format!("line {line}: {what}"),
        }
    }
    fn put(&mut self, node: Node) -> Result<(), TemplateError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.wrong("the template has too many parts"));
        }
        let place = match self.open.last_mut() {
            Some(open) => open.otherwise.as_mut().unwrap_or(&mut open.body),
            None => &mut self.top,
        };
        place.push(node);
        Ok(())
    }
    fn path(&self, text: &str) -> Result<Path, TemplateError> {
        Path::parse(text)
            .ok_or_else(|| self.wrong(format_args!("{:?} is no variable", shown(text))))
    }
    fn begin(&mut self, inside: &str, chained: bool) -> Result<(), TemplateError> {
        let (word, path) = inside
            .split_once(char::is_whitespace)
            .ok_or_else(|| self.wrong(format_args!("{:?} names no variable", shown(inside))))?;
        let word = Word::parse(word).ok_or_else(|| {
            self.wrong(format_args!("{:?} is no block that is served", shown(word)))
        })?;
        let path = self.path(path.trim())?;
        if self.open.len() >= MAX_DEPTH {
            return Err(self.wrong("the blocks are nested too deep"));
        }
        self.open.push(Open {
            word,
            path,
            body: Vec::new(),
            otherwise: None,
            chained,
        });
        Ok(())
    }
    fn end(&mut self, word: &str) -> Result<(), TemplateError> {
        loop {
            let open = self
                .open
                .pop()
                .ok_or_else(|| self.wrong(format_args!("{:?} closes nothing", shown(word))))?;
            let chained = open.chained;
            if !chained && open.word.word() != word {
                return Err(self.wrong(format_args!(
                    "{:?} closes a block that is {:?}",
                    shown(word),
                    open.word.word()
                )));
            }
            self.put(Node::Block(Box::new(Block {
                word: open.word,
                path: open.path,
                body: open.body,
                otherwise: open.otherwise.unwrap_or_default(),
            })))?;
            if !chained {
                return Ok(());
            }
        }
    }
    fn otherwise(&mut self, rest: &str) -> Result<(), TemplateError> {
        let Some(open) = self.open.last_mut().filter(|o| o.otherwise.is_none()) else {
            return Err(self.wrong("else stands outside a block"));
        };
        open.otherwise = Some(Vec::new());
        if rest.is_empty() {
            Ok(())
        } else {
            self.begin(rest, true)
        }
    }
    /// One `{{…}}`, without its braces and tildes.
    fn tag(&mut self, inside: &str) -> Result<(), TemplateError> {
        let mut rest = inside.chars();
        match rest.next() {
            Some('!') => Ok(()),
            Some('#') => self.begin(rest.as_str().trim(), false),
            Some('/') => self.end(rest.as_str().trim()),
            Some('>') => {
                let name = rest.as_str().trim();
                let text = (self.partial)(name).ok_or_else(|| {
                    self.wrong(format_args!("there is no partial {:?}", shown(name)))
                })?;
                // A partial of ours holds no partials.
                let inner = Template::parse(text, &|_| None)?;
                for node in inner.nodes {
                    self.put(node)?;
                }
                Ok(())
            }
            Some('&') => {
                let path = self.path(rest.as_str().trim())?;
                self.put(Node::Value { path, raw: true })
            }
            Some('^') => self.otherwise(rest.as_str().trim()),
            _ => {
                if let Some(rest) = inside.strip_prefix("else")
                    && (rest.is_empty() || rest.starts_with(char::is_whitespace))
                {
                    return self.otherwise(rest.trim());
                }
                let path = self.path(inside)?;
                self.put(Node::Value { path, raw: false })
            }
        }
    }
}

impl Template {
    /// Reads a template. `partial` has the texts of `{{> name}}`.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(
        source: &str,
        partial: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<Self, TemplateError> {
        let mut reader = Reader {
            source,
            partial,
            open: Vec::new(),
            top: Vec::new(),
            nodes: 0,
            at: 0,
        };
        if source.len() > MAX_SOURCE {
            return Err(reader.wrong("the template is too long"));
        }
        let mut rest = source;
        // `~}}` takes the white space after it.
        let mut trim = false;
        loop {
            let (text, tail) = match rest.find("{{") {
                Some(at) => (&rest[..at], Some(&rest[at..])),
                None => (rest, None),
            };
            let mut text = if trim { text.trim_start() } else { text };
            if tail.is_some_and(|t| t.trim_start_matches('{').starts_with('~')) {
                text = text.trim_end();
            }
            if !text.is_empty() {
                reader.put(Node::Text(text.to_owned()))?;
            }
            let Some(tail) = tail else { break };
            reader.at = source.len() - tail.len();
            let raw = tail.starts_with("{{{");
            let comment = tail.strip_prefix("{{").unwrap_or(tail);
            let comment = comment
                .strip_prefix('~')
                .unwrap_or(comment)
                .starts_with("!--");
            let close = if comment {
                "--"
            } else if raw {
                "}}}"
            } else {
                "}}"
            };
            let open = if raw { 3 } else { 2 };
            let from = if comment {
                tail.find("!--").map_or(open, |at| at + 3)
            } else {
                open
            };
            let unclosed = || reader.wrong("a {{ is not closed");
            let mut end = tail
                .get(from..)
                .and_then(|t| t.find(close))
                .map(|at| from + at)
                .ok_or_else(unclosed)?;
            if comment {
                // The braces follow at once, or it is no end of a comment.
                let found = ["--}}", "--~}}"]
                    .iter()
                    .filter_map(|mark| tail[from..].find(mark).map(|at| (at, *mark)))
                    .min()
                    .ok_or_else(|| reader.wrong("a comment is not closed"))?;
                trim = found.1.contains('~');
                rest = &tail[from + found.0 + found.1.len()..];
                continue;
            }
            let mut inside = tail.get(open..end).unwrap_or_default();
            end += close.len();
            trim = inside.ends_with('~');
            inside = inside.strip_suffix('~').unwrap_or(inside);
            inside = inside.strip_prefix('~').unwrap_or(inside);
            let inside = inside.trim();
            if inside.contains(['{', '}']) {
                return Err(reader.wrong("braces inside braces"));
            }
            if raw {
                let path = reader.path(inside)?;
                reader.put(Node::Value { path, raw: true })?;
            } else {
                reader.tag(inside)?;
            }
            rest = &tail[end..];
        }
        if let Some(open) = reader.open.last() {
            return Err(reader.wrong(format_args!("{:?} is not closed", open.word.word())));
        }
        Ok(Self { nodes: reader.top })
    }

    /// True where the template shows `name` somewhere, as `{{name}}` does.
    #[must_use]
    pub fn mentions(&self, name: &str) -> bool {
        fn any(nodes: &[Node], name: &str) -> bool {
            nodes.iter().any(|node| match node {
                Node::Text(_) => false,
                Node::Value { path, .. } => path.names.join(".") == name,
                Node::Block(b) => any(&b.body, name) || any(&b.otherwise, name),
            })
        }
        any(&self.nodes, name)
    }

    /// The text that data makes of it.
    ///
    /// # Errors
    /// More output or more work than a message may need.
    pub fn render(&self, data: &Value, escape: Escape) -> Result<String, TemplateError> {
        let mut writer = Writer {
            out: String::with_capacity(4096),
            steps: 0,
            escape,
            root: data,
        };
        let top = Scope {
            value: data,
            above: None,
            key: None,
            index: None,
        };
        writer.all(&self.nodes, &top)?;
        Ok(writer.out)
    }
}

/// A value that names are looked up in, and what is around it.
struct Scope<'a> {
    value: &'a Value,
    above: Option<&'a Scope<'a>>,
    key: Option<&'a str>,
    /// Place and number of the items.
    index: Option<(usize, usize)>,
}

/// What a path leads to: part of the data, or something made here.
enum Found<'a> {
    Here(&'a Value),
    Made(Value),
}

impl Found<'_> {
    fn value(&self) -> &Value {
        match self {
            Found::Here(value) => value,
            Found::Made(value) => value,
        }
    }
}

const NULL: &Value = &Value::Null;

fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => !s.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

struct Writer<'a> {
    out: String,
    steps: usize,
    escape: Escape,
    root: &'a Value,
}

impl<'a> Writer<'a> {
    fn step(&mut self) -> Result<(), TemplateError> {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.out.len() > MAX_OUTPUT {
            return Err(TemplateError {
                text: "rendering takes too long, or makes too much".to_owned(),
            });
        }
        Ok(())
    }
    fn find<'s>(&self, path: &Path, scope: &'s Scope<'s>) -> Found<'s>
    where
        'a: 's,
    {
        let mut from = scope;
        for _ in 0..path.up {
            match from.above {
                Some(above) => from = above,
                None => return Found::Here(NULL),
            }
        }
        let mut value: &'s Value = if path.root { self.root } else { from.value };
        for name in &path.names {
            if let Some(word) = name.strip_prefix('@') {
                return Found::Made(match (word, from.index) {
                    ("index", Some((at, _))) => Value::from(at),
                    ("first", Some((at, _))) => Value::from(at == 0),
                    ("last", Some((at, count))) => Value::from(at + 1 == count),
                    ("key", _) => from.key.map_or(Value::Null, Value::from),
                    _ => Value::Null,
                });
            }
            value = match value {
                Value::Object(fields) => fields.get(name).unwrap_or(NULL),
                Value::Array(items) => name
                    .parse()
                    .ok()
                    .and_then(|at: usize| items.get(at))
                    .unwrap_or(NULL),
                _ => NULL,
            };
        }
        Found::Here(value)
    }
    fn write(&mut self, value: &Value, raw: bool) {
        let plain = raw || self.escape == Escape::Plain;
        match value {
            // An object has no text.
            Value::Null | Value::Object(_) => {}
            Value::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Value::Number(n) => self.out.push_str(&n.to_string()),
            Value::String(text) if plain => self.out.push_str(text),
            Value::String(text) => escape_into(text, &mut self.out),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate().take(1000) {
                    if at > 0 {
                        self.out.push(',');
                    }
                    if !item.is_array() {
                        self.write(item, raw);
                    }
                }
            }
        }
    }
    fn all(&mut self, nodes: &[Node], scope: &Scope<'_>) -> Result<(), TemplateError> {
        for node in nodes {
            self.step()?;
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Value { path, raw } => {
                    let found = self.find(path, scope);
                    let value = found.value().clone();
                    self.write(&value, *raw);
                }
                Node::Block(block) => self.block(block, scope)?,
            }
        }
        Ok(())
    }
    fn block(&mut self, block: &Block, scope: &Scope<'_>) -> Result<(), TemplateError> {
        let found = self.find(&block.path, scope);
        let value = found.value();
        match block.word {
            Word::If | Word::Unless => {
                let wanted = block.word == Word::If;
                let nodes = if is_true(value) == wanted {
                    &block.body
                } else {
                    &block.otherwise
                };
                self.all(nodes, scope)
            }
            Word::With if is_true(value) => self.all(&block.body, &inner(value, scope)),
            Word::Each => match value {
                Value::Array(items) if !items.is_empty() => {
                    for (at, item) in items.iter().enumerate() {
                        self.step()?;
                        let mut inner = inner(item, scope);
                        inner.index = Some((at, items.len()));
                        self.all(&block.body, &inner)?;
                    }
                    Ok(())
                }
                Value::Object(fields) if !fields.is_empty() => {
                    for (at, (key, item)) in fields.iter().enumerate() {
                        self.step()?;
                        let mut inner = inner(item, scope);
                        inner.index = Some((at, fields.len()));
                        inner.key = Some(key);
                        self.all(&block.body, &inner)?;
                    }
                    Ok(())
                }
                _ => self.all(&block.otherwise, scope),
            },
            Word::With => self.all(&block.otherwise, scope),
        }
    }
}

fn inner<'a>(value: &'a Value, above: &'a Scope<'a>) -> Scope<'a> {
    Scope {
        value,
        above: Some(above),
        key: None,
        index: None,
    }
}

fn escape_into(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            '`' => out.push_str("&#x60;"),
            '=' => out.push_str("&#x3D;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
