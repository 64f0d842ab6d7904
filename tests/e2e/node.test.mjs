// @clerk/backend against the Backend API: what a server with a secret key does.

import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { mailedCode, newEmailAddress, password, startUsher, stopAll } from './harness.mjs';

let usher, backend;
before(async () => {
  usher = await startUsher();
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, publishableKey: usher.env.CLERK_PUBLISHABLE_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher));

const createUser = (fields = {}) => backend.users.createUser({ emailAddress: [newEmailAddress()], password, ...fields });

/** Asserts that the API refuses with this status and this code. */
const refused = (status, code, call) => assert.rejects(call, error => {
  assert.deepEqual({ status: error.status, code: error.errors?.[0]?.code }, { status, code }, String(error));
  return true;
});

/** A browser without a browser: asks the Frontend API to sign in and keeps the client token. */
async function signIn(emailAddress) {
  const response = await fetch(`${usher.url}/v1/client/sign_ins`, {
    method: 'POST',
    headers: { origin: usher.url, 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ strategy: 'password', identifier: emailAddress, password }),
  });
  const cookie = response.headers.getSetCookie().map(line => line.match(/^__client=([^;]+)/)?.[1]).find(Boolean);
  return { status: response.status, clientToken: cookie, ...await response.json() };
}

test('users are created, read, updated and deleted', async () => {
  const emailAddress = newEmailAddress();
  const created = await createUser({
    emailAddress: [emailAddress], firstName: 'Ada', lastName: 'Lovelace', externalId: emailAddress,
    publicMetadata: { plan: 'pro' }, privateMetadata: { note: 'hidden' }, unsafeMetadata: { theme: 'dark' },
  });
  assert.match(created.id, /^user_\w+$/);
  assert.equal(created.primaryEmailAddress.emailAddress, emailAddress);
  assert.equal(created.primaryEmailAddress.verification.status, 'verified');
  assert.equal(created.passwordEnabled, true);
  assert.equal(created.raw.password, undefined);
  assert.equal(created.raw.password_digest, undefined);

  const read = await backend.users.getUser(created.id);
  assert.equal(read.fullName, 'Ada Lovelace');
  assert.equal(read.externalId, emailAddress);
  assert.deepEqual(read.publicMetadata, { plan: 'pro' });
  assert.deepEqual(read.privateMetadata, { note: 'hidden' });
  assert.deepEqual(read.unsafeMetadata, { theme: 'dark' });
  assert.ok(Math.abs(read.createdAt - Date.now()) < 60_000, 'createdAt is in milliseconds');

  const updated = await backend.users.updateUser(created.id, { firstName: 'Augusta' });
  assert.equal(updated.fullName, 'Augusta Lovelace');
  assert.ok(updated.updatedAt >= read.updatedAt);

  const deleted = await backend.users.deleteUser(created.id);
  assert.equal(deleted.id, created.id);
  assert.equal(deleted.deleted, true);
  await refused(404, 'resource_not_found', () => backend.users.getUser(created.id));
});

test('users are listed newest first, by page, by filter and by search, and counted', async () => {
  const before = await backend.users.getCount();
  const mark = `zz${Date.now()}`;
  const people = [];
  for (const firstName of ['One', 'Two', 'Three']) people.push(await createUser({ firstName, lastName: mark }));
  const ids = people.map(user => user.id);

  assert.equal(await backend.users.getCount(), before + 3);
  assert.equal(await backend.users.getCount({ query: mark }), 3);
  const found = await backend.users.getUserList({ query: mark });
  assert.equal(found.totalCount, 3);
  assert.deepEqual(found.data.map(user => user.id), ids.toReversed());
  const oldestFirst = await backend.users.getUserList({ query: mark, orderBy: '+created_at' });
  assert.deepEqual(oldestFirst.data.map(user => user.id), ids);
  const second = await backend.users.getUserList({ query: mark, limit: 1, offset: 1 });
  assert.deepEqual(second.data.map(user => user.id), [ids[1]]);
  assert.equal(second.totalCount, 3);
  const byAddress = await backend.users.getUserList({ emailAddress: [people[0].primaryEmailAddress.emailAddress, people[2].primaryEmailAddress.emailAddress] });
  assert.deepEqual(byAddress.data.map(user => user.id).sort(), [ids[0], ids[2]].sort());
  const byId = await backend.users.getUserList({ userId: [ids[1]] });
  assert.deepEqual(byId.data.map(user => user.id), [ids[1]]);
  assert.equal((await backend.users.getUserList({ query: 'nobody-has-this' })).totalCount, 0);
});

