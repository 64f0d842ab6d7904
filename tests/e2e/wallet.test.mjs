// Wallets through the official components and the official library: an Ethereum provider in the page (EIP-1193) whose key is
// this test's, and a Solana key in a custom flow.

import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { after, before, test } from 'node:test';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { browse, newEmailAddress, password, press, signOutByLibrary, startHtmlApp, startUsher, stopAll } from './harness.mjs';

let usher, app;
before(async () => {
  usher = await startUsher({
    settings: 'attributes.email_address = "on"\nattributes.password = "on"\nattributes.web3_wallet = ["web3_metamask_signature", "web3_solana_signature", "web3_base_signature", "web3_coinbase_wallet_signature", "web3_okx_wallet_signature"]',
  });
  app = await startHtmlApp(usher);
});
after(() => stopAll(usher, app));

const hex = bytes => Buffer.from(bytes).toString('hex');

/** A key on secp256k1, and a page whose `window.ethereum` signs with it. What it was asked to sign is kept. */
async function ethereumWallet(context) {
  const key = randomBytes(32);
  const address = `0x${hex(keccak_256(secp256k1.getPublicKey(key, false).slice(1)).slice(12))}`;
  const signed = [];
  await context.exposeFunction('walletRequest', ({ method, params }) => {
    if (method === 'eth_requestAccounts') return [address];
    assert.equal(method, 'personal_sign');
    assert.equal(params[1].toLowerCase(), address);
    const message = Buffer.from(params[0].slice(2), 'hex');
    signed.push(message.toString('utf8'));
    const hash = keccak_256(Buffer.concat([Buffer.from(`\x19Ethereum Signed Message:\n${message.length}`), message]));
    const [recovery, ...rs] = secp256k1.sign(hash, key, { prehash: false, format: 'recovered' });
    return `0x${hex(rs)}${(27 + recovery).toString(16)}`;
  });
  await context.addInitScript(() => {
    window.ethereum = { isMetaMask: true, request: asked => window.walletRequest(asked) };
    // Where Coinbase's extension is, its library takes it.
    window.coinbaseWalletExtension = { request: asked => window.walletRequest(asked), setAppInfo() {} };
  });
  return { address, signed };
}

const base58 = bytes => {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let number = BigInt(`0x${hex(bytes)}`), text = '';
  for (; number > 0n; number /= 58n) text = digits[Number(number % 58n)] + text;
  return '1'.repeat(bytes.findIndex(byte => byte !== 0)) + text;
};

const user = page => page.evaluate(() => ({ id: window.Clerk.user?.id, wallet: window.Clerk.user?.primaryWeb3Wallet?.web3Wallet }));
const signedIn = page => page.waitForFunction(() => window.Clerk?.loaded && window.Clerk.user);
const signedOut = page => page.waitForFunction(() => window.Clerk?.loaded && !window.Clerk.user);
/** Signs out, up to the page of SignIn that follows. */
const leave = async page => {
  await Promise.all([page.waitForURL(url => url.pathname === '/sign-in'), page.evaluate(() => { window.Clerk.signOut({ redirectUrl: '/sign-in' }); })]);
  await signedOut(page);
};
const pressWallet = (page, provider) => page.locator(`.cl-socialButtonsIconButton__${provider}, .cl-socialButtonsBlockButton__${provider}`).first().click();
const metamask = page => pressWallet(page, 'metamask');

for (const provider of ['metamask', 'okx_wallet', 'coinbase_wallet']) test(`the button of SignIn makes an account of a new wallet and signs in with it ever after: ${provider}`, () => browse(async ({ page, context }) => {
  const wallet = await ethereumWallet(context);
  await page.goto(`${usher.url}/sign-in`);
  await pressWallet(page, provider);
  await page.waitForURL(url => url.pathname === '/');
  await signedIn(page);
  const first = await user(page);
  assert.equal(first.wallet.toLowerCase(), wallet.address);
  assert.equal(wallet.signed.length, 1, 'unknown wallets are asked once, to sign up');
  assert.match(wallet.signed[0], new RegExp(`^${new URL(usher.url).host} wants you to sign in with your Ethereum account:\n0x[0-9a-fA-F]{40}\n\nCreate an account`));
  await leave(page);
  await pressWallet(page, provider);
  await page.waitForURL(url => url.pathname === '/');
  await signedIn(page);
  assert.deepEqual(await user(page), first);
  assert.match(wallet.signed[1], /\n\nSign in with this wallet\./);
}));

