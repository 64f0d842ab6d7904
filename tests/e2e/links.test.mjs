// Links in mails through the official components: opened in the same browser, in another tab, and elsewhere.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { browse, newEmailAddress, press, signedInAs, signOut, startHtmlApp, startUsher, stopAll, until, waitForUser } from './harness.mjs';

let usher, app, backend;
before(async () => {
  usher = await startUsher({ settings: 'attributes.email_link = true\nattributes.email_code = false\nattributes.password = "off"' });
  app = await startHtmlApp(usher);
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher, app));

/** The newest link that was mailed to an address. */
const mailedLink = (emailAddress, except = []) => until(`a link for ${emailAddress}`, async () => {
  const { data } = await (await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(emailAddress)}`)).json();
  return data.map(message => message.text.match(/https?:\S+\/v1\/verify\?\S+/)?.[0]).find(link => link && !except.includes(link));
});

test('SignUp and SignIn wait while the link is opened in another tab of the same browser', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await page.locator('input[name=emailAddress]').fill(emailAddress);
  await press(page, 'Continue');
  await page.getByText(/verification link/i).first().waitFor();
  const first = await mailedLink(emailAddress);
  const mail = await context.newPage();
  await mail.goto(first);
  await waitForUser(page, emailAddress);
  await mail.close();

  await page.goto(`${usher.url}/`);
  await signOut(page);
  await page.goto(`${usher.url}/sign-in`);
  await page.locator('input[name=identifier]').fill(emailAddress);
  await press(page, 'Continue');
  await page.getByText(/verification link/i).first().waitFor();
  const again = await context.newPage();
  await again.goto(await mailedLink(emailAddress, [first]));
  await waitForUser(page, emailAddress);
  assert.equal(await signedInAs(page), emailAddress);
}));

test('opened in another browser a link signs nobody in, neither there nor here', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await backend.users.createUser({ emailAddress: [emailAddress], skipPasswordRequirement: true });
  await page.goto(`${usher.url}/sign-in`);
  await page.locator('input[name=identifier]').fill(emailAddress);
  await press(page, 'Continue');
  await page.getByText(/verification link/i).first().waitFor();
  const link = await mailedLink(emailAddress);
  await browse(async ({ page: elsewhere }) => {
    await elsewhere.goto(link);
    await elsewhere.waitForURL(/__clerk_status=client_mismatch/);
    assert.equal(await signedInAs(elsewhere), null);
  });
  assert.equal(await page.evaluate(() => window.Clerk.client.signIn.reload().then(attempt => attempt.status)), 'needs_first_factor');
  assert.equal(await signedInAs(page), null);
}));

test('a custom flow signs up by a link, and handleEmailLinkVerification reads what came of it', () => browse(async ({ page, context }) => {
  const emailAddress = newEmailAddress();
  await page.goto(app.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
  await page.evaluate(async ([address, redirectUrl]) => {
    const attempt = await window.Clerk.client.signUp.create({ emailAddress: address });
    window.flow = attempt.createEmailLinkFlow().startEmailLinkFlow({ redirectUrl });
  }, [emailAddress, `${app.url}/verify`]);
  const mail = await context.newPage();
  await mail.goto(await mailedLink(emailAddress));
  const done = await page.evaluate(() => window.flow.then(attempt => [attempt.status, attempt.createdSessionId]));
  assert.equal(done[0], 'complete');
  await mail.waitForFunction(() => window.Clerk?.loaded);
  assert.equal(new URL(mail.url()).searchParams.get('__clerk_created_session'), done[1]);
  await page.evaluate(session => window.Clerk.setActive({ session }), done[1]);
  await waitForUser(page, emailAddress);
}));
