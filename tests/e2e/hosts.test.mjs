// Production over https with several hosts in a real browser: cookies, neighbours, other sites (promises P1, P2, P8).

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { arrive, newEmailAddress, password, signIn, signedInAs, toNewDocument, waitForUser } from './harness.mjs';
import { startHosts } from './hosts.mjs';

let hosts;
before(async () => { hosts = await startHosts(); });
after(() => hosts?.stop());

const ROOT = 'https://example.com', APP = 'https://app.example.com', BLOG = 'https://blog.example.com', EVIL = 'https://evil.example.net', SUB = 'https://sub.example.com';

/**
 * Runs `visit({ page, context, cookie, cookies, said })` in a fresh profile. `said` is every body and header that came from anywhere. At the
 * end no value that `__client` ever had may be in any of it but the one Set-Cookie header, nor in an address (p1_no_body_leak).
 */
async function browse(visit) {
  const context = await hosts.browser.newContext();
  context.setDefaultTimeout(15_000);
  const said = [], pending = [], secrets = new Set();
  context.on('response', response => pending.push((async () => {
    const headers = (await response.headersArray().catch(() => [])).filter(({ name }) => name.toLowerCase() !== 'set-cookie');
    const body = await response.body().then(bytes => bytes.toString('latin1')).catch(() => '');
    said.push({ url: response.url(), text: `${response.url()}\n${headers.map(({ name, value }) => `${name}: ${value}`).join('\n')}\n${body}` });
    for (const line of await response.headerValues('set-cookie').catch(() => [])) {
      const value = line.match(/^__client=([^;]{20,})/)?.[1];
      if (value) secrets.add(value);
    }
  })()));
  const cookies = async () => context.cookies();
  const cookie = async (name, domain) => (await cookies()).find(one => one.name === name && (!domain || one.domain === domain));
  const page = await context.newPage();
  try {
    await visit({ page, context, cookie, cookies, said });
    const last = await cookie('__client');
    if (last) secrets.add(last.value);
    await Promise.all(pending);
    for (const secret of secrets) {
      const where = said.filter(({ text }) => text.includes(secret)).map(({ url }) => url);
      assert.deepEqual(where, [], 'the client token is in an answer');
      assert.ok(!hosts.log().includes(secret), 'the client token is in the log');
    }
    return secrets.size;
  } catch (error) {
    const shown = await page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
    throw new Error(`${error.message}\n  at ${page.url()}, showing: ${shown.replace(/\s+/g, ' ').slice(0, 400)}`, { cause: error });
  } finally {
    await context.close();
  }
}

async function newUser(instance) {
  const emailAddress = newEmailAddress();
  return { emailAddress, id: await hosts.newUser(instance, emailAddress, password) };
}

async function signInAt(page, origin, { emailAddress }) {
  await page.goto(`${origin}/sign-in`);
  await signIn(page, { emailAddress });
  await arrive(page, emailAddress);
}

const signOutAt = page => toNewDocument(page, () => { window.Clerk.signOut({ redirectUrl: '/' }); });
const me = page => page.evaluate(async () => (await fetch('/api/me')).json());

