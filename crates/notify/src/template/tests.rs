use super::*;
use serde_json::json;

fn partials(name: &str) -> Option<&'static str> {
    (name == "hello").then_some("Hello {{user.name}}!")
}
fn made(source: &str, data: Value) -> String {
    let template = Template::parse(source, &partials).expect("a template");
    template.render(&data, Escape::Html).expect("a text")
}
fn wrong(source: &str) -> String {
    Template::parse(source, &partials)
        .expect_err("refused")
        .text
}

#[test]
fn values_are_escaped_unless_they_are_asked_for_raw() {
    let data = json!({ "a": "<b>'\"&`=", "n": 3, "t": true, "l": [1, "x"], "o": {} });
    assert_eq!(
        made("{{a}}", data.clone()),
        "&lt;b&gt;&#x27;&quot;&amp;&#x60;&#x3D;"
    );
    assert_eq!(made("{{{a}}}{{&a}}", data.clone()), "<b>'\"&`=<b>'\"&`=");
    assert_eq!(
        made("{{n}}{{t}}{{l}}{{o}}{{none.at.all}}", data.clone()),
        "3true1,x"
    );
    let plain = Template::parse("{{a}}", &partials).expect("a template");
    assert_eq!(
        plain.render(&data, Escape::Plain).expect("a text"),
        "<b>'\"&`="
    );
}

#[test]
fn blocks_do_what_they_do_in_javascript() {
    let data = json!({ "yes": 1, "no": 0, "user": { "name": "Ada" }, "list": ["a", "b"], "map": { "k": "v" } });
    let cases = [
        ("{{#if yes}}y{{else}}n{{/if}}", "y"),
        ("{{#if no}}y{{else}}n{{/if}}", "n"),
        ("{{#if no}}a{{else if yes}}b{{else}}c{{/if}}", "b"),
        ("{{#if no}}a{{else if no}}b{{else}}c{{/if}}d", "cd"),
        ("{{#if no}}a{{^}}b{{/if}}", "b"),
        ("{{#unless no}}n{{/unless}}", "n"),
        (
            "{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}",
            "0a,1b",
        ),
        (
            "{{#each map}}{{@key}}={{this}};{{../user.name}}{{@root.yes}}{{/each}}",
            "k=v;Ada1",
        ),
        ("{{#each none}}x{{else}}nothing{{/each}}", "nothing"),
        ("{{#with user}}{{name}}{{yes}}{{/with}}", "Ada"),
        ("{{!-- }} --}}{{! x }}a  {{~yes~}}  b", "a1b"),
        ("{{> hello}}", "Hello Ada!"),
        ("{{list.1}}{{./user.name}}", "bAda"),
    ];
    for (source, expected) in cases {
        assert_eq!(made(source, data.clone()), expected, "{source}");
    }
}

#[test]
fn what_is_not_served_is_refused_with_its_line() {
    for source in [
        "{{",
        "{{a",
        "{{{a}}",
        "{{#if}}{{/if}}",
        "{{#if a}}",
        "{{/if}}",
        "{{#if a}}{{/each}}",
        "{{else}}",
        "{{#if a}}{{else}}{{else}}{{/if}}",
        "{{> nobody}}",
        "{{#*inline \"a\"}}{{/inline}}",
        "{{lookup a b}}",
        "{{(a)}}",
        "{{#log a}}{{/log}}",
        "{{!-- a",
        "{{a{b}}",
        "{{}}",
        "{{a..b}}",
        "{{\"a\"}}",
    ] {
        assert!(wrong(source).starts_with("line 1: "), "{source}");
    }
    assert!(wrong("a\nb\n{{#if}}").starts_with("line 3: "));
}

#[test]
fn nothing_is_without_a_bound() {
    let deep = "{{#if a}}".repeat(200) + &"{{/if}}".repeat(200);
    assert!(wrong(&deep).contains("too deep"));
    assert!(wrong(&"{{a}}".repeat(11_000)).contains("too many"));
    assert!(wrong(&"a".repeat(MAX_SOURCE + 1)).contains("too long"));
    let list = json!({ "l": vec![0; 3000] });
    let nested = Template::parse("{{#each l}}{{#each ../l}}{{/each}}{{/each}}", &partials)
        .expect("a template");
    assert!(nested.render(&list, Escape::Html).is_err());
    let much = Template::parse(
        &format!("{{{{#each l}}}}{}{{{{/each}}}}", "x".repeat(10_000)),
        &partials,
    )
    .expect("a template");
    assert!(much.render(&list, Escape::Html).is_err());
}

#[test]
fn a_template_knows_what_it_mentions() {
    let template = Template::parse(
        "{{#if a}}{{{otp_code}}}{{else}}{{app.name}}{{/if}}",
        &partials,
    )
    .expect("a template");
    assert!(
        template.mentions("otp_code")
            && template.mentions("app.name")
            && !template.mentions("action_url")
    );
}
