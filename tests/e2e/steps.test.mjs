// Steps beyond signing in, in official components: second factors, proving again, tasks, unknown browsers, several accounts, devices.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { arrive, browse, enterCode, mailedCode, newEmailAddress, press, signedInAs, signIn, signOut, signOutByLibrary, signUp, startUsher, stopAll, toNewDocument, totp, until, waitForUser } from './harness.mjs';

const secondFactors = 'attributes.authenticator_app = true\nattributes.backup_code = true';
let usher, demanding, strict, several;
before(async () => {
  [usher, demanding, strict, several] = await Promise.all([
    startUsher({ settings: secondFactors }),
    startUsher({ settings: `second_factor_required = true\n${secondFactors}` }),
    startUsher({ settings: 'client_trust = true' }),
    startUsher({ settings: 'single_session_mode = false' }),
  ]);
});
after(() => stopAll(usher, demanding, strict, several));

/** The secret and, later, the backup codes that the page is given. */
function listen(page) {
  const seen = {};
  page.on('response', async response => {
    if (!/\/v1\/me\/totp(\/attempt_verification)?$/.test(new URL(response.url()).pathname) || response.status() !== 200) return;
    const { response: totp } = await response.json().catch(() => ({}));
    if (totp?.secret) seen.secret = totp.secret;
    if (totp?.backup_codes) seen.backupCodes = totp.backup_codes;
  });
  return seen;
}

/** Every session of the server was proved so many minutes earlier. No clock is moved: pages and server share it. */
function age(server, minutes) {
  const file = readdirSync(server.data).find(name => name.endsWith('.db'));
  const sql = `UPDATE sessions SET first_factor_at = first_factor_at - ${minutes * 60_000}`;
  execFileSync('python3', ['-c', 'import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as db: db.execute(sys.argv[2])', join(server.data, file), sql]);
}

async function openSecurity(page, server) {
  await page.goto(`${server.url}/user`);
  await page.getByText('Security', { exact: true }).first().click();
}

test('an authenticator app set up in UserProfile is asked for by SignIn, and a backup code stands in for it', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  const seen = listen(page);
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await openSecurity(page, usher);
  await press(page, 'Add two-step verification');
  await page.getByRole('menuitem', { name: 'Authenticator application' }).click();
  await press(page, 'Continue');
  await until('a secret', () => seen.secret);
  await enterCode(page, totp(seen.secret));
  await until('backup codes', () => seen.backupCodes);
  await press(page, 'Finish');
  assert.equal(await page.evaluate(() => window.Clerk.user.twoFactorEnabled), true);
  await page.goto(`${usher.url}/`);
  await signOut(page);

  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  // The step that set it up is used up: the next one is within the clock's tolerance.
  await enterCode(page, totp(seen.secret, 1));
  await arrive(page, emailAddress);
  await signOut(page);

  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  // A click before the page has settled is lost with the page that it was made on.
  await page.getByLabel('Enter verification code').first().waitFor();
  await until('the other methods', async () => {
    await page.getByText('Use another method').click({ timeout: 1000 }).catch(() => {});
    return page.getByRole('button', { name: 'Use a backup code' }).isVisible();
  });
  await page.getByRole('button', { name: 'Use a backup code' }).click();
  await page.locator('input[name=code]').fill(seen.backupCodes[0]);
  await press(page, 'Continue');
  await arrive(page, emailAddress);
}));

test('an old session is asked to verify itself before it adds an address, and goes on by itself', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), second = newEmailAddress('second');
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  age(usher, 30);
  await page.goto(`${usher.url}/user`);
  await press(page, 'Add email address');
  await page.locator('input[name=emailAddress]').fill(second);
  await press(page, 'Add');
  await page.getByText('Verification required').first().waitFor();
  await page.locator('.cl-userVerification-root input[name=password], .cl-modalContent input[name=password]').first().fill('correct horse 7 battery staple');
  await page.locator('.cl-modalContent').getByRole('button', { name: 'Continue', exact: true }).click();
  // The request that was refused is sent again, and its code arrives.
  await enterCode(page, await mailedCode(usher, second));
  await page.waitForFunction(wanted => window.Clerk.user.emailAddresses.some(e => e.emailAddress === wanted && e.verification.status === 'verified'), second);
  const token = await page.evaluate(() => window.Clerk.session.getToken({ skipCache: true }));
  assert.equal(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).fva[0], 0);
}));

