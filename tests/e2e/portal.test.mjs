// The pages that Usher serves itself: same origin, strict Content-Security-Policy, no third party.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { arrive, browse, newEmailAddress, signedInAs, signIn, signOut, signUp, startUsher, stopAll } from './harness.mjs';

let usher, backend;
before(async () => {
  usher = await startUsher();
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher));

test('the portal signs a visitor up, out and in again', () => browse(async ({ page, requests }) => {
  const emailAddress = newEmailAddress();
  const document = await page.goto(`${usher.url}/sign-up`);
  assert.match(document.headers()['content-security-policy'] ?? '', /script-src|default-src/, 'the page has a policy to break');
  await signUp(page, usher, { emailAddress });
  await signOut(page);
  await page.goto(`${usher.url}/sign-in`);
  assert.equal(await signedInAs(page), null);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
  assert.deepEqual(requests.filter(url => url.startsWith('http') && new URL(url).origin !== usher.url), []);
}));

test('a first name changed in UserProfile is what the backend SDK reads', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto(`${usher.url}/user`);
  await page.locator('.cl-userProfile-root').waitFor();
  await page.getByText('Profile details').waitFor();
  assert.ok((await page.locator('.cl-userProfile-root').innerText()).includes(emailAddress));
  await page.getByRole('button', { name: 'Update profile' }).click();
  await page.locator('input[name=firstName]').fill('Augusta');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.locator('input[name=firstName]').waitFor({ state: 'detached' });
  const { data } = await backend.users.getUserList({ emailAddress: [emailAddress] });
  assert.equal(data[0].firstName, 'Augusta');

  await page.getByText('Security', { exact: true }).first().click();
  await page.getByText('Active devices').waitFor();
  await page.getByText('This device').first().waitFor();
}));

test('a signed-out visitor of /user is asked to sign in', () => browse(async ({ page }) => {
  await page.goto(`${usher.url}/user`);
  await page.locator('input[name=identifier]').waitFor();
  assert.equal(await page.locator('.cl-userProfile-root').count(), 0);
}));

test('where sign-ups go by the waitlist, a visitor joins it in the official component and is let in by the mail', async () => {
  const closed = await startUsher({ settings: 'sign_up_mode = "waitlist"' });
  try {
    const server = createClerkClient({ secretKey: closed.env.CLERK_SECRET_KEY, apiUrl: closed.url });
    const emailAddress = newEmailAddress();
    await browse(async ({ page }) => {
      await page.goto(`${closed.url}/waitlist`);
      await page.locator('input[name=emailAddress]').fill(emailAddress);
      await page.locator('.cl-formButtonPrimary').click();
      await page.locator('input[name=emailAddress]').waitFor({ state: 'detached' });
      const { data } = await server.waitlistEntries.list({ query: emailAddress });
      assert.equal(data[0].status, 'pending');
      const invited = await server.waitlistEntries.invite(data[0].id);
      assert.equal(invited.status, 'invited');
      await page.goto(invited.invitation.url);
      await page.locator('input[name=password]').fill('a kestrel in the marmalade');
      await page.locator('.cl-formButtonPrimary').click();
      await arrive(page, emailAddress);
    });
    assert.equal((await server.waitlistEntries.list({ status: 'completed' })).totalCount, 1);
  } finally {
    await stopAll(closed);
  }
});
