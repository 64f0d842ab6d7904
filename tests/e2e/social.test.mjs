// Accounts elsewhere through the official components: the development provider, and one of the usual libraries.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import Provider from 'oidc-provider';
import { arrive, browse, freePort, newEmailAddress, press, signedInAs, signOut, signOutByLibrary, signUp, startHtmlApp, startUsher, stopAll, waitForUser } from './harness.mjs';

/** An OpenID provider by the book, in this process, in front of which there is always the same person, who says yes. */
async function startProvider(callback, subject) {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'usher', client_secret: 'open sesame', redirect_uris: [callback] }],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['given_name', 'family_name'] },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, email: `${sub}@example.com`, email_verified: true, given_name: 'Grace', family_name: 'Hopper' }) }),
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    cookies: { keys: ['for a test'] },
  });
  const answer = provider.callback();
  const decide = async (request, response) => {
    const { prompt, params, session } = await provider.interactionDetails(request, response);
    if (prompt.name === 'login') return provider.interactionFinished(request, response, { login: { accountId: subject } });
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  };
  const server = http.createServer((request, response) => request.url.startsWith('/interaction/') ? decide(request, response) : answer(request, response));
  await new Promise(done => server.listen(port, '127.0.0.1', done));
  return { issuer, host: `localhost:${port}`, stop: () => new Promise(done => { server.close(done); server.closeAllConnections(); }) };
}

let usher, backend;
before(async () => {
  usher = await startUsher({ settings: 'development_provider = true' });
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher));

const name = 'Continue with Test account';

/** Is somebody on the development provider's page. */
async function be(page, emailAddress, { verified = true } = {}) {
  await page.waitForURL(url => url.pathname === '/dev/oidc/authorize');
  await page.locator('input[name=email]').fill(emailAddress);
  if (!verified) await page.locator('input[name=email_verified]').uncheck();
  await press(page, 'Continue');
}

test('SignUp and SignIn by an account elsewhere', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await page.getByRole('button', { name }).click();
  await be(page, emailAddress);
  await arrive(page, emailAddress);
  await signOut(page);
  await page.goto(`${usher.url}/sign-in`);
  await page.getByRole('button', { name }).click();
  await be(page, emailAddress);
  await arrive(page, emailAddress);
  const { data } = await backend.users.getUserList({ emailAddress: [emailAddress] });
  assert.equal(data[0].externalAccounts[0].provider, 'oauth_custom_mock');
  const tokens = await backend.users.getUserOauthAccessToken(data[0].id, 'custom_mock');
  assert.equal(tokens.data.length, 1);
  assert.ok(tokens.data[0].token.length > 20);
}));

