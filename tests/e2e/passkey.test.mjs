// Passkeys through the official components, with Chromium's virtual authenticator.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { browse, newEmailAddress, press, signedInAs, signOut, signOutByLibrary, signUp, startUsher, stopAll, waitForUser } from './harness.mjs';

let usher;
before(async () => { usher = await startUsher({ settings: 'attributes.passkey = true' }); });
after(() => stopAll(usher));

/** A platform authenticator that always finds its user, and a browser that does not say it is driven: the official library asks. */
async function authenticator(context, page) {
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'webdriver', { get: () => false }));
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true,
  } });
  return { credentials: async () => (await devtools.send('WebAuthn.getCredentials', { authenticatorId })).credentials };
}

test('a passkey added in UserProfile signs in from SignIn', () => browse(async ({ page, context }) => {
  const key = await authenticator(context, page);
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto(`${usher.url}/user`);
  await page.getByText('Security', { exact: true }).first().click();
  await press(page, 'Add a passkey');
  await page.locator('.cl-profileSectionItem__passkeys').first().waitFor();
  const [credential] = await key.credentials();
  assert.ok(credential.isResidentCredential);
  assert.equal(Buffer.from(credential.userHandle, 'base64').toString(), await page.evaluate(() => window.Clerk.user.id));
  await page.goto(`${usher.url}/`);
  await signOut(page);

  await page.goto(`${usher.url}/sign-in`);
  // The field offers passkeys by itself; where it has not signed in already, the button does.
  await page.getByRole('button', { name: 'Use passkey instead' }).or(page.getByText('Use passkey instead')).first().click({ timeout: 5_000 }).catch(() => {});
  await waitForUser(page, emailAddress);
  assert.equal(await signedInAs(page), emailAddress);
  assert.ok(await page.evaluate(() => window.Clerk.user.passkeys[0].lastUsedAt), 'the use is noted');
}));

test('a custom flow makes, renames, uses and deletes a passkey', () => browse(async ({ page, context }) => {
  await authenticator(context, page);
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  const made = await page.evaluate(async () => {
    const passkey = await window.Clerk.user.createPasskey();
    await passkey.update({ name: 'Kitchen key' });
    return { name: window.Clerk.user.passkeys[0].name, status: passkey.verification.status };
  });
  assert.deepEqual(made, { name: 'Kitchen key', status: 'verified' });
  await signOutByLibrary(page);
  await waitForUser(page, null);
  // A page without SignIn, which would take the passkey by itself.
  await page.goto(`${usher.url}/sign-up`);
  await waitForUser(page, null);
  const status = await page.evaluate(async () => {
    const signIn = await window.Clerk.client.signIn.authenticateWithPasskey({ flow: 'discoverable' });
    return { status: signIn.status, session: signIn.createdSessionId };
  });
  assert.equal(status.status, 'complete');
  await page.goto(`${usher.url}/`);
  await waitForUser(page, emailAddress);
  assert.equal(await page.evaluate(async () => {
    await window.Clerk.user.passkeys[0].delete();
    await window.Clerk.user.reload();
    return window.Clerk.user.passkeys.length;
  }), 0);
}));