test('metadata is merged deeply, null deletes, and replacement replaces', async () => {
  const { id } = await createUser({ publicMetadata: { a: 1, deep: { x: 1, y: 2 } }, privateMetadata: { keep: true } });
  const merged = await backend.users.updateUserMetadata(id, { publicMetadata: { a: null, b: 2, deep: { y: 3 } } });
  assert.deepEqual(merged.publicMetadata, { b: 2, deep: { x: 1, y: 3 } });
  assert.deepEqual(merged.privateMetadata, { keep: true });
  const replaced = await backend.users.replaceUserMetadata(id, { publicMetadata: { only: 'this' } });
  assert.deepEqual(replaced.publicMetadata, { only: 'this' });
  assert.deepEqual((await backend.users.getUser(id)).privateMetadata, { keep: true });
});

test('a banned user loses every session and cannot sign in until unbanned', async () => {
  const user = await createUser();
  const emailAddress = user.primaryEmailAddress.emailAddress;
  const session = await backend.sessions.createSession({ userId: user.id });
  assert.equal((await backend.users.banUser(user.id)).banned, true);
  assert.equal((await backend.sessions.getSession(session.id)).status, 'revoked');
  const attempt = await signIn(emailAddress);
  assert.equal(attempt.errors?.[0]?.code, 'user_banned');
  assert.equal(attempt.status, 403);
  assert.equal((await backend.users.unbanUser(user.id)).banned, false);
  assert.equal((await signIn(emailAddress)).response?.status, 'complete');
});

test('a locked user cannot sign in until unlocked', async () => {
  const user = await createUser();
  const emailAddress = user.primaryEmailAddress.emailAddress;
  assert.equal((await backend.users.lockUser(user.id)).locked, true);
  assert.equal((await signIn(emailAddress)).errors?.[0]?.code, 'user_locked');
  assert.equal((await backend.users.unlockUser(user.id)).locked, false);
  assert.equal((await signIn(emailAddress)).response?.status, 'complete');
});

test('a password is verified, and only the right one', async () => {
  const { id: userId } = await createUser();
  assert.deepEqual(await backend.users.verifyPassword({ userId, password }), { verified: true });
  await refused(422, 'incorrect_password', () => backend.users.verifyPassword({ userId, password: 'another one entirely' }));
  await backend.users.updateUser(userId, { password: 'a quite different passphrase' });
  await refused(422, 'incorrect_password', () => backend.users.verifyPassword({ userId, password }));
  assert.deepEqual(await backend.users.verifyPassword({ userId, password: 'a quite different passphrase' }), { verified: true });
});

test('email addresses are added, read, made primary and deleted', async () => {
  const user = await createUser();
  const emailAddress = newEmailAddress('second');
  const added = await backend.emailAddresses.createEmailAddress({ userId: user.id, emailAddress });
  assert.match(added.id, /^idn_\w+$/);
  assert.notEqual(added.verification?.status, 'verified');
  assert.equal((await backend.emailAddresses.getEmailAddress(added.id)).emailAddress, emailAddress);
  const updated = await backend.emailAddresses.updateEmailAddress(added.id, { verified: true, primary: true });
  assert.equal(updated.verification.status, 'verified');
  assert.equal((await backend.users.getUser(user.id)).primaryEmailAddressId, added.id);
  const first = user.primaryEmailAddressId;
  const deleted = await backend.emailAddresses.deleteEmailAddress(first);
  assert.equal(deleted.id, first);
  assert.equal(deleted.deleted, true);
  await refused(404, 'resource_not_found', () => backend.emailAddresses.getEmailAddress(first));
  assert.deepEqual((await backend.users.getUser(user.id)).emailAddresses.map(one => one.id), [added.id]);
});