test('SignIn of somebody unknown becomes a sign-up, and SignUp of somebody known a sign-in', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-in`);
  await page.getByRole('button', { name }).click();
  await be(page, emailAddress);
  await arrive(page, emailAddress);
  await signOut(page);
  await page.goto(`${usher.url}/sign-up`);
  await page.getByRole('button', { name }).click();
  await be(page, emailAddress);
  await arrive(page, emailAddress);
  assert.equal((await backend.users.getUserList({ emailAddress: [emailAddress] })).totalCount, 1);
}));

test('whoever says no at the provider is told so', () => browse(async ({ page }) => {
  await page.goto(`${usher.url}/sign-in`);
  await page.getByRole('button', { name }).click();
  await page.waitForURL(url => url.pathname === '/dev/oidc/authorize');
  await press(page, 'Cancel');
  await page.waitForURL(url => url.pathname.startsWith('/sign-'));
  await page.getByText(/did not grant access|not allow access|denied/i).first().waitFor();
  assert.equal(await signedInAs(page), null);
}));

test('an account is connected and removed in UserProfile', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto(`${usher.url}/user`);
  await press(page, 'Connect account');
  await page.getByRole('menuitem', { name: /Test account/ }).click();
  const other = newEmailAddress('grace');
  await be(page, other);
  await page.waitForURL(url => url.pathname.startsWith('/user'));
  await page.locator('.cl-profileSection__connectedAccounts').getByText(other).waitFor();
  const { data } = await backend.users.getUserList({ emailAddress: [emailAddress] });
  assert.equal(data[0].externalAccounts[0].emailAddress, other);
  await page.locator('.cl-profileSection__connectedAccounts').getByRole('button', { name: /menu/i }).click();
  await page.getByRole('menuitem', { name: /Remove/ }).click();
  await press(page, 'Remove');
  await page.locator('.cl-profileSection__connectedAccounts').getByText(other).waitFor({ state: 'detached' });
  assert.equal((await backend.users.getUser(data[0].id)).externalAccounts.length, 0);
}));

test('an app may send the browser back to the portal', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(usher.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
  await page.evaluate(() => window.Clerk.client.signIn.authenticateWithRedirect({ strategy: 'oauth_custom_mock', redirectUrl: `${location.origin}/sso-callback`, redirectUrlComplete: `${location.origin}/` }));
  await be(page, emailAddress);
  // Unknown: the portal's page makes it a sign-up.
  await arrive(page, emailAddress);
  assert.equal(await signedInAs(page), emailAddress);
}));

test('a provider made with oidc-provider signs up and in', async () => {
  const port = await freePort();
  const subject = `grace${process.pid}`;
  const provider = await startProvider(`http://localhost:${port}/v1/oauth_callback`, subject);
  const federated = await startUsher({
    port, config: `[outbound]\nallow = ["${provider.host}"]`,
    settings: `[instances.settings.social.custom_acme]\nname = "Acme"\nissuer = "${provider.issuer}"\nclient_id = "usher"\nclient_secret = "open sesame"`,
  });
  try {
    await browse(async ({ page, requests }) => {
      for (const path of ['/sign-up', '/sign-in']) {
        const before = requests.length;
        await page.goto(`${federated.url}${path}`);
        await page.getByRole('button', { name: 'Continue with Acme' }).click();
        await arrive(page, `${subject}@example.com`);
        assert.ok(requests.slice(before).some(url => url.startsWith(`${provider.issuer}/auth?`)), 'the browser was there');
        if (path === '/sign-up') await signOut(page);
      }
      assert.equal(await page.evaluate(() => window.Clerk.user.externalAccounts[0].providerUserId), subject);
    });
  } finally {
    await federated.stop();
    await provider.stop();
  }
});

test('google_one_tap: a custom flow signs up and in by an ID token, once each, and by no other key', async () => {
  // Google's keys are this test's.
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey: other } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = http.createServer((_, response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] })));
  await new Promise(done => keys.listen(0, '127.0.0.1', done));
  const origin = `http://localhost:${keys.address().port}`;
  const emailAddress = newEmailAddress('grace');
  let serial = 0;
  const token = key => {
    const now = Math.floor(Date.now() / 1000), part = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const said = `${part({ alg: 'RS256', kid: 'one', typ: 'JWT' })}.${part({ iss: origin, aud: 'one tap', sub: '110', email: emailAddress, email_verified: true, iat: now, exp: now + 300, jti: String(++serial) })}`;
    return `${said}.${sign('sha256', Buffer.from(said), key).toString('base64url')}`;
  };
  const tapped = await startUsher({
    config: `[outbound]\nallow = ["localhost:${keys.address().port}"]`,
    settings: `[instances.settings.social.google]\nclient_id = "one tap"\nclient_secret = "open sesame"\nissuer = "${origin}"\njwks_url = "${origin}/"`,
  });
  const app = await startHtmlApp(tapped);
  try {
    await browse(async ({ page }) => {
      await page.goto(app.url);
      await page.waitForFunction(() => window.Clerk?.loaded);
      const tap = given => page.evaluate(async one => {
        try {
          const attempt = await window.Clerk.authenticateWithGoogleOneTap({ token: one });
          await window.Clerk.setActive({ session: attempt.createdSessionId });
          return attempt.status;
        } catch (error) {
          return error.errors[0].code;
        }
      }, given);
      assert.notEqual(await tap(token(other)), 'complete');
      assert.equal(await page.evaluate(() => window.Clerk.user ?? null), null);
      const first = token(privateKey);
      assert.equal(await tap(first), 'complete');
      await waitForUser(page, emailAddress);
      const id = await page.evaluate(() => window.Clerk.user.id);
      await signOutByLibrary(page);
      assert.notEqual(await tap(first), 'complete', 'a token is used once');
      assert.equal(await tap(token(privateKey)), 'complete');
      await waitForUser(page, emailAddress);
      assert.equal(await page.evaluate(() => window.Clerk.user.id), id);
    });
  } finally {
    await stopAll(tapped, app);
    keys.close();
  }
});
