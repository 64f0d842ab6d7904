// A running Usher, the apps in front of it, a Chromium that may only talk to this machine, and hands for the official components.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, statSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const here = dirname(fileURLToPath(import.meta.url));
export const password = 'correct horse 7 battery staple';

/** Vendors' telemetry is off in everything we start. */
const quiet = {
  CLERK_TELEMETRY_DISABLED: '1', NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED: '1', VITE_CLERK_TELEMETRY_DISABLED: '1',
  NEXT_PUBLIC_CLERK_KEYLESS_DISABLED: '1', NEXT_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1',
};
Object.assign(process.env, quiet);

let serial = 0;
/** An address nobody else in this run has. */
export const newEmailAddress = (mailbox = 'ada') => `${mailbox}.${process.pid}.${++serial}@example.com`;

/** Asks until the answer is truthy. Something outside this process has to happen, and only asking can tell. */
export async function until(what, ask, { seconds = 15, alive = () => true } = {}) {
  for (const end = Date.now() + seconds * 1000; ;) {
    const answer = await ask();
    if (answer) return answer;
    if (!alive()) throw new Error(`${what}: the process has ended`);
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await pause(50);
  }
}

/** A port below the range the kernel gives to outgoing connections. */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await new Promise(done => {
      const probe = net.createServer().once('error', () => done(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => done(true)));
    });
    if (free) return port;
  }
}

// ---------------------------------------------------------------- processes

