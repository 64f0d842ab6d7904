// Next.js with clerkMiddleware and its Frontend API proxy (recipe c): server pages know who asks.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { arrive, browse, cookies, newEmailAddress, password, signedInAs, signIn, signOut, signUp, startNextApp, startUsher, stopAll, waitForUser } from './harness.mjs';

let usher, app, backend;
before(async () => {
  usher = await startUsher();
  app = await startNextApp(usher);
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(app, usher));

const userIdOf = async emailAddress => (await backend.users.getUserList({ emailAddress: [emailAddress] })).data[0].id;
const shown = (page, id) => page.locator(`#${id}`).innerText();

/** The paths that the last document load went through, first to last. */
function redirects(response) {
  const paths = [];
  for (let request = response.request(); request; request = request.redirectedFrom()) paths.unshift(new URL(request.url()).pathname);
  return paths;
}

test('auth(), currentUser() and auth.protect() know the visitor after sign-up', () => browse(async ({ page, requests }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/private`);
  await page.waitForURL(url => url.pathname === '/sign-in' && url.searchParams.get('redirect_url') === `${app.url}/private`);

  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  const userId = await userIdOf(emailAddress);
  const home = await page.goto(app.url);
  assert.deepEqual(redirects(home), ['/'], 'no handshake right after signing up');
  assert.equal(await shown(page, 'server-user'), userId);
  await page.goto(`${app.url}/account`);
  assert.equal(await shown(page, 'server-email-address'), emailAddress);
  await page.goto(`${app.url}/private`);
  assert.equal(await shown(page, 'private'), userId);
  assert.ok(requests.some(url => url.startsWith(`${app.url}/__clerk/npm/@clerk/ui@`)), 'the scripts come through the proxy');
  assert.deepEqual(requests.filter(url => url.startsWith('http') && ![`${app.url}/`, `${usher.url}/avatars/`].some(home => url.startsWith(home))), []);
}));

test('auth.protect() sends a visitor to sign in and back', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await backend.users.createUser({ emailAddress: [emailAddress], password });
  await page.goto(`${app.url}/private`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress, '/private');
  assert.equal(await shown(page, 'private'), await userIdOf(emailAddress));
}));

test('a lost __session is restored by one handshake, and sign-out stays final after it', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto('about:blank');
  await context.clearCookies({ name: /^__session/ });
  assert.ok(!Object.keys(await cookies(context)).some(name => name.startsWith('__session')));

  const restored = await page.goto(`${app.url}/account`);
  assert.equal(restored.status(), 200);
  assert.deepEqual(redirects(restored), ['/account', '/__clerk/v1/client/handshake', '/account']);
  assert.equal(await shown(page, 'server-email-address'), emailAddress);
  const jar = await cookies(context);
  assert.ok(jar.__session, 'the handshake set __session');
  assert.deepEqual(Object.keys(jar).filter(name => name.includes('handshake')), [], 'the nonce is gone');
  const again = await page.goto(`${app.url}/account`);
  assert.deepEqual(redirects(again), ['/account'], 'one handshake is enough');

  await page.goto(app.url);
  await signOut(page, () => page.locator('#server-user', { hasText: 'nobody' }).waitFor());
  await page.reload();
  assert.equal(await shown(page, 'server-user'), 'nobody');
  assert.equal(await signedInAs(page), null);
  await page.getByRole('link', { name: 'Account' }).click();
  await page.waitForURL(`${app.url}/account`);
  assert.equal(await shown(page, 'server-email-address'), 'nobody');
  await page.goto(`${app.url}/account`);
  assert.equal(await shown(page, 'server-email-address'), 'nobody');
  await page.goto(`${app.url}/private`);
  await page.waitForURL(url => url.pathname === '/sign-in');
  assert.equal(await signedInAs(page), null);
}));

test('a session that the backend revokes does not survive the next handshake', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  const sessionId = await page.evaluate(() => window.Clerk.session.id);
  await page.goto('about:blank');
  await backend.sessions.revokeSession(sessionId);
  await context.clearCookies({ name: /^__session/ });
  await page.goto(`${app.url}/account`);
  assert.equal(await shown(page, 'server-email-address'), 'nobody');
  await waitForUser(page, null);
}));
