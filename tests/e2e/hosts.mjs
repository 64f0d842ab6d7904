// Production on one machine: an authority made for this run, `usher serve` with TLS, two instances (on a root domain, which has
// a satellite, and on one of its subdomains), their apps, and a Chromium that takes every name for this machine.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, here, launchChromium, runToEnd, start, usherBinary } from './harness.mjs';

/** An authority, and a certificate of it for each list of names. */
function certificates(directory, lists) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...newKey, '-keyout', 'authority.key', '-out', 'authority.pem', '-days', '2', '-subj', '/CN=Authority of a test');
  const made = lists.map((names, index) => {
    const [key, chain] = [`host${index}.key`, `host${index}.pem`];
    openssl('req', ...newKey, '-keyout', key, '-out', 'request.pem', '-subj', '/CN=Host');
    writeFileSync(join(directory, 'extensions'), `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}\nbasicConstraints=CA:FALSE\n`);
    openssl('x509', '-req', '-in', 'request.pem', '-CA', 'authority.pem', '-CAkey', 'authority.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions', '-out', chain);
    // The authority goes along: Chromium knows it by its key.
    writeFileSync(join(directory, chain), readFileSync(join(directory, chain), 'utf8') + readFileSync(join(directory, 'authority.pem'), 'utf8'));
    return { chain: join(directory, chain), key: join(directory, key) };
  });
  return { authority: readFileSync(join(directory, 'authority.pem'), 'utf8'), made };
}

/** A request to this machine that trusts the authority only: its status, headers and JSON. */
function ask({ port, authority }, host, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((done, fail) => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const request = https.request({ port, host: '127.0.0.1', servername: host, ca: authority, path, method, agent: false,
      headers: { host, ...(text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }), ...headers } }, response => {
      let said = '';
      response.on('data', chunk => { said += chunk; }).on('end', () => done({ status: response.statusCode, headers: response.headers, said }));
    });
    request.once('error', fail).end(text);
  });
}

export async function startHosts() {
  const directory = mkdtempSync(join(tmpdir(), 'usher-hosts-'));
  const [port, rootApp, subApp, satelliteApp] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const { authority, made: [roots, subs, satellites] } = certificates(directory, [
    ['example.com', '*.example.com', 'localhost', 'evil.example.net'], ['*.sub.example.com'], ['satellite.org', '*.satellite.org'],
  ]);
  const config = join(directory, 'usher.toml');
  const instance = (name, host, settings) => `[[instances]]\nname = "${name}"\nhost = "${host}"\n[instances.settings]\n${settings}\n`;
  writeFileSync(config, `
[server]
listen = "127.0.0.1:${port}"
[[server.tls.certificates]]
chain = "${roots.chain}"
key = "${roots.key}"
[[server.tls.certificates]]
chain = "${subs.chain}"
key = "${subs.key}"
[[server.tls.certificates]]
chain = "${satellites.chain}"
key = "${satellites.key}"
[database]
url = "sqlite:${join(directory, 'usher.db')}"
[keys]
master = "${randomBytes(32).toString('hex')}"
[mail]
smtp_url = "smtp://127.0.0.1:9"
${instance('root', 'clerk.example.com', 'allowed_subdomains = ["app.example.com"]')}
${instance('sub', 'clerk.sub.example.com', '')}`);
  const local = { port, authority };
  const usher = await start('usher serve', usherBinary(), ['serve', '--config', config], {
    cwd: directory, logFile: join(directory, 'usher.log'),
    ready: async () => (await ask(local, 'localhost', '/readyz').catch(() => null))?.status === 200,
  });
  const shown = await runToEnd(usherBinary(), ['keys', 'show', '--config', config]);
  const keys = name => {
    const part = shown.slice(shown.indexOf(`${name} (`));
    return { CLERK_PUBLISHABLE_KEY: part.match(/pk_live_\S+/)[0], CLERK_SECRET_KEY: part.match(/sk_live_\S+/)[0] };
  };
  // What this machine trusts already, and our authority.
  const trusted = process.env.NODE_EXTRA_CA_CERTS;
  const bundle = join(directory, 'trusted.pem');
  writeFileSync(bundle, `${trusted && existsSync(trusted) ? readFileSync(trusted, 'utf8') : ''}\n${authority}`);
  const app = (name, appPort, parties, more = {}) => start(`app ${parties[0]}`, process.execPath, ['apps/hosts/server.mjs'], {
    cwd: here, logFile: join(directory, `${appPort}.log`),
    env: { ...keys(name), PORT: String(appPort), CERTIFICATE: roots.chain, CERTIFICATE_KEY: roots.key, NODE_EXTRA_CA_CERTS: bundle,
      CLERK_API_URL: `https://localhost:${port}`, AUTHORIZED_PARTIES: parties.join(','), ...more },
    ready: async () => (await ask({ port: appPort, authority }, more.SATELLITE ?? 'example.com', '/blank').catch(() => null))?.status === 200,
  });
  const bapi = (name, path, body) => ask(local, 'localhost', path, { method: 'POST', body, headers: { authorization: `Bearer ${keys(name).CLERK_SECRET_KEY}` } });
  const added = await bapi('root', '/v1/domains', { name: 'satellite.org', is_satellite: true });
  assert.equal(added.status, 200, added.said);
  const apps = [
    await app('root', rootApp, ['https://example.com', 'https://app.example.com']), await app('sub', subApp, ['https://sub.example.com']),
    await app('root', satelliteApp, ['https://satellite.org'], { SATELLITE: 'satellite.org', SIGN_IN_URL: 'https://accounts.example.com/sign-in', CERTIFICATE: satellites.chain, CERTIFICATE_KEY: satellites.key }),
  ];
  const to = (host, appPort) => `MAP ${host}:443 127.0.0.1:${appPort}`;
  const pin = createHash('sha256').update(new X509Certificate(authority).publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
  const browser = await launchChromium([
    ...['clerk.example.com', 'accounts.example.com', 'clerk.sub.example.com', 'accounts.sub.example.com'].map(host => to(host, port)),
    to('clerk.satellite.org', port), to('satellite.org', satelliteApp),
    to('sub.example.com', subApp), ...['example.com', 'app.example.com', 'blog.example.com', 'evil.example.net'].map(host => to(host, rootApp)),
    'MAP * ~NOTFOUND', 'EXCLUDE 127.0.0.1',
  ].join(', '), `--ignore-certificate-errors-spki-list=${pin}`);

  return {
    browser,
    ask: (host, path, options) => ask(local, host, path, options),
    /** `_<8 characters>` of the instance's suffixed cookies. */
    suffix: name => '_' + createHash('sha1').update(keys(name).CLERK_PUBLISHABLE_KEY).digest('base64').replaceAll('+', '-').replaceAll('/', '_').slice(0, 8),
    /** Cookie names that an app's server ever saw. */
    seen: async name => JSON.parse((await ask({ port: name === 'root' ? rootApp : subApp, authority }, 'example.com', '/seen')).said),
    log: () => readFileSync(join(directory, 'usher.log'), 'utf8'),
    /** A user made by the operator's server; the id. */
    async newUser(name, emailAddress, password) {
      const { status, said } = await bapi(name, '/v1/users', { email_address: [emailAddress], password });
      assert.equal(status, 200, said);
      return JSON.parse(said).id;
    },
    async stop() {
      await browser.close();
      await Promise.all([...apps, usher].map(one => one.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