test('authenticateWithMetamask and a wallet that signs something else', () => browse(async ({ page, context }) => {
  const wallet = await ethereumWallet(context);
  await page.goto(app.url);
  await signedOut(page);
  await page.evaluate(() => window.Clerk.client.signUp.authenticateWithMetamask());
  const made = await page.evaluate(async () => {
    const { status, createdSessionId } = window.Clerk.client.signUp;
    await window.Clerk.setActive({ session: createdSessionId ?? window.Clerk.client.lastActiveSessionId });
    return { status, user: window.Clerk.user?.primaryWeb3Wallet?.verification?.strategy };
  });
  assert.equal(made.user, 'web3_metamask_signature');
  assert.equal(wallet.signed.length, 1);
  await signOutByLibrary(page);
  const refused = await page.evaluate(async address => {
    try {
      await window.Clerk.client.signIn.authenticateWithWeb3({
        identifier: address, strategy: 'web3_metamask_signature',
        generateSignature: ({ nonce }) => window.walletRequest({ method: 'personal_sign', params: [`0x${[...`${nonce}.`].map(c => c.charCodeAt(0).toString(16).padStart(2, '0')).join('')}`, address] }),
      });
      return 'nothing was refused';
    } catch (error) {
      return error.errors?.[0]?.code;
    }
  }, wallet.address);
  assert.equal(refused, 'form_incorrect_signature');
  assert.equal(await page.evaluate(() => window.Clerk.user ?? null), null);
}));

/** A page with a Solana wallet in it (the wallet standard's registration), whose key is this test's; its address. */
async function solanaWallet(context) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url');
  await context.exposeFunction('solanaSign', message => [...sign(null, Buffer.from(message), privateKey)]);
  await context.addInitScript(([address, bytes]) => {
    const features = ['standard:connect', 'standard:disconnect', 'standard:events', 'solana:signMessage', 'solana:signTransaction'];
    const chains = ['solana:mainnet'], account = { address, publicKey: new Uint8Array(bytes), chains, features };
    const wallet = {
      version: '1.0.0', name: 'Test Wallet', icon: 'data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=', chains, accounts: [],
      features: {
        'standard:connect': { version: '1.0.0', connect: async () => { wallet.accounts = [account]; return { accounts: [account] }; } },
        'standard:disconnect': { version: '1.0.0', disconnect: async () => {} },
        'standard:events': { version: '1.0.0', on: () => () => {} },
        'solana:signMessage': { version: '1.0.0', signMessage: async ({ message }) => [{ signedMessage: message, signature: new Uint8Array(await window.solanaSign([...message])) }] },
        'solana:signTransaction': { version: '1.0.0', supportedTransactionVersions: ['legacy', 0], signTransaction: async () => { throw new Error('nothing is sent'); } },
      },
    };
    const register = api => api.register(wallet);
    window.addEventListener('wallet-standard:app-ready', ({ detail }) => register(detail));
    window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }));
  }, [base58(key), [...key]]);
  return base58(key);
}

test('SignIn offers the Solana wallet of the page, and signs up and in with it', () => browse(async ({ page, context }) => {
  const address = await solanaWallet(context);
  let first;
  for (const _ of ['up', 'in']) {
    await page.goto(`${usher.url}/sign-in`);
    await signedOut(page);
    await pressWallet(page, 'solana');
    await page.getByText('Test Wallet').first().click();
    await page.waitForURL(url => url.pathname === '/');
    await signedIn(page);
    const now = await user(page);
    assert.equal(now.wallet, address);
    assert.equal(now.id, first ??= now.id);
    await leave(page);
  }
}));

