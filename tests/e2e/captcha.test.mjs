// Bot protection: clerk-js loads the widget, and the server asks the service about its token. Both are played by this file.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { browse, freePort, newEmailAddress, password, signUp, startHtmlApp, startUsher, stopAll } from './harness.mjs';

const WIDGET = 'challenges.cloudflare.com', SECRET = 'a secret of this test';

/** Judges tokens as Turnstile does: each one once. `made` is what the widgets handed out. */
async function startService() {
  const made = new Map(), asked = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', chunk => { body += chunk; }).on('end', () => {
      const fields = new URLSearchParams(body);
      asked.push(Object.fromEntries(fields));
      const action = fields.get('secret') === SECRET && made.get(fields.get('response'));
      made.delete(fields.get('response'));
      response.setHeader('content-type', 'application/json').end(JSON.stringify(action ? { success: true, action } : { success: false, 'error-codes': ['timeout-or-duplicate'] }));
    });
  });
  const port = await freePort();
  await new Promise(done => server.listen(port, '127.0.0.1', done));
  return { made, asked, port, stop: () => new Promise(done => { server.close(done); server.closeAllConnections(); }) };
}

let usher, service, app;
before(async () => {
  service = await startService();
  usher = await startUsher({
    settings: 'bot_protection = true\n[instances.settings.attributes]\nusername = "off"',
    config: `[captcha]\nsite_key = "site"\ninvisible_site_key = "unseen"\nsecret = "${SECRET}"\nverify_url = "http://127.0.0.1:${service.port}/siteverify"\n[outbound]\nallow = ["127.0.0.1:${service.port}"]`,
  });
  app = await startHtmlApp(usher);
});
after(() => stopAll(usher, service, app));

/** Answers for the widget's host in a profile: a script with Turnstile's interface, whose tokens the service knows; or none at all. */
async function widget(context, { works = true } = {}) {
  await context.exposeFunction('tokenFor', action => {
    const token = `${action}.${service.made.size}.${Math.random()}`;
    if (works) service.made.set(token, action);
    return token;
  });
  await context.route(`https://${WIDGET}/**`, route => route.fulfill({
    contentType: 'application/javascript',
    body: `window.turnstile = { render: (at, options) => { window.siteKey = options.sitekey; window.tokenFor(options.action).then(options.callback); return 'widget'; }, remove() {}, reset() {} };`,
  }));
}

test('the official SignUp solves the captcha and a user comes of it', () => browse(async ({ page, context, requests }) => {
  await widget(context);
  await page.goto(`${usher.url}/sign-up`);
  await signUp(page, usher, { emailAddress: newEmailAddress() });
  assert.ok(requests.some(url => url.startsWith(`https://${WIDGET}/turnstile/`)), 'clerk-js asked for the widget');
  const last = service.asked.at(-1);
  assert.deepEqual([last.secret, last.response.split('.')[0], last.remoteip], [SECRET, 'signup', '127.0.0.1']);
}, { hosts: [WIDGET] }));

test('a token that nobody made ends on the form, with nobody signed up', () => browse(async ({ page, context }) => {
  await widget(context, { works: false });
  const emailAddress = newEmailAddress();
  await page.goto(`${usher.url}/sign-up`);
  await page.locator('input[name=emailAddress]').fill(emailAddress);
  await page.locator('input[name=password]').fill(password);
  await page.getByText('Your password meets all the necessary requirements.').first().waitFor();
  const refused = page.waitForResponse(response => response.url().includes('/v1/client/sign_ups'));
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  const response = await refused;
  assert.equal(response.status(), 400);
  assert.equal((await response.json()).errors[0].code, 'captcha_invalid');
  assert.equal(await page.evaluate(() => window.Clerk.client.signUp.id ?? null), null);
}, { hosts: [WIDGET] }));

test('a custom flow without a place for the widget is asked invisibly', () => browse(async ({ page, context }) => {
  await widget(context);
  await page.goto(app.url);
  await page.waitForFunction(() => window.Clerk?.loaded);
  const status = await page.evaluate(async ([emailAddress, secret]) => {
    const attempt = await window.Clerk.client.signUp.create({ emailAddress, password: secret });
    return [attempt.status, window.siteKey];
  }, [newEmailAddress(), password]);
  assert.deepEqual(status, ['missing_requirements', 'unseen']);
}, { hosts: [WIDGET] }));