const running = new Set();
process.on('exit', () => running.forEach(child => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** Starts a program and waits until `readyUrl` answers 200, or `ready` says so; what it printed is shown where it does not. */
export async function start(name, command, args, { env = {}, cwd = here, readyUrl, ready, logFile }) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  const log = createWriteStream(logFile);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { log.write(chunk); said = (said + chunk).slice(-4000); });
  const ended = new Promise(done => child.once('error', error => { said += error; done(); }).once('exit', done));
  let over = false;
  ended.then(() => { over = true; running.delete(child); });
  const stop = async () => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(killer);
    log.end();
  };
  try {
    ready ??= async () => (await fetch(readyUrl).catch(() => null))?.status === 200;
    await until(`${name} to answer ${readyUrl ?? 'its probe'}`, ready, { seconds: 45, alive: () => !over });
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${said}`);
  }
  return { stop, said: () => said };
}

/** Runs a program to its end; a failure carries what it printed. */
export function runToEnd(command, args, { env = {}, cwd = here } = {}) {
  return new Promise((done, fail) => {
    let said = '';
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { said += chunk; });
    child.once('error', fail).once('close', code => {
      running.delete(child);
      if (code === 0) done(said); else fail(new Error(`${command} ${args.join(' ')} ended with ${code}\n${said.slice(-4000)}`));
    });
  });
}

/** The server under test: `$USHER_BIN`, or the newest build of this workspace. */
export function usherBinary() {
  if (process.env.USHER_BIN) return resolve(process.env.USHER_BIN);
  const target = process.env.CARGO_TARGET_DIR ?? join(here, '../../target');
  const built = ['release', 'debug'].map(profile => join(target, profile, 'usher')).filter(existsSync);
  const [found] = built.sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  assert.ok(found, 'no usher binary: build one or set USHER_BIN');
  return found;
}

/** `usher dev` on a free port with an empty data directory; `config` is what else its file says, `keys` what it says of keys. `env` is what it wrote to `dev.env`. */
export async function startUsher({ settings = '', keys = '', config = '', port: wanted, flags = [] } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'usher-e2e-'));
  const data = join(directory, 'data');
  const port = wanted ?? await freePort();
  const url = `http://localhost:${port}`;
  const more = [...flags];
  if (settings || keys) {
    const file = join(directory, 'instances.toml');
    writeFileSync(file, `${config}\n[[instances]]\nname = "e2e"\nhost = "127.0.0.1:${port}"\nenvironment = "development"\n${keys}\n[instances.settings]\n${settings}\n`);
    more.push('--instances', file);
  }
  const usher = await start('usher', usherBinary(), ['dev', '--port', String(port), '--data', data, ...more], {
    cwd: directory, readyUrl: `${url}/healthz`, logFile: join(directory, 'usher.log'),
  });
  const env = Object.fromEntries(readFileSync(join(data, 'dev.env'), 'utf8').split('\n')
    .map(line => line.match(/^(?:export )?([A-Z0-9_]+)=(["']?)(.*)\2$/)).filter(Boolean).map(([, key, , value]) => [key, value]));
  for (const key of ['CLERK_PUBLISHABLE_KEY', 'CLERK_SECRET_KEY', 'CLERK_API_URL']) assert.ok(env[key], `dev.env has no ${key}`);
  return {
    url, env, data,
    async stop() {
      await usher.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The newest code that Usher mailed to an address. */
export async function mailedCode(usher, emailAddress, except = []) {
  return until(`a code for ${emailAddress}`, async () => {
    const response = await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(emailAddress)}`);
    assert.equal(response.status, 200, 'GET /inbox/messages');
    const { data } = await response.json();
    return data.find(message => message.code && !except.includes(message.code))?.code;
  });
}

/** What an authenticator app shows `steps` half minutes from now (RFC 6238). */
export function totp(secret, steps = 0) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map(letter => alphabet.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map(byte => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// ---------------------------------------------------------------- apps

const bin = name => join(here, 'node_modules/.bin', name);

/** The page of recipe (a), on an origin of its own. */
export async function startHtmlApp(usher) {
  const page = readFileSync(join(here, 'apps/html/index.html'), 'utf8')
    .replaceAll('{{CLERK_PUBLISHABLE_KEY}}', usher.env.CLERK_PUBLISHABLE_KEY).replaceAll('{{CLERK_PROXY_URL}}', usher.url);
  const server = http.createServer((request, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end(page));
  const port = await freePort();
  await new Promise(done => server.listen(port, '127.0.0.1', done));
  return { url: `http://localhost:${port}`, stop: () => new Promise(done => { server.close(done); server.closeAllConnections(); }) };
}

async function startApp(name, usher, command, args, env) {
  const directory = mkdtempSync(join(tmpdir(), `usher-e2e-${name}-`));
  const port = await freePort();
  const url = `http://localhost:${port}`;
  const app = await start(name, command, args(port), {
    env: { ...usher.env, ...env, PORT: String(port) }, readyUrl: url, logFile: join(directory, 'app.log'),
  });
  return { url, said: app.said, async stop() { await app.stop(); rmSync(directory, { recursive: true, force: true }); } };
}

export async function startViteApp(usher) {
  const out = mkdtempSync(join(tmpdir(), 'usher-e2e-dist-'));
  const env = { CLERK_PROXY_URL: usher.url, VITE_CLERK_PUBLISHABLE_KEY: usher.env.CLERK_PUBLISHABLE_KEY };
  await runToEnd(bin('vite'), ['build', 'apps/vite', '--outDir', out, '--emptyOutDir', '--logLevel', 'warn'], { env });
  const app = await startApp('vite', usher, bin('vite'),
    port => ['preview', 'apps/vite', '--outDir', out, '--port', String(port), '--strictPort', '--host', '127.0.0.1'], env);
  return { ...app, async stop() { await app.stop(); rmSync(out, { recursive: true, force: true }); } };
}

/** Keys are inlined when the app is built, so it is built for each server; Turbopack's cache makes that a few seconds. */
export async function startNextApp(usher) {
  const env = {
    ...usher.env, NODE_ENV: 'production',
    NEXT_PUBLIC_CLERK_PUBLISHABLE_KEY: usher.env.CLERK_PUBLISHABLE_KEY, NEXT_PUBLIC_CLERK_PROXY_URL: '/__clerk',
    NEXT_PUBLIC_CLERK_JS_URL: '', NEXT_PUBLIC_CLERK_UI_URL: '', // only for apps without the proxy
    NEXT_PUBLIC_CLERK_SIGN_IN_URL: '/sign-in', NEXT_PUBLIC_CLERK_SIGN_UP_URL: '/sign-up', CLERK_FAPI_URL: usher.url,
  };
  await runToEnd(bin('next'), ['build', 'apps/next'], { env });
  return startApp('next', usher, bin('next'), port => ['start', 'apps/next', '--port', String(port), '--hostname', 'localhost'], env);
}

export const startExpressApp = usher => startApp('express', usher, process.execPath, () => ['apps/express/server.mjs'], { CLERK_PROXY_URL: usher.url });

// ---------------------------------------------------------------- browser

/** A Chromium for which names are what `resolver` says, and that may not leave this machine. */
export const launchChromium = (resolver, ...more) => chromium.launch({
  executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run',
    `--host-resolver-rules=${resolver}`, ...more],
});

let launched;
const launch = () => launched ??= launchChromium('MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1');

/** Ends what a test file has started. */
export async function stopAll(...started) {
  await Promise.all(started.filter(Boolean).map(one => one.stop()));
  await (await launched)?.close();
  launched = undefined;
}

/**
 * Runs `visit({ page, context, requests })` in a fresh browser profile. The test also fails where a page asked any host but this
 * machine (and those in `hosts`, which the test answers for) for anything, threw an error that nobody caught, or broke its own
 * Content-Security-Policy.
 */
export async function browse(visit, { hosts = [] } = {}) {
  const context = await (await launch()).newContext();
  context.setDefaultTimeout(15_000);
  const requests = [], complaints = [];
  await context.addInitScript(() => document.addEventListener('securitypolicyviolation',
    event => console.error(`securitypolicyviolation ${event.violatedDirective} ${event.blockedURI} on ${location.href}`)));
  context.on('request', request => {
    requests.push(request.url());
    const { protocol, hostname } = new URL(request.url());
    if (['http:', 'https:', 'ws:', 'wss:'].includes(protocol) && !['localhost', '127.0.0.1', ...hosts].includes(hostname)) complaints.push(`request to ${request.url()}`);
  });
  context.on('weberror', error => complaints.push(`uncaught ${error.error()}`));
  context.on('console', message => {
    if (/securitypolicyviolation|Content Security Policy/i.test(message.text())) complaints.push(message.text());
  });
  try {
    const page = await context.newPage();
    try {
      await visit({ page, context, requests });
    } catch (error) {
      const shown = await page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
      throw new Error(`${error.message}\n  at ${page.url()}, showing: ${shown.replace(/\s+/g, ' ').slice(0, 500)}\n  complaints: ${complaints.join('; ') || 'none'}`, { cause: error });
    }
  } finally {
    await context.close();
  }
  assert.deepEqual(complaints, []);
}

/** All cookies of the profile by name. */
export async function cookies(context) {
  return Object.fromEntries((await context.cookies()).map(cookie => [cookie.name, cookie]));
}

/** What clerk-js itself says of the visitor, once it knows: an email address, or null. */
export async function signedInAs(page) {
  await page.waitForFunction(() => window.Clerk?.loaded);
  return page.evaluate(() => window.Clerk.user?.primaryEmailAddress?.emailAddress ?? null);
}

/** Waits until clerk-js has that user (null: nobody) on the page that is open now. */
export const waitForUser = (page, emailAddress) => page.waitForFunction(
  expected => window.Clerk?.loaded && (window.Clerk.user?.primaryEmailAddress?.emailAddress ?? null) === expected, emailAddress);

export const press = (page, name) => page.getByRole('button', { name, exact: true }).click();

export async function enterCode(page, code) {
  const field = page.getByLabel('Enter verification code');
  await field.first().waitFor();
  await field.first().fill(code);
}

/** Waits until the component that signed someone in has handed over to the app. Going on earlier would race with its navigation. */
export async function arrive(page, emailAddress, path = '/') {
  await page.waitForURL(url => url.pathname === path);
  await waitForUser(page, emailAddress);
}

/** Fills the official SignUp component that `page` shows, up to and with the code that was mailed; ends on the app's first page. */
export async function signUp(page, usher, { emailAddress, code }) {
  await page.locator('input[name=emailAddress]').fill(emailAddress);
  await page.locator('input[name=password]').fill(password);
  // The verdict appears under the field and moves the button: a click before that can miss it.
  await page.getByText('Your password meets all the necessary requirements.').first().waitFor();
  await press(page, 'Continue');
  await page.getByLabel('Enter verification code').first().waitFor();
  await enterCode(page, code ?? await mailedCode(usher, emailAddress));
  await arrive(page, emailAddress);
}

/** Fills the official SignIn component that `page` shows: identifier, then password. */
export async function signIn(page, { emailAddress, password: given = password }) {
  await page.locator('input[name=identifier]').fill(emailAddress);
  await press(page, 'Continue');
  await page.locator('input[name=password]').and(page.locator(':not([aria-hidden=true]):not([tabindex="-1"])')).fill(given);
  await press(page, 'Continue');
}

/** Does in the page what ends in another document, without waiting for it there, and then waits for that document. */
export async function toNewDocument(page, act) {
  await page.evaluate(() => { window.documentOfBefore = true; });
  await page.evaluate(act);
  await page.waitForFunction(() => !window.documentOfBefore && window.Clerk?.loaded);
}

/** Signs out by the library, which goes to another page as the last thing it does. */
export const signOutByLibrary = page => toNewDocument(page, () => { window.Clerk.signOut(); });

/** Signs out through the official UserButton, up to the new document that follows; `arrived` waits instead where a router stays in the old one. */
export async function signOut(page, arrived) {
  await page.evaluate(() => { window.documentOfBefore = true; });
  await page.locator('.cl-userButtonTrigger').click();
  await page.locator('.cl-userButtonPopoverCard').getByRole('button', { name: /Sign out$/ }).click();
  if (arrived) return arrived();
  await page.waitForFunction(() => !window.documentOfBefore && document.readyState === 'complete');
  await waitForUser(page, null);
}