test('a Solana wallet signs up and in through a custom flow', () => browse(async ({ page, context }) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const address = base58(Buffer.from(publicKey.export({ format: 'jwk' }).x, 'base64url'));
  const key = createPrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await context.exposeFunction('solanaSign', message => sign(null, Buffer.from(message), key).toString('base64'));
  await page.goto(app.url);
  await signedOut(page);
  const flow = (kind, params) => page.evaluate(async ([kind, params]) => {
    const done = await window.Clerk.client[kind].authenticateWithWeb3({ ...params, walletName: 'Test', generateSignature: ({ nonce }) => window.solanaSign(nonce) });
    await window.Clerk.setActive({ session: done.createdSessionId });
    return { status: done.status, wallet: window.Clerk.user.primaryWeb3Wallet.web3Wallet, id: window.Clerk.user.id };
  }, [kind, params]);
  const params = { identifier: address, strategy: 'web3_solana_signature' };
  const made = await flow('signUp', params);
  assert.deepEqual({ status: made.status, wallet: made.wallet }, { status: 'complete', wallet: address });
  await signOutByLibrary(page);
  await page.goto(app.url);
  await signedOut(page);
  assert.deepEqual(await flow('signIn', params), made);
}));

for (const strategy of ['web3_base_signature', 'web3_coinbase_wallet_signature', 'web3_okx_wallet_signature']) {
  test(`a custom flow signs up and in by ${strategy}, whatever signs`, () => browse(async ({ page, context }) => {
    const wallet = await ethereumWallet(context);
    await page.goto(app.url);
    await signedOut(page);
    const flow = kind => page.evaluate(async ([of, params]) => {
      const hex = text => `0x${[...text].map(c => c.charCodeAt(0).toString(16).padStart(2, '0')).join('')}`;
      const generateSignature = ({ nonce }) => window.walletRequest({ method: 'personal_sign', params: [hex(nonce), params.identifier] });
      const done = await window.Clerk.client[of].authenticateWithWeb3({ ...params, generateSignature });
      await window.Clerk.setActive({ session: done.createdSessionId });
      return { status: done.status, by: window.Clerk.user.primaryWeb3Wallet.verification.strategy, id: window.Clerk.user.id };
    }, [kind, { identifier: wallet.address, strategy }]);
    const made = await flow('signUp');
    assert.deepEqual({ status: made.status, by: made.by }, { status: 'complete', by: strategy });
    await signOutByLibrary(page);
    assert.deepEqual(await flow('signIn'), made);
  }));
}

test('UserProfile connects a wallet, which then signs in, and removes it', () => browse(async ({ page, context }) => {
  const wallet = await ethereumWallet(context);
  const identifier = newEmailAddress();
  const made = await fetch(`${usher.env.CLERK_API_URL}/v1/users`, {
    method: 'POST', headers: { authorization: `Bearer ${usher.env.CLERK_SECRET_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ email_address: [identifier], password }),
  });
  const { id } = await made.json();
  await page.goto(`${usher.url}/sign-up`);
  await signedOut(page);
  await page.evaluate(async params => {
    const { createdSessionId } = await window.Clerk.client.signIn.create(params);
    await window.Clerk.setActive({ session: createdSessionId });
  }, { identifier, password });
  await page.goto(`${usher.url}/user`);
  await page.getByText('Connect wallet', { exact: true }).first().click();
  await page.getByRole('menuitem', { name: /MetaMask/ }).first().click();
  await page.waitForFunction(() => window.Clerk.user?.primaryWeb3Wallet?.verification?.status === 'verified');
  assert.match(wallet.signed[0], /\n\nConnect this wallet to your account\./);
  assert.equal((await user(page)).wallet.toLowerCase(), wallet.address);
  await leave(page);
  await metamask(page);
  await page.waitForURL(url => url.pathname === '/');
  await signedIn(page);
  assert.equal((await user(page)).id, id);
  await page.goto(`${usher.url}/user`);
  const section = page.locator('.cl-profileSection__web3Wallets');
  await section.locator('.cl-menuButtonEllipsis, .cl-menuButton').first().click();
  await page.getByRole('menuitem', { name: 'Remove wallet' }).click();
  await press(page, 'Remove');
  await page.waitForFunction(() => window.Clerk.user?.web3Wallets.length === 0);
}));
