// Test keys: development browsers in clerk-js (the key names a host with a development suffix), and what @clerk/backend insists on
// with a test key of any host. Nobody here asks the host that a key names.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createClerkClient } from '@clerk/backend';
import { createAgentTestingTask } from '@clerk/testing/playwright';
import { arrive, browse, cookies, newEmailAddress, password, signedInAs, signIn, signOut, signUp, startExpressApp, startHtmlApp, startUsher, stopAll, waitForUser } from './harness.mjs';

// Development keys switch the vendors' telemetry on; what it asks for is answered here with nothing.
const hosts = ['clerk-telemetry.com'];
const quietly = visit => browse(async everything => {
  await everything.context.route(url => hosts.includes(url.hostname), route => route.fulfill({ status: 204 }));
  await visit(everything);
}, { hosts });

let across, own, page, app;
before(async () => {
  across = await startUsher({ keys: 'test_key_host = "able-ant-1.clerk.accounts.dev"' });
  own = await startUsher({ flags: ['--test-keys'] });
  page = await startHtmlApp(across);
  app = await startExpressApp(own);
});
after(() => stopAll(app, page, own, across));

test('clerk-js signs up, in and out by its token alone, which changes each time', () => quietly(async ({ page: tab, context, requests }) => {
  const emailAddress = newEmailAddress();
  await tab.goto(`${page.url}/sign-up`);
  await signUp(tab, across, { emailAddress });
  const first = (await cookies(context)).__clerk_db_jwt;
  assert.ok(first && !first.httpOnly, 'scripts keep it');
  assert.equal((await cookies(context)).__client, undefined, 'there is no client cookie');
  assert.ok(requests.some(url => url.includes('/v1/dev_browser')));
  await tab.reload();
  assert.equal(await signedInAs(tab), emailAddress);
  await signOut(tab);
  const second = (await cookies(context)).__clerk_db_jwt;
  assert.notEqual(second.value, first.value);
  const dead = await fetch(`${across.url}/v1/client?__clerk_db_jwt=${first.value}`, { headers: { origin: page.url } });
  assert.deepEqual([dead.status, (await dead.json()).errors[0].code], [401, 'dev_browser_unauthenticated']);
  await tab.goto(`${page.url}/sign-in`);
  await signIn(tab, { emailAddress });
  await arrive(tab, emailAddress);
  assert.notEqual((await cookies(context)).__clerk_db_jwt.value, second.value);
}));

test('a link that clerk-js builds takes the browser signed in to another site', () => quietly(async ({ page: tab, context }) => {
  const emailAddress = newEmailAddress();
  await tab.goto(`${page.url}/sign-up`);
  await signUp(tab, across, { emailAddress });
  const elsewhere = page.url.replace('localhost', '127.0.0.1');
  const link = await tab.evaluate(to => window.Clerk.buildUrlWithAuth(to), `${elsewhere}/`);
  assert.match(link, /[?&]__clerk_db_jwt=/);
  await tab.goto(link);
  await waitForUser(tab, emailAddress);
  assert.doesNotMatch(tab.url(), /__clerk_db_jwt/, 'clerk-js takes it out of the address');
  assert.ok((await context.cookies(elsewhere)).some(cookie => cookie.name === '__clerk_db_jwt'));
}));

test('a server SDK with a test key gets its development browser by a handshake, and knows who is signed in', () => quietly(async ({ page: tab, context, requests }) => {
  assert.match(own.env.CLERK_PUBLISHABLE_KEY, /^pk_test_/);
  assert.match(own.env.CLERK_SECRET_KEY, /^sk_test_/);
  const document = await tab.goto(`${app.url}/sign-up`);
  assert.equal(document.headers()['x-user-id'], 'nobody');
  assert.ok(requests.some(url => url.includes('__clerk_hs_reason=dev-browser-missing')), requests.join('\n'));
  assert.doesNotMatch(tab.url(), /__clerk_handshake/);
  assert.ok((await cookies(context)).__clerk_db_jwt);
  const emailAddress = newEmailAddress();
  await signUp(tab, own, { emailAddress });
  assert.equal((await cookies(context)).__client.httpOnly, true, 'the client is in its cookie');
  const userId = await tab.evaluate(() => window.Clerk.user.id);
  const again = await tab.goto(app.url);
  assert.equal(again.headers()['x-user-id'], userId);
  await tab.goto('about:blank');
  await context.clearCookies({ name: /^__session/ });
  assert.equal((await tab.goto(app.url)).headers()['x-user-id'], userId, 'a lost token comes back by a handshake');
  await waitForUser(tab, emailAddress);
  await signOut(tab);
  assert.equal((await tab.goto(app.url)).headers()['x-user-id'], 'nobody');
}));

test('createAgentTestingTask opens a session that names the agent', () => quietly(async ({ page: tab }) => {
  const { CLERK_SECRET_KEY: secretKey } = own.env;
  const backend = createClerkClient({ secretKey, apiUrl: own.url });
  const user = await backend.users.createUser({ emailAddress: [newEmailAddress()], password });
  const task = await createAgentTestingTask({
    apiUrl: own.url, secretKey, onBehalfOf: { userId: user.id }, permissions: '*', agentName: 'e2e', taskDescription: 'Looks around', redirectUrl: `${app.url}/`,
  });
  const document = await tab.goto(task.url);
  assert.equal(document.headers()['x-user-id'], user.id);
  await tab.waitForFunction(() => window.Clerk?.loaded);
  assert.equal(await tab.evaluate(() => window.Clerk.session.actor.type), 'agent');
  const again = await fetch(task.url, { redirect: 'manual' });
  assert.deepEqual([again.status, (await again.json()).errors[0].code], [400, 'agent_task_already_used']);
}));
