// Phone numbers through the official components: signing up, signing in, and the second factor.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { arrive, browse, enterCode, mailedCode, newEmailAddress, password, press, signIn, signOut, signOutByLibrary, startHtmlApp, startUsher, stopAll, waitForUser } from './harness.mjs';

let serial = 0;
/** A number nobody else in this run has, to which messages go: the inbox is asked for the code by it. */
const newNumber = () => `+1416556${String(1000 + ++serial).padStart(4, '0')}`;

let usher, app, backend;
before(async () => {
  usher = await startUsher({ settings: [
    'attributes.phone_number = "on"', 'attributes.phone_second_factor = true', 'attributes.backup_code = true', 'attributes.email_address = "on"',
    'attributes.password = "on"', 'limits.factor = 0',
  ].join('\n') });
  app = await startHtmlApp(usher);
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher, app));

const code = number => mailedCode(usher, number);
const waitForNumber = (page, number) => page.waitForFunction(
  expected => window.Clerk?.loaded && window.Clerk.user?.primaryPhoneNumber?.phoneNumber === expected, number);
/** What is typed after the country code that the field shows. */
const national = number => number.slice(2);

test('a visitor signs up by phone number alone in SignUp, and signs in by it in SignIn', async () => {
  const byPhone = await startUsher({ settings: 'attributes.phone_number = "required"\nattributes.email_address = "off"\nattributes.password = "off"\nlimits.factor = 0' });
  const number = newNumber();
  try {
    await browse(async ({ page }) => {
      await page.goto(`${byPhone.url}/sign-up`);
      await page.locator('input[name=phoneNumber]').fill(national(number));
      await press(page, 'Continue');
      const first = await mailedCode(byPhone, number);
      await enterCode(page, first);
      await page.waitForURL(url => url.pathname === '/');
      await waitForNumber(page, number);
      await signOut(page);
      await page.goto(`${byPhone.url}/sign-in`);
      await page.locator('input[name=identifier]').fill(national(number));
      await press(page, 'Continue');
      await enterCode(page, await mailedCode(byPhone, number, [first]));
      await page.waitForURL(url => url.pathname === '/');
      await waitForNumber(page, number);
    });
  } finally {
    await byPhone.stop();
  }
});

test('SMS is set up as a second factor in UserProfile, and SignIn asks for it', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), number = newNumber();
  const user = await backend.users.createUser({ emailAddress: [emailAddress], password });
  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
  await page.goto(`${usher.url}/user#/security`);
  await page.locator('.cl-userProfile-root').waitFor();
  await page.getByText('Add two-step verification').click();
  await page.getByText('SMS code', { exact: true }).first().click();
  await page.getByRole('button', { name: 'Add phone number' }).last().click();
  await page.locator('input[name=phoneNumber]').fill(national(number));
  await page.getByRole('button', { name: /^(Add|Continue)$/ }).last().click();
  await enterCode(page, await code(number));
  await page.waitForFunction(() => window.Clerk.user.twoFactorEnabled);
  const after = await backend.users.getUser(user.id);
  assert.deepEqual([after.twoFactorEnabled, after.phoneNumbers[0].reservedForSecondFactor, after.phoneNumbers[0].defaultSecondFactor], [true, true, true]);
  await page.goto(`${usher.url}/`);
  await signOut(page);
  const [used] = [await code(number)];
  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  await enterCode(page, await mailedCode(usher, number, [used]));
  await arrive(page, emailAddress);
}));

test('a custom flow adds a number, proves it, makes it the second factor and signs in with both', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress(), number = newNumber();
  await backend.users.createUser({ emailAddress: [emailAddress], password });
  await page.goto(app.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
  await page.evaluate(async ([identifier, given]) => {
    const done = await window.Clerk.client.signIn.create({ identifier, password: given });
    await window.Clerk.setActive({ session: done.createdSessionId });
  }, [emailAddress, password]);
  await waitForUser(page, emailAddress);
  await page.evaluate(async phoneNumber => {
    const added = await window.Clerk.user.createPhoneNumber({ phoneNumber });
    await added.prepareVerification();
  }, number);
  const first = await code(number);
  const backupCodes = await page.evaluate(async given => {
    const [phone] = window.Clerk.user.phoneNumbers;
    await phone.attemptVerification({ code: given });
    const reserved = await phone.setReservedForSecondFactor({ reserved: true });
    return reserved.backupCodes;
  }, first);
  assert.equal(backupCodes.length, 10);
  await signOutByLibrary(page);
  await waitForUser(page, null);
  const status = await page.evaluate(async ([identifier, given]) => {
    const half = await window.Clerk.client.signIn.create({ identifier, password: given });
    await half.prepareSecondFactor({ strategy: 'phone_code', phoneNumberId: half.supportedSecondFactors.find(way => way.strategy === 'phone_code').phoneNumberId });
    return half.status;
  }, [emailAddress, password]);
  assert.equal(status, 'needs_second_factor');
  const refused = await page.evaluate(() => window.Clerk.client.signIn.attemptSecondFactor({ strategy: 'phone_code', code: '000000' }).then(() => 'taken', error => error.errors[0].code));
  assert.equal(refused, 'form_code_incorrect');
  await page.evaluate(async given => {
    const done = await window.Clerk.client.signIn.attemptSecondFactor({ strategy: 'phone_code', code: given });
    await window.Clerk.setActive({ session: done.createdSessionId });
  }, await mailedCode(usher, number, [first]));
  await waitForUser(page, emailAddress);
}));
