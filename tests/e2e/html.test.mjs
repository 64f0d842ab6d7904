// Plain HTML with two script tags (recipe a).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { clerk, clerkSetup } from '@clerk/testing/playwright';
import { arrive, browse, cookies, newEmailAddress, password, press, signedInAs, signIn, signOut, signUp, startHtmlApp, startUsher, stopAll, waitForUser } from './harness.mjs';

let usher, app;
before(async () => { usher = await startUsher(); app = await startHtmlApp(usher); });
after(() => stopAll(app, usher));

/** What the server says of a browser that holds this client token. */
async function sessionsOf(clientToken) {
  const response = await fetch(`${usher.url}/v1/client`, { headers: { cookie: `__client=${clientToken}`, origin: app.url } });
  assert.equal(response.status, 200);
  return (await response.json()).response?.sessions ?? [];
}

test('a visitor signs up with a mailed code, stays signed in over a reload, and the client token stays out of reach', () => browse(async ({ page, context, requests }) => {
  const emailAddress = newEmailAddress();
  const bodies = [];
  page.on('response', response => { if (response.url().includes('/v1/')) bodies.push(response.text().catch(() => '')); });

  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.reload();
  assert.equal(await signedInAs(page), emailAddress);

  const jar = await cookies(context);
  assert.ok(jar.__client, '__client is set');
  assert.equal(jar.__client.httpOnly, true, '__client is HttpOnly');
  assert.equal(jar.__client.sameSite, 'Lax', '__client is SameSite=Lax');
  assert.ok(jar.__session, '__session is set');
  assert.ok(Number(jar.__client_uat.value) > 0, '__client_uat says that someone is signed in');
  const readable = await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  assert.match(readable, /__session=/);
  assert.doesNotMatch(readable, /__client=/);
  assert.ok(!readable.includes(jar.__client.value), 'no script can read the client token');
  assert.ok(bodies.length > 3, 'API answers were seen');
  for (const body of await Promise.all(bodies)) assert.ok(!body.includes(jar.__client.value), 'no body carries the client token');
  assert.ok(!requests.some(url => url.includes(jar.__client.value)), 'no URL carries the client token');
}));

test('signing out and signing in change the client token, and every older one is dead at once', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  const { __client: old } = await cookies(context);
  const [session] = await sessionsOf(old.value);
  assert.ok(session, 'the token opens a session before');

  await signOut(page);
  assert.deepEqual(await sessionsOf(old.value), []);
  const mint = await fetch(`${usher.url}/v1/client/sessions/${session.id}/tokens`, { method: 'POST', headers: { cookie: `__client=${old.value}`, origin: app.url } });
  assert.equal(mint.status, 401);
  await page.reload();
  assert.equal(await signedInAs(page), null);
  const signedOut = await cookies(context);
  assert.notEqual(signedOut.__client?.value, old.value);
  assert.equal(signedOut.__client_uat?.value ?? '0', '0');

  await page.goto(`${app.url}/sign-in`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
  const { __client: renewed } = await cookies(context);
  assert.ok(![old.value, signedOut.__client?.value].includes(renewed.value), 'signing in changes the client token');
  assert.equal((await sessionsOf(renewed.value)).length, 1);
  assert.deepEqual(await sessionsOf(old.value), [], 'the token of before the sign-out does not come back to life');
  if (signedOut.__client) assert.deepEqual(await sessionsOf(signedOut.__client.value), [], 'a token that was known before the sign-in opens nothing after it');
}));

test('a wrong password is refused inline and leaves the visitor signed out', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await signOut(page);

  await page.goto(`${app.url}/sign-in`);
  await signIn(page, { emailAddress, password: 'not this one at all' });
  const error = page.locator('.cl-formFieldErrorText').first();
  await error.waitFor();
  assert.match(await error.innerText(), /incorrect/i);
  assert.equal(await signedInAs(page), null);
  assert.equal((await cookies(context)).__session, undefined);

  await page.locator('input[name=password]').fill(password);
  await press(page, 'Continue');
  await arrive(page, emailAddress);
}));

test('an unknown address and a wrong code are refused inline', () => browse(async ({ page }) => {
  await page.goto(`${app.url}/sign-in`);
  await page.locator('input[name=identifier]').fill(newEmailAddress('nobody'));
  await press(page, 'Continue');
  await page.locator('.cl-formFieldErrorText').first().waitFor();

  await page.goto(`${app.url}/sign-up`);
  await page.locator('input[name=emailAddress]').fill(newEmailAddress('carol+clerk_test'));
  await page.locator('input[name=password]').fill(password);
  await press(page, 'Continue');
  await page.getByLabel('Enter verification code').first().fill('000000');
  await page.getByText(/incorrect code/i).first().waitFor();
  assert.equal(await signedInAs(page), null);
}));

test('@clerk/testing signs in a test address with the fixed code, and with a password', async () => {
  process.env.CLERK_API_URL = usher.url;
  await clerkSetup({ publishableKey: usher.env.CLERK_PUBLISHABLE_KEY, secretKey: usher.env.CLERK_SECRET_KEY, dotenv: false });
  assert.ok(process.env.CLERK_TESTING_TOKEN);
  const identifier = newEmailAddress('bob+clerk_test');
  await browse(async ({ page }) => {
    await page.goto(`${app.url}/sign-up`);
    await signUp(page, usher, { emailAddress: identifier, code: '424242' });
  });
  for (const signInParams of [{ strategy: 'email_code', identifier }, { strategy: 'password', identifier, password }]) {
    await browse(async ({ page }) => {
      await page.goto(app.url);
      await clerk.signIn({ page, signInParams });
      await waitForUser(page, identifier);
    });
  }
});
