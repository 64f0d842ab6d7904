// `make test`: installs what the tests need where it may, runs every test on both databases, drives the official SDKs
// and a real browser against the built server, holds the exchanges of the whole run against the reference where it is
// there, and prints the counts. Plain Node, no packages.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const target = resolve(root, process.env.CARGO_TARGET_DIR || "target");
const exchanges = join(target, "exchanges.jsonl");
const results = join(target, "tests.json");
const figures = join(target, "figures.jsonl");
const e2eResults = join(target, "e2e.json");
const isRoot = process.getuid?.() === 0;
let passed = 0;
let failed = 0;
let skipped = 0;
// Each test that ran, by its path, and whether it passed.
const cases = [];
const began = Date.now();

const has = (tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
const say = (line) => console.log(`\n== ${line}`);

// Runs a command, shows its output and returns it.
function run(command, args, env = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    const keep = (stream) => (chunk) => { text += chunk; stream.write(chunk); };
    child.stdout.on("data", keep(process.stdout));
    child.stderr.on("data", keep(process.stderr));
    child.on("close", (code) => done({ code, text }));
    child.on("error", (e) => done({ code: 127, text: String(e) }));
  });
}

// Debian's packages, where this is Debian and we are root; elsewhere it says what to install.
function ensure(tools, packages) {
  if (tools.every((names) => names.some(has))) return;
  if (!isRoot || !has("apt-get")) {
    console.error(`Please install: ${packages.join(", ")} (as root: apt-get install ${packages.join(" ")}), then run make test again.`);
    process.exit(1);
  }
  say(`installing ${packages.join(", ")}`);
  const quiet = { stdio: "inherit", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  spawnSync("apt-get", ["update", "-qq"], quiet);
  if (spawnSync("apt-get", ["install", "-y", "-qq", ...packages], quiet).status !== 0) process.exit(1);
}

function freePort() {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => { const { port } = probe.address(); probe.close(() => done(port)); });
  });
}

// A throw-away PostgreSQL for this run. It refuses to run as root, so root runs it as its own user.
async function postgres() {
  const bin = spawnSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1"]).stdout.toString().trim()
    || spawnSync("sh", ["-c", "dirname $(readlink -f $(command -v postgres))"]).stdout.toString().trim();
  const dir = mkdtempSync(join(tmpdir(), "usher-pg-"));
  const port = await freePort();
  const as = (line) => (isRoot ? ["su", ["postgres", "-s", "/bin/sh", "-c", line]] : ["sh", ["-c", line]]);
  if (isRoot) spawnSync("chown", ["postgres", dir]);
  const sh = (line) => { const [c, a] = as(line); return spawnSync(c, a, { cwd: tmpdir(), encoding: "utf8" }); };
  const made = sh(`${bin}/initdb -D ${dir}/data -U usher --auth=trust -E UTF8 --locale=C >${dir}/init.log 2>&1`);
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${dir} -c fsync=off -c max_connections=300`;
  const up = sh(`${bin}/pg_ctl -D ${dir}/data -o "${options}" -l ${dir}/log -w start`);
  if (up.status !== 0) throw new Error(`PostgreSQL did not start: ${up.stdout}${up.stderr}`);
  return { url: `postgres://usher@127.0.0.1:${port}/postgres`, stop() { sh(`${bin}/pg_ctl -D ${dir}/data -m immediate stop`); rmSync(dir, { recursive: true, force: true }); } };
}

const git = (...args) => { try { return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim(); } catch { return ""; } };

function count(text) {
  for (const m of text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)/gm)) cases.push({ name: m[1], passed: m[2] === "ok" });
  for (const m of text.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    passed += Number(m[1]); failed += Number(m[2]); skipped += Number(m[3]);
  }
  for (const m of text.matchAll(/^e2e: (\d+) passed, (\d+) failed/gm)) {
    passed += Number(m[1]); failed += Number(m[2]);
  }
}