test('sessions are created, read, listed and revoked, and a revoked one mints nothing', async () => {
  const { id: userId } = await createUser();
  const session = await backend.sessions.createSession({ userId });
  assert.match(session.id, /^sess_\w+$/);
  assert.equal(session.status, 'active');
  assert.equal((await backend.sessions.getSession(session.id)).userId, userId);
  const listed = await backend.sessions.getSessionList({ userId, status: 'active' });
  assert.deepEqual(listed.data.map(one => one.id), [session.id]);
  assert.equal(listed.totalCount, 1);
  assert.ok((await backend.sessions.getToken(session.id)).jwt);

  assert.equal((await backend.sessions.revokeSession(session.id)).status, 'revoked');
  assert.deepEqual((await backend.sessions.getSessionList({ userId, status: 'active' })).data, []);
  await assert.rejects(() => backend.sessions.getToken(session.id), error => error.status >= 400 && error.status < 500);
});

test('session tokens verify over the network and offline, and not once touched', async () => {
  const { id: userId } = await createUser();
  const session = await backend.sessions.createSession({ userId });
  const { jwt } = await backend.sessions.getToken(session.id);
  const online = { secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url };
  const claims = await verifyToken(jwt, online);
  assert.equal(claims.sub, userId);
  assert.equal(claims.sid, session.id);
  assert.equal(claims.exp - claims.iat, 60);

  const { keys } = await backend.jwks.getJwks();
  const header = JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));
  const key = keys.find(one => one.kid === header.kid);
  assert.deepEqual({ kty: key.kty, alg: key.alg, use: key.use, e: key.e, d: key.d }, { kty: 'RSA', alg: 'RS256', use: 'sig', e: 'AQAB', d: undefined });
  const jwtKey = createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  assert.equal((await verifyToken(jwt, { jwtKey })).sub, userId);

  const [head, payload, signature] = jwt.split('.');
  const forged = `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'user_other' })).toString('base64url')}.${signature}`;
  assert.notEqual(payload, forged.split('.')[1]);
  await assert.rejects(() => verifyToken(forged, online));
  await assert.rejects(() => verifyToken(forged, { jwtKey }));
});

test('authenticateRequest accepts bearer and cookie, asks for a handshake, and knows a stranger', async () => {
  const { id: userId } = await createUser();
  const session = await backend.sessions.createSession({ userId });
  const { jwt } = await backend.sessions.getToken(session.id);
  const options = { proxyUrl: usher.url };
  const ask = headers => backend.authenticateRequest(new Request('http://localhost:1/private', { headers }), options);

  const bearer = await ask({ authorization: `Bearer ${jwt}` });
  assert.equal(bearer.isAuthenticated, true);
  assert.equal(bearer.toAuth().userId, userId);
  assert.equal(bearer.toAuth().sessionId, session.id);

  const cookie = await ask({ cookie: `__session=${jwt}; __client_uat=1`, accept: 'text/html' });
  assert.equal(cookie.isAuthenticated, true, cookie.reason);
  const handshake = await ask({ cookie: '__client_uat=1', accept: 'text/html' });
  assert.equal(handshake.status, 'handshake');
  assert.ok(handshake.headers.get('location').startsWith(`${usher.url}/v1/client/handshake?`));
  const stranger = await ask({ accept: 'text/html' });
  assert.equal(stranger.status, 'signed-out');
  assert.equal((await ask({ authorization: `Bearer ${jwt.slice(0, -4)}AAAA` })).isAuthenticated, false);
});

test('a client is found by id and by a token of its session, and not once signed out', async () => {
  const user = await createUser();
  const { clientToken, client, response } = await signIn(user.primaryEmailAddress.emailAddress);
  assert.equal(response.status, 'complete');
  const found = await backend.clients.getClient(client.id);
  assert.deepEqual(found.sessions.map(session => session.id), [response.created_session_id]);
  const { jwt } = client.sessions[0].last_active_token;
  const verified = await backend.clients.verifyClient(jwt);
  assert.equal(verified.id, client.id);
  assert.equal(verified.sessions[0].userId, user.id);
  await refused(400, 'invalid_session_token', () => backend.clients.verifyClient(`${jwt.slice(0, -6)}AAAAAA`));
  await refused(404, 'resource_not_found', () => backend.clients.getClient('client_000000000000000000000000000'));

  const removed = await fetch(`${usher.url}/v1/client/sessions?_method=DELETE`, { method: 'POST', headers: { origin: usher.url, cookie: `__client=${clientToken}` } });
  assert.equal(removed.status, 200);
  await refused(400, 'invalid_session_token', () => backend.clients.verifyClient(jwt));
});

