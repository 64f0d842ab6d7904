// Custom flows: clerk-js without components, the way applications with forms of their own use it. What official components do has
// suites of its own; emailed links, passkeys, wallets and second factors by text message have their custom flow there.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { browse, mailedCode, newEmailAddress, password, press, enterCode, signOutByLibrary, startHtmlApp, startUsher, stopAll, totp, until, waitForUser } from './harness.mjs';

let usher, app, backend, serial = 0;
before(async () => {
  usher = await startUsher({ settings: [
    'attributes.phone_number = "on"', 'attributes.email_address = "on"', 'attributes.password = "on"',
    'attributes.authenticator_app = true', 'attributes.backup_code = true', 'limits.factor = 0',
  ].join('\n') });
  app = await startHtmlApp(usher);
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher, app));

const newNumber = () => `+1647556${String(1000 + ++serial).padStart(4, '0')}`;
const open = async page => {
  await page.goto(app.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
};
/** One call of a sign-in: its status then, or the code of its refusal. The session that comes of it is kept for `enter`. */
const attempt = (page, method, params) => page.evaluate(([name, given]) => window.Clerk.client.signIn[name](given).then(done => {
  window.created = done.createdSessionId;
  return done.status;
}, error => error.errors[0].code), [method, params]);
const start = (page, params) => attempt(page, 'create', params);
/** Has a code sent by the strategy of the current attempt. */
const prepare = (page, strategy) => page.evaluate(async wanted => {
  const { signIn } = window.Clerk.client;
  const way = signIn.supportedFirstFactors.find(one => one.strategy === wanted);
  await signIn.prepareFirstFactor(way);
}, strategy);
const enter = page => page.evaluate(() => window.Clerk.setActive({ session: window.created }));
const nobody = async page => assert.equal(await page.evaluate(() => window.Clerk.user), null);
const leave = async page => {
  await signOutByLibrary(page);
  await waitForUser(page, null);
};
const wrong = code => (code === '123456' ? '654321' : '123456');

test('password', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await backend.users.createUser({ emailAddress: [emailAddress], password });
  await open(page);
  assert.equal(await start(page, { identifier: emailAddress }), 'needs_first_factor');
  assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'password', password: 'not the right one' }), 'form_password_incorrect');
  await nobody(page);
  assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'password', password }), 'complete');
  await enter(page);
  await waitForUser(page, emailAddress);
}));

test('phone_code', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), number = newNumber();
  await backend.users.createUser({ emailAddress: [emailAddress], phoneNumber: [number], skipPasswordRequirement: true });
  await open(page);
  assert.equal(await start(page, { identifier: number }), 'needs_first_factor');
  await prepare(page, 'phone_code');
  const code = await mailedCode(usher, number);
  assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'phone_code', code: wrong(code) }), 'form_code_incorrect');
  await nobody(page);
  assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'phone_code', code }), 'complete');
  await enter(page);
  await waitForUser(page, emailAddress);
}));

for (const medium of ['email', 'phone']) {
  test(`reset_password_${medium}_code`, () => browse(async ({ page }) => {
    const emailAddress = newEmailAddress(), number = newNumber(), replaced = 'an entirely new 5 passphrase';
    await backend.users.createUser({ emailAddress: [emailAddress], phoneNumber: [number], password });
    const [to, strategy] = [medium === 'email' ? emailAddress : number, `reset_password_${medium}_code`];
    await open(page);
    await start(page, { identifier: to });
    await prepare(page, strategy);
    const code = await mailedCode(usher, to);
    assert.equal(await attempt(page, 'attemptFirstFactor', { strategy, code: wrong(code) }), 'form_code_incorrect');
    assert.equal(await attempt(page, 'attemptFirstFactor', { strategy, code }), 'needs_new_password');
    assert.equal(await page.evaluate(() => window.created), null, 'nobody is in before the new password');
    assert.equal(await attempt(page, 'resetPassword', { password: 'short' }), 'form_password_length_too_short');
    assert.equal(await attempt(page, 'resetPassword', { password: replaced }), 'complete');
    await enter(page);
    await waitForUser(page, emailAddress);
    await leave(page);
    await start(page, { identifier: emailAddress });
    assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'password', password }), 'form_password_incorrect');
    assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'password', password: replaced }), 'complete');
  }));
}