// A step that ends badly without a counted failure is a failure.
async function step(name, command, args, env) {
  say(name);
  const before = failed;
  const started = Date.now();
  const { code, text } = await run(command, args, env);
  count(text);
  if (code !== 0 && failed === before) failed += 1;
  console.log(`== ${name}: ${code === 0 ? "ok" : "FAILED"} in ${Math.round((Date.now() - started) / 1000)} s`);
}

// Holds the exchanges of the whole run against the reference, where that is there.
async function contract() {
  const tool = resolve(root, "../shared/tools/contract.py");
  if (!existsSync(tool)) {
    say("reference check: SKIPPED (../shared is not here)");
    return;
  }
  let python = "python3";
  if (spawnSync(python, ["-c", "import yaml, openapi_schema_validator"]).status !== 0) {
    const venv = join(target, "contract-venv");
    if (!existsSync(venv)) spawnSync("python3", ["-m", "venv", venv], { stdio: "inherit" });
    python = join(venv, "bin/python");
    spawnSync(python, ["-m", "pip", "install", "-q", "pyyaml", "openapi-schema-validator"], { stdio: "inherit" });
  }
  const summary = join(target, "contract.json");
  // The tool reads its documents anew for every exchange; once is enough.
  const once = "import functools, sys; sys.path.insert(0, sys.argv[1]); import contract; contract.Spec = functools.cache(contract.Spec); sys.argv = sys.argv[1:]; sys.exit(contract.main())";
  await step("the exchanges of this run against the reference", python, ["-c", once, dirname(tool), "check", exchanges, "--waive", "contract/waivers.txt", "--json", summary]);
  if (!existsSync(summary)) return;
  const { fapi, bapi } = JSON.parse(readFileSync(summary, "utf8"));
  for (const [name, { succeeded }, least] of [["FAPI", fapi, 120], ["BAPI", bapi, 135]]) {
    const enough = succeeded >= least;
    console.log(`${name}: ${succeeded} operations have succeeded (at least ${least})${enough ? "" : ": TOO FEW"}`);
    if (enough) passed += 1; else failed += 1;
  }
}

mkdirSync(target, { recursive: true });
// `make evidence` runs the tests only where nothing has changed since they ran.
const commit = git("rev-parse", "HEAD");
const clean = git("status", "--porcelain") === "";
if (process.argv.includes("--unless-current") && existsSync(results)) {
  const last = JSON.parse(readFileSync(results, "utf8"));
  if (clean && last.clean && last.commit === commit && last.failed === 0) {
    console.log(`the tests of ${commit.slice(0, 9)} have run: ${last.passed} passed`);
    process.exit(0);
  }
}
for (const old of [results, figures, e2eResults]) rmSync(old, { force: true });
rmSync(exchanges, { force: true });
writeFileSync(exchanges, "");
ensure([["chromium"], ["psql"], ["python3"]], ["chromium", "postgresql", "python3-venv"]);
const server = await postgres();
process.on("exit", () => server.stop());
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
const env = { USHER_TEST_POSTGRES: server.url, EXCHANGES: exchanges, USHER_FIGURES: figures, RUST_BACKTRACE: "1" };
await step("unit and integration tests, on SQLite and PostgreSQL", "cargo", ["test", "--workspace", "--no-fail-fast"], env);
await step("the server's binary", "cargo", ["build", "--quiet", "--package", "usher"]);
const binary = join(target, "debug/usher");
await step("official SDKs and a real browser", "node", ["tests/e2e/run.mjs"], { ...env, USHER_BIN: binary, E2E_RESULTS: e2eResults });
if (existsSync(e2eResults)) cases.push(...JSON.parse(readFileSync(e2eResults, "utf8")));
await contract();
const seconds = Math.round((Date.now() - began) / 1000);
writeFileSync(results, `${JSON.stringify({ commit, clean, at: new Date(began).toISOString(), seconds, passed, failed, skipped, cases })}\n`);
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exit(failed === 0 ? 0 : 1);