test('a testing token is handed out with an end', async () => {
  const { token, expires_at: expiresAt } = await backend.testingTokens.createTestingToken(); // the SDK hands on what the server says
  assert.ok(token.length > 10);
  assert.ok(expiresAt > Date.now() / 1000 && expiresAt < Date.now() / 1000 + 86_400 * 2, 'seconds, in the near future');
});

test('the instance is read and changed', async () => {
  const before = await backend.instance.get();
  assert.match(before.id, /^ins_\w+$/);
  assert.equal(before.environmentType, 'development');
  await backend.instance.update({ allowedOrigins: ['https://app.example.com'] });
  assert.deepEqual((await backend.instance.get()).allowedOrigins, ['https://app.example.com']);
});

test('a code mailed by the Frontend API is readable in the inbox, newest first', async () => {
  const emailAddress = newEmailAddress();
  const headers = { origin: usher.url, 'content-type': 'application/x-www-form-urlencoded' };
  const created = await fetch(`${usher.url}/v1/client/sign_ups`, { method: 'POST', headers, body: new URLSearchParams({ email_address: emailAddress, password }) });
  const cookie = created.headers.getSetCookie().map(line => line.split(';')[0]).find(line => line.startsWith('__client='));
  const { response } = await created.json();
  const prepared = await fetch(`${usher.url}/v1/client/sign_ups/${response.id}/prepare_verification`,
    { method: 'POST', headers: { ...headers, cookie }, body: new URLSearchParams({ strategy: 'email_code' }) });
  assert.equal(prepared.status, 200);
  const code = await mailedCode(usher, emailAddress);
  assert.match(code, /^\d{6}$/);
  const wrong = await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(newEmailAddress())}`);
  assert.deepEqual(await wrong.json(), { data: [], total_count: 0 });
});

test('a wrong secret key, an unknown user, a taken address and a weak password are refused by their codes', async () => {
  const stranger = createClerkClient({ secretKey: 'sk_live_0000000000000000000000000000000000000000', apiUrl: usher.url });
  await refused(401, 'clerk_key_invalid', () => stranger.users.getCount());
  await refused(401, 'clerk_key_invalid', () => stranger.users.createUser({ emailAddress: [newEmailAddress()], password }));
  await refused(404, 'resource_not_found', () => backend.users.getUser('user_000000000000000000000000000'));
  const user = await createUser();
  await refused(422, 'form_identifier_exists', () => createUser({ emailAddress: [user.primaryEmailAddress.emailAddress] }));
  await refused(422, 'form_identifier_exists', () => createUser({ emailAddress: [user.primaryEmailAddress.emailAddress.toUpperCase()] }));
  await refused(422, 'form_password_length_too_short', () => createUser({ password: 'short' }));
});

test('a profile image is set and taken away', async () => {
  const user = await createUser();
  // The smallest GIF there is.
  const file = new Blob([Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAkQBADs=', 'base64')], { type: 'image/gif' });
  const pictured = await backend.users.updateUserProfileImage(user.id, { file });
  assert.equal(pictured.hasImage, true);
  const shown = await fetch(pictured.imageUrl);
  assert.deepEqual([shown.status, shown.headers.get('content-type'), shown.headers.get('x-content-type-options')], [200, 'image/jpeg', 'nosniff']);
  assert.equal((await backend.users.deleteUserProfileImage(user.id)).hasImage, false);
  await refused(404, 'image_not_found', backend.users.deleteUserProfileImage(user.id));
  await refused(400, 'request_body_invalid', backend.users.updateUserProfileImage(user.id, { file: new Blob(['<svg xmlns="http://www.w3.org/2000/svg"/>'], { type: 'image/png' }) }));
});

test('several people are invited, or put on the waitlist, at once', async () => {
  const people = [newEmailAddress(), newEmailAddress()];
  const invited = await backend.invitations.createInvitationBulk(people.map(emailAddress => ({ emailAddress })));
  assert.deepEqual(invited.map(i => i.emailAddress), people);
  await refused(400, 'duplicate_record', backend.invitations.createInvitationBulk([{ emailAddress: newEmailAddress() }, { emailAddress: people[0] }]));
});