test('where everybody needs a second factor, SignUp and SignIn lead to setting one up', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  const seen = listen(page);
  await page.goto(`${demanding.url}/sign-up`);
  await page.locator('input[name=emailAddress]').fill(emailAddress);
  await page.locator('input[name=password]').fill('correct horse 7 battery staple');
  await page.getByText('Your password meets all the necessary requirements.').first().waitFor();
  await press(page, 'Continue');
  await page.getByLabel('Enter verification code').first().waitFor();
  await enterCode(page, await mailedCode(demanding, emailAddress));
  await page.waitForURL(url => /tasks\/setup-mfa/.test(url.href));
  assert.equal(await page.evaluate(() => window.Clerk.session.status), 'pending');
  assert.equal(await page.evaluate(() => window.Clerk.session.currentTask.key), 'setup-mfa');
  // Whoever signs out before has to do it at the next sign-in.
  await signOutByLibrary(page);
  await waitForUser(page, null);
  await page.goto(`${demanding.url}/sign-in`);
  await signIn(page, { emailAddress });
  await page.waitForURL(url => /tasks\/setup-mfa/.test(url.href));
  await until('a secret', () => seen.secret);
  await press(page, 'Continue');
  await enterCode(page, totp(seen.secret));
  await until('backup codes', () => seen.backupCodes);
  await page.getByRole('button', { name: /^(Finish|Continue)$/ }).click();
  await arrive(page, emailAddress);
  assert.equal(await page.evaluate(() => window.Clerk.session.status), 'active');
}));

test('a password on an unknown browser is followed by a mailed code, once', async () => {
  const emailAddress = newEmailAddress();
  await browse(async ({ page }) => {
    await page.goto(`${strict.url}/sign-up`);
    await signUp(page, strict, { emailAddress });
  });
  const before = [await mailedCode(strict, emailAddress)];
  await browse(async ({ page }) => {
    await page.goto(`${strict.url}/sign-in`);
    await signIn(page, { emailAddress });
    await page.waitForURL(url => /client-trust/.test(url.href));
    await page.getByLabel('Enter verification code').first().waitFor();
    assert.equal(await signedInAs(page), null);
    await enterCode(page, await mailedCode(strict, emailAddress, before));
    await arrive(page, emailAddress);
    await signOut(page);
    await page.goto(`${strict.url}/sign-in`);
    await signIn(page, { emailAddress });
    await arrive(page, emailAddress);
  });
});

test('UserButton adds an account, switches between two and signs one out', () => browse(async ({ page }) => {
  const [ada, bob] = [newEmailAddress('ada'), newEmailAddress('bob')];
  for (const emailAddress of [ada, bob]) {
    await page.goto(`${several.url}/sign-up`);
    await signUp(page, several, { emailAddress });
    if (emailAddress === ada) await signOut(page);
  }
  await page.locator('.cl-userButtonTrigger').click();
  await page.getByText('Add account').click();
  await page.waitForURL(url => url.pathname.startsWith('/sign-in'));
  await signIn(page, { emailAddress: ada });
  await arrive(page, ada);
  assert.equal(await page.evaluate(() => window.Clerk.client.signedInSessions.length), 2);
  await page.locator('.cl-userButtonTrigger').click();
  await page.locator('.cl-userButtonPopoverCard').getByText(bob).click();
  await waitForUser(page, bob);
  await page.reload();
  await waitForUser(page, bob);
  await toNewDocument(page, () => { window.Clerk.signOut({ sessionId: window.Clerk.session.id }); });
  await page.goto(`${several.url}/`);
  await waitForUser(page, ada);
  assert.equal(await page.evaluate(() => window.Clerk.client.signedInSessions.length), 1);
}));

test('a device in UserProfile is signed out from another one', async () => {
  const emailAddress = newEmailAddress();
  await browse(async ({ page: here }) => {
    await here.goto(`${usher.url}/sign-up`);
    await signUp(here, usher, { emailAddress });
    await browse(async ({ page: there }) => {
      await there.goto(`${usher.url}/sign-in`);
      await signIn(there, { emailAddress });
      await arrive(there, emailAddress);
      await openSecurity(here, usher);
      await here.getByText('Active devices').waitFor();
      const devices = here.locator('.cl-activeDeviceListItem');
      await until('two devices', async () => await devices.count() === 2);
      assert.match(await devices.first().innerText(), /This device/);
      await devices.nth(1).getByRole('button').first().click();
      await Promise.all([
        here.waitForResponse(response => response.url().includes('/revoke') && response.status() === 200),
        here.getByRole('menuitem', { name: 'Sign out of device' }).click(),
      ]);
      await here.reload();
      await here.getByText('Active devices').waitFor();
      await until('the device to be gone', async () => await devices.count() === 1);
      assert.equal(await there.evaluate(() => window.Clerk.session.getToken({ skipCache: true }).catch(() => null)), null);
    });
  });
});

test('a custom flow verifies a session again', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  age(usher, 30);
  const told = await page.evaluate(async password => {
    const { session, user } = window.Clerk;
    const refused = await user.createEmailAddress({ email: 'later@example.com' }).catch(error => [error.status, error.errors[0].code]);
    const begun = await session.startVerification({ level: 'multi_factor' });
    const wrong = await session.attemptFirstFactorVerification({ strategy: 'password', password: 'wrong horse 9' }).catch(error => error.errors[0].code);
    const done = await session.attemptFirstFactorVerification({ strategy: 'password', password });
    return { refused, begun: [begun.status, begun.level], wrong, done: [done.status, done.session.factorVerificationAge] };
  }, 'correct horse 7 battery staple');
  assert.deepEqual(told, { refused: [403, 'session_reverification_required'], begun: ['needs_first_factor', 'first_factor'], wrong: 'form_password_incorrect', done: ['complete', [0, -1]] });
}));
