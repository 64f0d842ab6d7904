// A picture of one's own, and consent to the terms, through the official components.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deflateSync, crc32 } from 'node:zlib';
import { browse, enterCode, mailedCode, newEmailAddress, password, press, signOut, signUp, startUsher, stopAll, waitForUser } from './harness.mjs';

let usher, strict;
before(async () => {
  usher = await startUsher();
  strict = await startUsher({ settings: 'legal_consent_enabled = true\npaths.terms_url = "https://example.com/terms"\npaths.privacy_policy_url = "https://example.com/privacy"' });
});
after(() => stopAll(usher, strict));

/** A PNG of one colour. */
function picture(side = 64) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2], 8);
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(side * 3, 120)]);
  const data = deflateSync(Buffer.concat(Array.from({ length: side }, () => row)));
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk('IHDR', head), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))]);
}

test('a picture is uploaded, seen and removed in UserProfile', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress });
  await page.goto(`${usher.url}/user`);
  await waitForUser(page, emailAddress);
  const drawn = await page.evaluate(() => window.Clerk.user.imageUrl);
  assert.ok(drawn.startsWith(`${usher.url}/avatars/`), drawn);
  await press(page, 'Update profile');
  await page.locator('input[type=file]').first().setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: picture() });
  await page.waitForFunction(() => window.Clerk.user.hasImage);
  const uploaded = await page.evaluate(() => window.Clerk.user.imageUrl);
  assert.ok(uploaded.startsWith(`${usher.url}/images/img_`), uploaded);
  await page.waitForFunction(url => [...document.images].some(image => image.src.startsWith(url) && image.naturalWidth > 0), uploaded);
  // The form closes once the picture is there.
  await press(page, 'Update profile');
  await page.getByRole('button', { name: 'Remove', exact: true }).first().click();
  await page.waitForFunction(() => !window.Clerk.user.hasImage);
  assert.equal((await fetch(uploaded)).status, 404);
  // What a script passes as text is a file, too.
  const again = await page.evaluate(async base64 => (await window.Clerk.user.setProfileImage({ file: base64 })).publicUrl, picture().toString('base64'));
  assert.ok(again.startsWith(`${usher.url}/images/img_`), again);
}));

test('SignUp asks for consent, and nobody gets in without it', () => browse(async ({ page }) => {
  const emailAddress = newEmailAddress();
  await page.goto(`${strict.url}/sign-up`);
  await page.locator('input[name=emailAddress]').fill(emailAddress);
  await page.locator('input[name=password]').fill(password);
  await page.getByText('Your password meets all the necessary requirements.').first().waitFor();
  for (const [name, url] of [['Terms of Service', 'https://example.com/terms'], ['Privacy Policy', 'https://example.com/privacy']]) {
    assert.equal(await page.getByRole('link', { name }).first().getAttribute('href').then(href => href?.replace(/\/$/, '')), url);
  }
  await page.locator('input[name=legalAccepted]').check();
  await press(page, 'Continue');
  await enterCode(page, await mailedCode(strict, emailAddress));
  await waitForUser(page, emailAddress);
  assert.ok(await page.evaluate(() => window.Clerk.user.legalAcceptedAt));
  await signOut(page);
  const refused = await page.evaluate(async emailAddress => {
    return window.Clerk.client.signUp.create({ emailAddress, legalAccepted: false }).then(() => null, error => error.errors[0].code);
  }, newEmailAddress());
  assert.equal(refused, 'legal_not_accepted');
}));