test('a forgotten password is replaced by a texted code in SignIn', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), number = newNumber(), replaced = 'an entirely new 5 passphrase';
  const { id } = await backend.users.createUser({ emailAddress: [emailAddress], phoneNumber: [number], password });
  await page.goto(`${usher.url}/sign-in`);
  await page.getByText('Use phone', { exact: true }).click();
  await page.locator('input[name=identifier]').fill(number.slice(2));
  await press(page, 'Continue');
  await page.getByText('Forgot password?').click();
  await press(page, 'Reset your password');
  await enterCode(page, await mailedCode(usher, number));
  await page.locator('input[name=password]').fill(replaced);
  await page.locator('input[name=confirmPassword]').fill(replaced);
  await press(page, 'Reset Password');
  await page.waitForFunction(expected => window.Clerk?.user?.id === expected, id);
}));

test('ticket: a sign-in token signs in, and an invitation signs up', () => browse(async ({ page }) => {
  const [known, invited] = [newEmailAddress(), newEmailAddress('invited')];
  const { id } = await backend.users.createUser({ emailAddress: [known], password });
  const { token } = await backend.signInTokens.createSignInToken({ userId: id, expiresInSeconds: 600 });
  await open(page);
  assert.equal(await start(page, { strategy: 'ticket', ticket: token }), 'complete');
  await enter(page);
  await waitForUser(page, known);
  await leave(page);
  const { url } = await backend.invitations.createInvitation({ emailAddress: invited, notify: false });
  const ticket = new URL(url).searchParams.get('ticket');
  const made = await page.evaluate(async ([given, chosen]) => {
    const signUp = await window.Clerk.client.signUp.create({ strategy: 'ticket', ticket: given, password: chosen });
    await window.Clerk.setActive({ session: signUp.createdSessionId });
    return [signUp.status, signUp.emailAddress];
  }, [ticket, password]);
  assert.deepEqual(made, ['complete', invited]);
  await waitForUser(page, invited);
}));

test('totp and backup_code', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await backend.users.createUser({ emailAddress: [emailAddress], password });
  await open(page);
  await start(page, { identifier: emailAddress });
  await attempt(page, 'attemptFirstFactor', { strategy: 'password', password });
  await enter(page);
  await waitForUser(page, emailAddress);
  const secret = await page.evaluate(async () => (await window.Clerk.user.createTOTP()).secret);
  const backupCodes = await page.evaluate(async code => (await window.Clerk.user.verifyTOTP({ code })).backupCodes, totp(secret));
  assert.equal(backupCodes.length, 10);
  await leave(page);
  const half = async () => {
    await start(page, { identifier: emailAddress });
    assert.equal(await attempt(page, 'attemptFirstFactor', { strategy: 'password', password }), 'needs_second_factor');
  };
  await half();
  assert.equal(await attempt(page, 'attemptSecondFactor', { strategy: 'totp', code: '000000' }), 'form_code_incorrect');
  await nobody(page);
  // The step that set it up is spent.
  const status = await until('the next step of the app', async () => {
    const said = await attempt(page, 'attemptSecondFactor', { strategy: 'totp', code: totp(secret, 1) });
    return said === 'complete' && said;
  }, { seconds: 35 });
  assert.equal(status, 'complete');
  await enter(page);
  await waitForUser(page, emailAddress);
  await leave(page);
  await half();
  assert.equal(await attempt(page, 'attemptSecondFactor', { strategy: 'backup_code', code: backupCodes[0] }), 'complete');
  await enter(page);
  await waitForUser(page, emailAddress);
  await leave(page);
  await half();
  assert.equal(await attempt(page, 'attemptSecondFactor', { strategy: 'backup_code', code: backupCodes[0] }), 'form_code_incorrect', 'each one once');
  await nobody(page);
}));
