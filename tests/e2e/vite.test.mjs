// Vite with @clerk/react, same origin through Vite's proxy (recipe b).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, browse, cookies, newEmailAddress, signedInAs, signIn, signOut, signUp, startUsher, startViteApp, stopAll } from './harness.mjs';

let usher, app;
before(async () => { usher = await startUsher(); app = await startViteApp(usher); });
after(() => stopAll(app, usher));

test('a React app behind /__clerk signs up, reloads, signs out and signs in again, all on its own origin', () => browse(async ({ page, context, requests }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.getByText(`signed in as ${emailAddress}`).waitFor();
  await page.reload();
  await page.getByText(`signed in as ${emailAddress}`).waitFor();
  const { __client } = await cookies(context);
  assert.equal(__client.httpOnly, true);

  await signOut(page);
  await page.reload();
  await page.getByText('signed out').waitFor();
  assert.equal(await signedInAs(page), null);

  await page.goto(`${app.url}/sign-in`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
  await page.getByText(`signed in as ${emailAddress}`).waitFor();

  assert.ok(requests.some(url => url.startsWith(`${app.url}/__clerk/v1/client`)));
  assert.deepEqual(requests.filter(url => url.startsWith('http') && ![`${app.url}/`, `${usher.url}/avatars/`].some(home => url.startsWith(home))), []);
}));

test('a token that the React app mints names the app as its authorized party', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${app.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  const token = await page.evaluate(() => window.Clerk.session.getToken({ skipCache: true }));
  const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
  assert.equal(claims.azp, app.url);
  assert.equal(claims.exp - claims.iat, 60);
}));
