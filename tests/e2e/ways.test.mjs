// The other ways in through the official components: a forgotten password, a mailed code, what the operator hands out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { arrive, browse, enterCode, mailedCode, newEmailAddress, password, press, signedInAs, signIn, signOut, signUp, startHtmlApp, startUsher, stopAll, waitForUser } from './harness.mjs';

let usher, app, backend;
before(async () => {
  usher = await startUsher();
  app = await startHtmlApp(usher);
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher, app));

const newUser = emailAddress => backend.users.createUser({ emailAddress: [emailAddress], password });

async function identify(page, emailAddress) {
  await page.goto(`${usher.url}/sign-in`);
  await page.locator('input[name=identifier]').fill(emailAddress);
  await press(page, 'Continue');
}

test('a forgotten password is replaced by a mailed code, and only the new one signs in', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), replaced = 'an entirely new 5 passphrase';
  await newUser(emailAddress);
  await identify(page, emailAddress);
  await page.getByText('Forgot password?').click();
  await press(page, 'Reset your password');
  await enterCode(page, await mailedCode(usher, emailAddress));
  await page.locator('input[name=password]').fill(replaced);
  await page.locator('input[name=confirmPassword]').fill(replaced);
  await press(page, 'Reset Password');
  await waitForUser(page, emailAddress);
  await page.goto(`${usher.url}/`);
  await signOut(page);
  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  await page.locator('.cl-formFieldErrorText').first().waitFor();
  assert.equal(await signedInAs(page), null);
  await page.locator('input[name=password]').fill(replaced);
  await press(page, 'Continue');
  await arrive(page, emailAddress);
}));

test('SignIn sends a code instead of asking for the password', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await newUser(emailAddress);
  await identify(page, emailAddress);
  await page.getByText('Use another method').click();
  await page.getByRole('button', { name: /^Email code to/ }).click();
  await enterCode(page, await mailedCode(usher, emailAddress));
  await arrive(page, emailAddress);
}));

test('a custom flow signs in by a mailed code, and a wrong one is refused', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await newUser(emailAddress);
  await page.goto(app.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
  await page.evaluate(async identifier => {
    const attempt = await window.Clerk.client.signIn.create({ identifier });
    const { emailAddressId } = attempt.supportedFirstFactors.find(way => way.strategy === 'email_code');
    await attempt.prepareFirstFactor({ strategy: 'email_code', emailAddressId });
  }, emailAddress);
  const code = await mailedCode(usher, emailAddress);
  const wrong = code === '123456' ? '654321' : '123456';
  const refused = await page.evaluate(given => window.Clerk.client.signIn.attemptFirstFactor({ strategy: 'email_code', code: given }).then(() => 'taken', error => error.errors[0].code), wrong);
  assert.equal(refused, 'form_code_incorrect');
  assert.equal(await signedInAs(page), null);
  await page.evaluate(async given => {
    const done = await window.Clerk.client.signIn.attemptFirstFactor({ strategy: 'email_code', code: given });
    await window.Clerk.setActive({ session: done.createdSessionId });
  }, code);
  await waitForUser(page, emailAddress);
}));

test('the link of a sign-in token signs its user in, once', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  const { id } = await newUser(emailAddress);
  const { url, token } = await backend.signInTokens.createSignInToken({ userId: id, expiresInSeconds: 600 });
  await page.goto(url);
  await waitForUser(page, emailAddress);
  await page.goto(`${usher.url}/`);
  await signOut(page);
  const again = await page.evaluate(ticket => window.Clerk.client.signIn.create({ strategy: 'ticket', ticket }).then(() => 'taken', error => error.errors[0].code), token);
  assert.equal(again, 'sign_in_token_already_used_code');
  assert.equal(await signedInAs(page), null);
}));

test('an invitation\'s mail leads to SignUp with the address proved', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await backend.invitations.createInvitation({ emailAddress, publicMetadata: { plan: 'gold' } });
  const inbox = await (await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(emailAddress)}`)).json();
  const link = inbox.data[0].text.match(/https?:\S+/)[0];
  await page.goto(link);
  await page.locator('input[name=password]').fill(password);
  await page.getByText('Your password meets all the necessary requirements.').first().waitFor();
  await press(page, 'Continue');
  await arrive(page, emailAddress);
  assert.deepEqual(await page.evaluate(() => window.Clerk.user.publicMetadata), { plan: 'gold' });
  const waiting = await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(emailAddress)}`);
  assert.ok(!(await waiting.json()).data.some(message => message.code), 'no code was needed');
}));

test('an actor token\'s session says who acts, and may not change how its user signs in', () => browse(async ({ page }) => {
  const [support, customer] = [newEmailAddress('support'), newEmailAddress('customer')];
  const [actor, user] = [await newUser(support), await newUser(customer)];
  const { url } = await backend.actorTokens.create({ userId: user.id, actor: { sub: actor.id }, expiresInSeconds: 600 });
  await page.goto(url);
  await waitForUser(page, customer);
  assert.deepEqual(await page.evaluate(() => window.Clerk.session.actor), { sub: actor.id });
  const refused = await page.evaluate(newPassword => window.Clerk.user.updatePassword({ newPassword, currentPassword: newPassword }).then(() => 'changed', error => error.status), password);
  assert.equal(refused, 403);
}));

test('a visitor joins as a user through SignUp by address alone where no password is asked', async () => {
  const passwordless = await startUsher({ settings: 'attributes.password = "off"' });
  try {
    await browse(async ({ page }) => {
      const emailAddress = newEmailAddress();
      await page.goto(`${passwordless.url}/sign-up`);
      await page.locator('input[name=emailAddress]').fill(emailAddress);
      assert.equal(await page.locator('input[name=password]:not([aria-hidden=true])').count(), 0);
      await press(page, 'Continue');
      await enterCode(page, await mailedCode(passwordless, emailAddress));
      await arrive(page, emailAddress);
      await signOut(page);
      await page.goto(`${passwordless.url}/sign-in`);
      await page.locator('input[name=identifier]').fill(emailAddress);
      const first = (await mailedCode(passwordless, emailAddress));
      await press(page, 'Continue');
      await enterCode(page, await mailedCode(passwordless, emailAddress, [first]));
      await arrive(page, emailAddress);
    });
  } finally {
    await passwordless.stop();
  }
});
