//! Our own OpenAPI documents, generated from the route table and the resources' types; never edited by hand.
use crate::route::{Api, Guard, Op};
use bytes::Bytes;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;
use usher_http::form::{Field, Kind, Place};

/// The document of an API, rendered once.
#[must_use]
pub fn rendered(api: Api) -> Bytes {
    static FAPI: OnceLock<Bytes> = OnceLock::new();
    static BAPI: OnceLock<Bytes> = OnceLock::new();
    let slot = match api {
        Api::Fapi => &FAPI,
        Api::Bapi => &BAPI,
    };
    slot.get_or_init(|| Bytes::from(format!("{:#}\n", document(api))))
        .clone()
}

fn field_schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::Text(max) => json!({ "type": "string", "maxLength": max }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Int(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Object(_) => json!({ "type": "object" }),
        Kind::Texts(items, max) => {
            json!({ "type": "array", "maxItems": items, "items": { "type": "string", "maxLength": max } })
        }
    };
    if !field.about.is_empty() {
        schema["description"] = field.about.into();
    }
    schema
}

fn operation(op: &Op, generator: &mut SchemaGenerator) -> Value {
    let mut parameters: Vec<Value> = op
        .path
        .split('/')
        .filter_map(|p| p.strip_prefix('{').and_then(|p| p.strip_suffix('}')))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let mut properties = Map::new();
    let mut required = Vec::new();
    for field in op.fields {
        match field.place {
            Place::Query => parameters.push(json!({ "name": field.name, "in": "query", "required": field.required, "schema": field_schema(field) })),
            Place::Body => {
                properties.insert(field.name.to_owned(), field_schema(field));
                if field.required {
                    required.push(field.name);
                }
            }
        }
    }
    let mut answer = json!({ "description": "Done." });
    if let Some(schema) = op.answer {
        let inner = schema(generator).to_value();
        let client = if op.enveloped {
            crate::clients::resource::ClientResource::schema(generator)
        } else {
            Value::Null
        };
        let schema = if op.enveloped {
            json!({ "type": "object", "properties": { "response": inner, "client": { "anyOf": [client, { "type": "null" }] } }, "required": ["response", "client"] })
        } else {
            inner
        };
        answer["content"] = json!({ "application/json": { "schema": schema } });
    }
    let refused = json!({ "description": "Refused.", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Errors" } } } });
    let mut out = json!({ "operationId": op.id, "tags": [op.path.split('/').find(|p| !p.is_empty() && *p != "v1").unwrap_or("root")], "responses": { "200": answer, "4XX": refused } });
    if !parameters.is_empty() {
        out["parameters"] = parameters.into();
    }
    if !properties.is_empty() {
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        let kind = match op.api {
            Api::Fapi => "application/x-www-form-urlencoded",
            Api::Bapi => "application/json",
        };
        if op.items > 0 {
            schema =
                json!({ "type": "array", "minItems": 1, "maxItems": op.items, "items": schema });
        }
        let kind = if op.items > 0 {
            "application/json"
        } else {
            kind
        };
        out["requestBody"] = json!({ "content": { kind: { "schema": schema } } });
    }
    if op.upload {
        let file = json!({ "type": "object", "required": ["file"], "properties": { "file": { "type": "string", "format": "binary" } } });
        out["requestBody"] = json!({ "required": true, "content": {
            "multipart/form-data": { "schema": file },
            "application/octet-stream": { "schema": { "type": "string", "contentEncoding": "base64" } },
        } });
    }
    out["security"] = match op.guard {
        Guard::Public => json!([]),
        Guard::Browser => json!([{}, { "client": [] }]),
        Guard::SignedIn => json!([{ "client": [] }]),
        Guard::SecretKey => json!([{ "secret_key": [] }]),
    };
    out
}

/// The document of an API.
#[must_use]
pub fn document(api: Api) -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|s| s.definitions_path = "/components/schemas".into())
        .into_generator();
    let mut ops: Vec<&Op> = crate::operations().filter(|op| op.api == api).collect();
    ops.sort_by_key(|op| (op.path, op.method));
    let mut paths: Map<String, Value> = Map::new();
    for op in ops {
        let item = paths
            .entry(op.path)
            .or_insert_with(|| Value::Object(Map::new()));
        item[op.method.to_ascii_lowercase()] = operation(op, &mut generator);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert(
        "Errors".to_owned(),
        json!({
            "type": "object", "required": ["errors"],
            "properties": {
                "errors": { "type": "array", "items": {
                    "type": "object", "required": ["message", "long_message", "code"],
                    "properties": { "message": { "type": "string" }, "long_message": { "type": "string" }, "code": { "type": "string" }, "meta": { "type": "object" } },
                } },
                "clerk_trace_id": { "type": "string" },
            },
        }),
    );
    let (title, about, scheme) = match api {
        Api::Fapi => (
            "Usher Frontend API",
            "What browsers call, with the client cookie.",
            json!({ "client": { "type": "apiKey", "in": "cookie", "name": "__client" } }),
        ),
        Api::Bapi => (
            "Usher Backend API",
            "What servers call, with a secret key.",
            json!({ "secret_key": { "type": "http", "scheme": "bearer" } }),
        ),
    };
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": env!("CARGO_PKG_VERSION"), "description": about, "license": { "name": "Apache-2.0" } },
        "paths": paths,
        "components": { "schemas": schemas, "securitySchemes": scheme },
    })
}
