// A satellite in production: an application on another domain shares the primary's sign-ins, by unmodified SDKs in a real browser.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newEmailAddress, password, signIn, toNewDocument, waitForUser } from './harness.mjs';
import { startHosts } from './hosts.mjs';

let hosts;
before(async () => { hosts = await startHosts(); });
after(() => hosts?.stop());

const ROOT = 'https://example.com', SATELLITE = 'https://satellite.org';

async function browse(visit) {
  const context = await hosts.browser.newContext();
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const trail = [];
  page.on('framenavigated', frame => trail.push(frame.url().slice(0, 160)));
  try {
    await visit({ page, context });
  } catch (error) {
    throw new Error(`${error.message}\n  by ${trail.join('\n     ')}`, { cause: error });
  } finally {
    await context.close();
  }
}

async function newUser() {
  const emailAddress = newEmailAddress();
  return { emailAddress, id: await hosts.newUser('root', emailAddress, password) };
}

const me = page => page.evaluate(async () => (await fetch('/api/me')).json());
const userIn = document => document.headers()['x-user-id'];

async function signInAtRoot(page, { emailAddress }) {
  await page.goto(`${ROOT}/sign-in`);
  await signIn(page, { emailAddress });
  await page.waitForURL(`${ROOT}/`);
  await waitForUser(page, emailAddress);
}

test('who is signed in on the primary is known on the satellite, from its first page on', () => browse(async ({ page, context }) => {
  const ada = await newUser();
  await signInAtRoot(page, ada);
  const first = await page.goto(`${SATELLITE}/`);
  assert.equal(userIn(first), ada.id, 'the server knows the first document\'s visitor');
  await waitForUser(page, ada.emailAddress);
  assert.equal((await me(page)).userId, ada.id);
  const cookies = await context.cookies();
  const clients = cookies.filter(one => one.name === '__client');
  assert.deepEqual(clients.map(one => [one.domain, one.httpOnly, one.secure]).sort(), [['clerk.example.com', true, true], ['clerk.satellite.org', true, true]]);
  assert.notEqual(clients[0].value, clients[1].value, 'each host has a token of its own');
  const wide = cookies.filter(one => one.domain === '.satellite.org').map(one => one.name);
  assert.ok(wide.length > 0 && wide.every(name => name.startsWith('__client_uat')), wide.join());
  assert.ok(!cookies.some(one => one.name === '__Host-usher_link'), 'the word of the link is gone');
  const readable = await page.evaluate(() => [document.cookie, JSON.stringify(localStorage), location.href].join('\n'));
  for (const { value } of clients) assert.ok(!readable.includes(value));
}));

test('a visitor of the satellite signs in on the primary\'s portal and comes back signed in', () => browse(async ({ page }) => {
  const bob = await newUser();
  const first = await page.goto(`${SATELLITE}/reports?year=2026`);
  assert.equal(userIn(first), 'nobody');
  await waitForUser(page, null);
  await page.evaluate(() => { window.Clerk.redirectToSignIn({ signInFallbackRedirectUrl: location.href }); });
  await page.waitForURL(url => url.host === 'accounts.example.com');
  await signIn(page, { emailAddress: bob.emailAddress });
  await page.waitForURL(url => url.host === 'satellite.org' && url.pathname === '/reports');
  await waitForUser(page, bob.emailAddress);
  assert.equal((await me(page)).userId, bob.id);
  assert.match(page.url(), /year=2026/);
  const root = await page.goto(ROOT);
  assert.equal(userIn(root), bob.id, 'the sign-in is the primary\'s');
}));

test('signing out on either domain signs out on both', () => browse(async ({ page }) => {
  const eve = await newUser();
  for (const [here, there] of [[SATELLITE, ROOT], [ROOT, SATELLITE]]) {
    await signInAtRoot(page, eve);
    await page.goto(`${SATELLITE}/`);
    await waitForUser(page, eve.emailAddress);
    await page.goto(`${here}/`);
    await waitForUser(page, eve.emailAddress);
    await toNewDocument(page, () => { window.Clerk.signOut({ redirectUrl: '/' }); });
    await waitForUser(page, null);
    await page.goto(`${there}/`);
    await waitForUser(page, null);
    assert.deepEqual(await me(page), { userId: null, sessionId: null });
  }
}));
