# The menu. `make run` needs a Rust toolchain and Node.js with npm; `make test` installs the rest where it may.
.PHONY: list run build test check bench sbom evidence assets
TARGET := $(or $(CARGO_TARGET_DIR),target)

list:
	@echo "make run      build what is missing and start the development server"
	@echo "make test     install what the tests need where missing, and run all of them"
	@echo "make build    the release binary, at $(TARGET)/release/usher"
	@echo "make check    formatting, lints, layers, sizes"
	@echo "make sbom     the bill of materials, at $(TARGET)/sbom.cdx.json"
	@echo "make evidence what the tests prove, counted, at $(TARGET)/evidence.json"
	@echo "make bench    benchmarks; refreshes docs/benchmarks.md"

assets:
	@node web/build.mjs

run: assets
	cargo run --release --quiet --package usher -- dev

build: assets
	cargo build --release --package usher

test: assets
	node tests/run.mjs

check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo build --quiet --package usher
	cargo xtask layers
	cargo xtask budget
	cargo xtask words
	cargo xtask claims
	cargo xtask unserved
	cargo xtask openapi
	@if command -v cargo-deny >/dev/null; then cargo deny --log-level error check licenses bans sources; else echo "cargo deny: SKIPPED (cargo install cargo-deny)"; fi

bench: build
	cargo run --release --quiet --package usher-bench -- --out docs/benchmarks.md

sbom:
	cargo xtask sbom

# Runs the tests first, unless their last run was of this very commit.
evidence: assets
	node tests/run.mjs --unless-current
	cargo run --quiet --package usher-fuzz -- --seconds 5 --out $(TARGET)/fuzz.json
	cargo xtask sbom
	cargo xtask evidence
