// Express with @clerk/express in front of the plain HTML page (recipe d).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { browse, cookies, newEmailAddress, password, signOut, signUp, startExpressApp, startUsher, stopAll } from './harness.mjs';

let usher, app;
before(async () => { usher = await startUsher(); app = await startExpressApp(usher); });
after(() => stopAll(app, usher));

const answer = async page => {
  await page.waitForFunction(() => document.getElementById('answer')?.textContent);
  return JSON.parse(await page.locator('#answer').innerText());
};

test('a protected JSON route answers the signed-in user by bearer token and by cookie, and nobody else', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/private`);
  assert.deepEqual(await answer(page), { status: 401, body: { error: 'signed out' } });

  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto(`${app.url}/private`);
  const { status, body } = await answer(page);
  assert.equal(status, 200);
  assert.equal(body.emailAddress, emailAddress);

  const byCookie = await page.evaluate(async () => (await fetch('/api/me')).json());
  assert.deepEqual(byCookie, body);
  const document = await page.goto(app.url);
  assert.equal(document.headers()['x-user-id'], body.userId);

  await signOut(page);
  assert.equal((await cookies(context)).__session, undefined);
  await page.goto(`${app.url}/private`);
  assert.equal((await answer(page)).status, 401);
}));

test('a lost __session comes back by handshake on the next document load', () => browse(async ({ page, context }) => {
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress: newEmailAddress() });
  const userId = await page.evaluate(() => window.Clerk.user.id);
  await page.goto('about:blank');
  await context.clearCookies({ name: /^__session/ });
  const document = await page.goto(app.url);
  assert.equal(document.headers()['x-user-id'], userId);
  assert.match(document.request().redirectedFrom().url(), /\/v1\/client\/handshake\?/);
}));

test('a forged, a tampered and a foreign token are refused', async () => {
  const backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
  const user = await backend.users.createUser({ emailAddress: [newEmailAddress()], password });
  const session = await backend.sessions.createSession({ userId: user.id });
  const { jwt } = await backend.sessions.getToken(session.id);
  const ask = async token => (await fetch(`${app.url}/api/me`, { headers: { authorization: `Bearer ${token}` } })).status;
  assert.equal(await ask(jwt), 200);
  const [header, payload, signature] = jwt.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const other = Buffer.from(JSON.stringify({ ...claims, sub: 'user_somebody' })).toString('base64url');
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'JWT' })).toString('base64url');
  assert.equal(await ask(`${header}.${other}.${signature}`), 401);
  assert.equal(await ask(`${none}.${payload}.`), 401);
});
