// Organizations through the official components: created, switched to, left; a member invited and let in.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { arrive, browse, newEmailAddress, password, press, signIn, startUsher, stopAll } from './harness.mjs';

let usher, backend;
before(async () => {
  usher = await startUsher({ settings: 'organizations.enabled = true' });
  backend = createClerkClient({ secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
});
after(() => stopAll(usher));

const newUser = emailAddress => backend.users.createUser({ emailAddress: [emailAddress], password });

async function signInAs(page, emailAddress) {
  await page.goto(`${usher.url}/sign-in`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
}

/** What a server learns of the organization that the page's session acts in. */
async function told(page) {
  const token = await page.evaluate(() => window.Clerk.session.getToken());
  const { o } = await verifyToken(token, { secretKey: usher.env.CLERK_SECRET_KEY, apiUrl: usher.url });
  return o ?? null;
}

test('CreateOrganization makes one that the session acts in, and tokens say so until it is left for the own account', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await newUser(emailAddress);
  await signInAs(page, emailAddress);
  assert.equal(await told(page), null);
  await page.goto(`${usher.url}/create-organization`);
  await page.locator('input[name=name]').fill('Analytical Engines');
  await page.getByRole('button', { name: 'Create organization' }).click();
  await page.waitForFunction(() => window.Clerk?.organization?.name === 'Analytical Engines');
  const organization = await page.evaluate(() => ({ id: window.Clerk.organization.id, slug: window.Clerk.organization.slug }));
  assert.deepEqual(await told(page).then(({ id, slg, rol }) => ({ id, slg, rol })), { id: organization.id, slg: organization.slug, rol: 'admin' });
  const { data } = await backend.organizations.getOrganizationMembershipList({ organizationId: organization.id });
  assert.deepEqual(data.map(one => [one.role, one.publicUserData.identifier]), [['org:admin', emailAddress]]);
  await page.goto(`${usher.url}/organization`);
  await page.getByText('Analytical Engines').first().waitFor();
  await page.evaluate(() => window.Clerk.setActive({ organization: null }));
  assert.equal(await told(page), null);
}));

test('OrganizationProfile invites somebody by mail, who joins and is shown as a member', async () => {
  const [ada, bob] = [newEmailAddress('ada'), newEmailAddress('bob')];
  const { id } = await newUser(ada);
  await newUser(bob);
  const made = await backend.organizations.createOrganization({ name: 'Difference Engines', createdBy: id });
  await browse(async ({ page }) => {
    await signInAs(page, ada);
    await page.evaluate(organization => window.Clerk.setActive({ organization }), made.id);
    await page.goto(`${usher.url}/organization`);
    await page.getByText('Members', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Invite', exact: true }).click();
    // The address becomes a tag where the field is left, which moves the button.
    await page.locator('[data-testid=tag-input], .cl-tagInputContainer input, input[name=emailAddress]').first().fill(bob);
    await page.keyboard.press('Enter');
    await Promise.all([page.waitForResponse(response => response.url().includes('/invitations/bulk')), page.getByRole('button', { name: 'Send invitations' }).click()]);
  });
  const inbox = await (await fetch(`${usher.url}/inbox/messages?to=${encodeURIComponent(bob)}`)).json();
  const link = inbox.data[0].text.match(/https?:\S+/)[0];
  await browse(async ({ page }) => {
    await page.goto(link);
    await arrive(page, bob);
    await page.waitForFunction(expected => window.Clerk?.user?.organizationMemberships?.some(one => one.organization.id === expected), made.id);
    await page.evaluate(organization => window.Clerk.setActive({ organization }), made.id);
    assert.equal((await told(page)).rol, 'member');
    await page.goto(`${usher.url}/organization`);
    await page.getByText('Leave organization').first().click();
    await page.locator('input[name=deleteOrganizationConfirmation], input[name=leaveConfirmation], .cl-formFieldInput').last().fill('Difference Engines');
    await press(page, 'Leave organization');
    await page.waitForFunction(() => window.Clerk?.user?.organizationMemberships?.length === 0);
  });
  const { data } = await backend.organizations.getOrganizationMembershipList({ organizationId: made.id });
  assert.deepEqual(data.map(one => one.publicUserData.identifier), [ada]);
});

test('OrganizationSwitcher in an application switches between two', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  const { id } = await newUser(emailAddress);
  const [one, two] = [await backend.organizations.createOrganization({ name: 'First Works', createdBy: id }), await backend.organizations.createOrganization({ name: 'Second Works', createdBy: id })];
  await signInAs(page, emailAddress);
  await page.evaluate(() => {
    const place = document.body.appendChild(document.createElement('div'));
    window.Clerk.mountOrganizationSwitcher(place);
  });
  for (const { id: wanted, name } of [one, two, one]) {
    await page.locator('.cl-organizationSwitcherTrigger').click();
    await page.locator('.cl-organizationSwitcherPopoverCard').getByText(name).first().click();
    await page.waitForFunction(expected => window.Clerk.organization?.id === expected, wanted);
    assert.equal((await told(page)).id, wanted);
  }
}));
