// Runs every suite of this folder: node run.mjs [--only browser|node|python|NAME]
// Installs what is missing first. The last line is `e2e: N passed, M failed`; the exit code is 1 where anything failed.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const browser = ['html', 'vite', 'next', 'express', 'portal', 'hosts', 'satellites', 'passkey', 'social', 'testkeys', 'captcha', 'steps', 'ways', 'custom', 'links', 'profile', 'organizations', 'wallet', 'phone'];
const suites = [...browser, 'node', 'keys', 'python'];
const { values: { only } } = parseArgs({ options: { only: { type: 'string' } } });
const wanted = only === undefined ? suites : only === 'browser' ? browser : suites.filter(name => name === only);
if (wanted.length === 0) {
  console.error(`--only takes browser or one of ${suites.join(', ')}`);
  process.exit(2);
}

function must(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: here, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? error}`);
}

/** Installs when `source` is not the file that the last installation was made from. */
function installed(source, stamp, install) {
  const hash = createHash('sha256').update(readFileSync(join(here, source))).digest('hex');
  if (existsSync(join(here, stamp)) && readFileSync(join(here, stamp), 'utf8') === hash) return;
  console.error(`e2e: installing ${source}`);
  install();
  writeFileSync(join(here, stamp), hash);
}

installed('package-lock.json', 'node_modules/.installed', () => must('npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'));
const venv = name => join(here, 'python/.venv/bin', name);
if (wanted.includes('python')) {
  installed('python/requirements.txt', 'python/.venv/.installed', () => {
    must('python3', '-m', 'venv', '--clear', 'python/.venv');
    must(venv('python'), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'python/requirements.txt');
  });
}

let passed = 0, failed = 0;
// What `make evidence` counts: each test by its suite and title.
const cases = [];
const note = (event, ok) => cases.push({ name: `e2e/${basename(event.file ?? '').replace('.test.mjs', '')}: ${event.name}`, passed: ok });

const files = wanted.filter(name => name !== 'python').map(name => join(here, `${name}.test.mjs`));
if (files.length > 0) {
  const events = run({ files, concurrency: 2, timeout: 120_000 });
  const counted = event => event.details?.type !== 'suite' && !event.skip && !event.todo;
  events.on('test:pass', event => { if (counted(event)) { passed += 1; note(event, true); } });
  events.on('test:fail', event => { if (counted(event)) { failed += 1; note(event, false); } });
  const report = events.compose(spec);
  report.pipe(process.stdout, { end: false });
  await new Promise(done => report.once('end', done));
}

if (wanted.includes('python')) {
  const { startUsher, stopAll } = await import('./harness.mjs');
  let usher, said = '';
  try {
    usher = await startUsher();
    const { stderr, error } = spawnSync(venv('python'), ['-m', 'unittest', '-v', 'test_sdk'],
      { cwd: join(here, 'python'), env: { ...process.env, ...usher.env, PYTHONDONTWRITEBYTECODE: '1' }, encoding: 'utf8', timeout: 120_000 });
    said = `${stderr ?? ''}${error ?? ''}`;
  } catch (error) {
    said = String(error);
  }
  await stopAll(usher);
  console.log(said);
  const ran = Number(said.match(/^Ran (\d+) tests?/m)?.[1] ?? 0);
  const broken = [...said.matchAll(/(?:failures|errors)=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  passed += Math.max(0, ran - broken);
  failed += ran === 0 ? 1 : broken;
}

if (passed + failed === 0) failed = 1;
if (process.env.E2E_RESULTS) writeFileSync(process.env.E2E_RESULTS, JSON.stringify(cases));
console.log(`e2e: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