test('p8_domains p1_js_cannot_read p1_no_body_leak: each cookie stands where it belongs and scripts see no credential', async () => {
  const ada = await newUser('root');
  const tokens = await browse(async ({ page, context, cookie, cookies }) => {
    await page.goto(ROOT);
    assert.deepEqual(await me(page), { userId: null, sessionId: null });
    await signInAt(page, ROOT, ada);
    // The handshake gives the app's host its refresh token, too.
    await context.clearCookies({ name: /^__session/ });
    await page.goto(ROOT);
    await waitForUser(page, ada.emailAddress);
    const suffix = hosts.suffix('root');
    const expected = {
      __client: ['clerk.example.com', true], '__Host-usher_binding': ['clerk.example.com', true],
      __client_uat: ['.example.com', false], [`__client_uat${suffix}`]: ['.example.com', false],
      __session: ['example.com', false], [`__session${suffix}`]: ['example.com', false], [`__refresh${suffix}`]: ['example.com', true],
    };
    for (const [name, [domain, httpOnly]] of Object.entries(expected)) {
      const all = (await cookies()).filter(one => one.name === name);
      assert.deepEqual(all.map(({ domain, httpOnly, secure, sameSite, path }) => ({ domain, httpOnly, secure, sameSite, path })),
        [{ domain, httpOnly, secure: true, sameSite: 'Lax', path: '/' }], name);
    }
    assert.equal((await cookie('__session')).value, (await cookie(`__session${suffix}`)).value);
    // The SDK's own loop breaker lives two seconds.
    const left = (await cookies()).map(one => one.name).filter(name => name.startsWith('__') && name !== '__clerk_redirect_count' && !(name in expected));
    assert.deepEqual(left, [], 'no handshake and nothing else is left');

    const secret = (await cookie('__client')).value, refresh = (await cookie(`__refresh${suffix}`)).value;
    const readable = await page.evaluate(async () => {
      const databases = await Promise.all((await indexedDB.databases()).map(({ name }) => name));
      return [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(databases), document.documentElement.outerHTML].join('\n');
    });
    for (const hidden of [secret, refresh]) assert.ok(!readable.includes(hidden));
    assert.ok(readable.includes('__client_uat'), 'the look was at the right place');
  });
  assert.ok(tokens >= 1);
  // p8_server_compromise_note: the app's server never saw what opens an account.
  const names = await hosts.seen('root');
  assert.ok(names.includes('__session') && !names.includes('__client') && !names.includes('__Host-usher_binding'), names.join());
});

test('p8_shared p8_no_wide_session: one instance on two hosts is one sign-in, and no session travels in a wide cookie', () => browse(async ({ page, cookies, said }) => {
  const ada = await newUser('root');
  await signInAt(page, ROOT, ada);
  const document = await page.goto(`${APP}/`);
  assert.equal(document.headers()['x-user-id'], ada.id, 'the first document knows: by handshake');
  await waitForUser(page, ada.emailAddress);
  assert.equal((await me(page)).userId, ada.id);
  const wide = (await cookies()).filter(one => one.domain.startsWith('.')).map(one => one.name);
  assert.ok(wide.length > 0 && wide.every(name => name.startsWith('__client_uat')), wide.join());
  await signOutAt(page);
  await waitForUser(page, null);
  const after = await page.goto(ROOT);
  assert.equal(after.headers()['x-user-id'], 'nobody');
  await waitForUser(page, null);
  assert.deepEqual(await me(page), { userId: null, sessionId: null });
  assert.ok(said.some(({ url }) => url.startsWith('https://clerk.example.com/v1/client/handshake')));
}));

test('p8_independent: two instances on a domain and its subdomain know nothing of each other', () => browse(async ({ page, context, cookies }) => {
  const [ada, bob] = [await newUser('root'), await newUser('sub')];
  await signInAt(page, ROOT, ada);
  const other = await context.newPage();
  await other.goto(SUB);
  assert.deepEqual(await me(other), { userId: null, sessionId: null });
  await signInAt(other, SUB, bob);
  const stamps = (await cookies()).filter(one => one.name.startsWith('__client_uat')).map(one => one.name).sort();
  assert.deepEqual(stamps, ['__client_uat', `__client_uat${hosts.suffix('root')}`, `__client_uat${hosts.suffix('sub')}`].sort());
  assert.deepEqual((await cookies()).filter(one => one.name === '__client').map(one => one.domain).sort(), ['clerk.example.com', 'clerk.sub.example.com']);
  await page.goto(ROOT);
  assert.equal((await me(page)).userId, ada.id);
  assert.equal((await me(other)).userId, bob.id);
  await signOutAt(page);
  await waitForUser(page, null);
  await other.goto(SUB);
  await waitForUser(other, bob.emailAddress);
  assert.equal((await me(other)).userId, bob.id);
  assert.equal((await me(page)).userId, null);
}));

