// Key changes as an application with the official SDK sees them: before, during and after a rotation, and in an emergency.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { newEmailAddress, password, runToEnd, startUsher, stopAll, until, usherBinary } from './harness.mjs';

let usher, backend, online, session;
before(async () => {
  usher = await startUsher();
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
  online = { secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url };
  const user = await backend.users.createUser({ emailAddress: [newEmailAddress()], password });
  session = await backend.sessions.createSession({ userId: user.id });
});
after(() => stopAll(usher));

const keys = (...args) => runToEnd(usherBinary(), ['keys', ...args, '--data', usher.data]);
const minted = async () => (await backend.sessions.getToken(session.id)).jwt;
const kid = jwt => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).kid;
const published = async () => (await backend.jwks.getJwks()).keys.map(key => key.kid);
const pem = said => said.match(/-----BEGIN PUBLIC KEY-----[^]+?-----END PUBLIC KEY-----/)[0];

test('the SDK verifies before, during and after a rotation, online and by CLERK_JWT_KEY', async () => {
  const old = await minted();
  assert.equal((await verifyToken(old, online)).sid, session.id);
  const oldPem = pem(await keys('show'));
  assert.equal((await verifyToken(old, { jwtKey: oldPem })).sid, session.id);

  const newPem = pem(await keys('rotate', '--ahead', '6s', '--keep', '1h'));
  assert.notEqual(newPem, oldPem);
  await until('both keys to be published', async () => (await published()).length === 2);
  const during = await minted();
  assert.equal(kid(during), kid(old), 'the new key is published before it signs');
  assert.equal((await verifyToken(during, online)).sid, session.id);

  const fresh = await until('the new key to sign', async () => { const jwt = await minted(); return kid(jwt) !== kid(old) && jwt; });
  assert.equal((await verifyToken(fresh, online)).sid, session.id);
  assert.equal((await verifyToken(fresh, { ...online, skipJwksCache: true })).sid, session.id);
  assert.equal((await verifyToken(fresh, { jwtKey: newPem })).sid, session.id);
  await assert.rejects(() => verifyToken(fresh, { jwtKey: oldPem }));
  assert.equal((await verifyToken(during, { ...online, skipJwksCache: true })).sid, session.id, 'the old token is good until it expires');
  assert.deepEqual(await published(), [kid(fresh), kid(old)]);
});

/** What the SDK says in a process that has no keys in its cache. */
const elsewhere = jwt => runToEnd(process.execPath, ['--input-type=module', '-e',
  `import { verifyToken } from '@clerk/backend'; console.log((await verifyToken(process.env.JWT, { secretKey: process.env.KEY, apiUrl: process.env.API })).sid)`],
{ env: { JWT: jwt, KEY: usher.env.CLERK_SECRET_KEY, API: usher.url } });

// The SDK never forgets a kid that it has seen less than five minutes ago; only a fresh process asks anew.
test('after an emergency the SDK refuses what the old key signed as soon as it asks', async () => {
  const stolen = await minted();
  await keys('rotate', '--now');
  await until('the old keys to go', async () => (await published()).length === 1);
  const fresh = await minted();
  assert.notEqual(kid(fresh), kid(stolen));
  assert.equal((await verifyToken(fresh, online)).sid, session.id);
  assert.equal((await elsewhere(fresh)).trim(), session.id);
  await assert.rejects(() => elsewhere(stolen), /jwk-kid-mismatch|Unable to find a signing key/);
});

test('a server moves to another secret key without a pause', async () => {
  const secret = (await keys('secret', 'create')).trim().split('\n').at(-1);
  const moved = createClerkClient({ secretKey: secret, apiUrl: usher.url });
  const answers = client => client.instance.get().then(instance => instance.id, () => null);
  await until('the new key to open', () => answers(moved));
  assert.equal(await answers(moved), await answers(backend));
  const id = (await keys('secret', 'list')).split('\n').find(line => line.includes(`…${usher.env.CLERK_SECRET_KEY.slice(-4)}`)).trim().split(/\s+/)[0];
  await keys('secret', 'revoke', id);
  // Another process wrote: a moment passes (20 ms) until the server sees it.
  await until('the old key to end', async () => (await answers(backend)) === null);
  await assert.rejects(() => backend.instance.get(), error => error.status === 401);
  await moved.instance.get();
});