test('p2_real_browser: forms and requests of another site and of a neighbour change nothing', () => browse(async ({ page, context, cookie }) => {
  const ada = await newUser('root');
  await signInAt(page, ROOT, ada);
  const before = (await cookie('__client')).value;
  const attacker = await context.newPage();
  const target = 'https://clerk.example.com/v1/client/sessions?_method=DELETE';
  for (const [site, sent, statuses] of [[EVIL, false, [400]], [BLOG, true, [403]]]) {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data']) {
      await attacker.goto(`${site}/blank`);
      const [request] = await Promise.all([
        context.waitForEvent('request', one => one.url() === target),
        attacker.evaluate(([action, enctype]) => {
          const form = Object.assign(document.createElement('form'), { action, enctype, method: 'post' });
          document.body.append(form);
          form.submit();
        }, [target, type]),
      ]);
      const headers = await request.allHeaders();
      assert.equal((headers.cookie ?? '').includes('__client='), sent, `${site} ${type}: ${headers.cookie}`);
      assert.ok(statuses.includes((await request.response()).status()), `${site} ${type}`);
      await attacker.waitForURL(target);
    }
    await attacker.goto(`${site}/blank`);
    const read = await attacker.evaluate(async () => {
      const answers = [];
      for (const [path, options] of [['/v1/client', {}], ['/v1/client/sessions?_method=DELETE', { method: 'POST' }], ['/v1/client/sessions', { method: 'DELETE' }]]) {
        answers.push(await fetch(`https://clerk.example.com${path}`, { credentials: 'include', ...options }).then(response => response.text(), error => error.name));
        await fetch(`https://clerk.example.com${path}`, { credentials: 'include', mode: 'no-cors', method: options.method === 'POST' ? 'POST' : 'GET' }).catch(() => {});
      }
      return answers;
    });
    assert.deepEqual(read, ['TypeError', 'TypeError', 'TypeError'], `${site} reads nothing`);
    // Pictures and frames of GETs: refused, framed by nobody.
    await attacker.evaluate(() => Promise.all(['/v1/client', '/v1/clear-site-data', '/sign-in'].flatMap(path => ['img', 'iframe'].map(tag => new Promise(done => {
      const part = Object.assign(document.createElement(tag), { src: `https://clerk.example.com${path}`, onload: done, onerror: done });
      document.body.append(part);
    })))));
  }
  assert.equal((await cookie('__client')).value, before);
  await page.goto(ROOT);
  await waitForUser(page, ada.emailAddress);
  assert.equal((await me(page)).userId, ada.id);
}));

test('p8_tossing: a neighbour that plants its client signs nobody in as itself', async () => {
  const [eve, ada] = [await newUser('root'), await newUser('root')];
  let planted;
  await browse(async ({ page, context }) => {
    await signInAt(page, ROOT, eve);
    planted = (await context.cookies()).filter(one => one.domain === 'clerk.example.com').map(({ name, value }) => ({ name, value }));
  });
  await browse(async ({ page, context, cookies }) => {
    const neighbour = await context.newPage();
    await neighbour.goto(`${BLOG}/blank`);
    await neighbour.evaluate(all => {
      for (const { name, value } of all) {
        for (const path of ['/', '/v1/client']) document.cookie = `${name}=${value}; Domain=example.com; Path=${path}; Secure; Max-Age=1000`;
      }
    }, planted.filter(({ name }) => !name.startsWith('__client_uat')));
    const wide = (await cookies()).filter(one => one.domain === '.example.com').map(one => one.name);
    assert.ok(wide.includes('__client') && !wide.includes('__Host-usher_binding'), `the browser takes the one and not the other: ${wide}`);
    await page.goto(ROOT);
    assert.equal(await signedInAs(page), null, 'not the attacker');
    await signInAt(page, ROOT, ada);
    await page.goto(ROOT);
    await waitForUser(page, ada.emailAddress);
    assert.equal((await me(page)).userId, ada.id);
  });
});

test('the portal on its own host signs in where the apps ask', () => browse(async ({ page, cookies }) => {
  const ada = await newUser('root');
  await page.goto('https://accounts.example.com/sign-in');
  await signIn(page, ada);
  await waitForUser(page, ada.emailAddress);
  assert.deepEqual((await cookies()).filter(one => one.name === '__client').map(one => one.domain), ['clerk.example.com']);
  const document = await page.goto(`${APP}/`);
  assert.equal(document.headers()['x-user-id'], ada.id);
}));

test('TLS names, headers and unknown hosts hold without a browser', async () => {
  const { status, headers } = await hosts.ask('clerk.sub.example.com', '/v1/environment');
  assert.equal(status, 200);
  assert.match(headers['strict-transport-security'], /^max-age=63072000/);
  await assert.rejects(hosts.ask('clerk.unknown.test', '/v1/environment'), 'no certificate for a stranger');
  assert.equal((await hosts.ask('app.example.com', '/v1/client')).status, 400, 'a certificate is not yet an instance');
});
