// The account portal: loads the official scripts from this server and mounts the page's component.
//
// The server fills the settings into the <body>'s data attributes. Every address here is of this origin.

'use strict';

(() => {
  const { nonce } = document.currentScript;
  const { page, publishableKey, proxyUrl, allowedRedirectOrigins, jsVersion, uiVersion } = document.body.dataset;
  const part = id => document.getElementById(id);

  /** What the browser may wait for a script, in milliseconds; the official loader's time. */
  const PATIENCE = 15_000;

  /** Follows the page's own colours, dark and light, by naming its custom properties. */
  const appearance = {
    variables: {
      colorPrimary: 'var(--u-accent)',
      colorPrimaryForeground: 'var(--u-accent-ink)',
      colorForeground: 'var(--u-ink)',
      colorMutedForeground: 'var(--u-ink-soft)',
      colorMuted: 'var(--u-sunken)',
      colorBackground: 'var(--u-surface)',
      colorInput: 'var(--u-surface)',
      colorInputForeground: 'var(--u-ink)',
      colorNeutral: 'var(--u-ink)',
      colorBorder: 'var(--u-ink)',
      colorRing: 'var(--u-ring)',
      colorDanger: 'var(--u-danger)',
      fontFamily: 'var(--u-font)',
      fontFamilyButtons: 'var(--u-font)',
      fontFamilyMono: 'var(--u-mono)',
      borderRadius: 'var(--u-round)',
    },
    elements: { cardBox: { boxShadow: 'var(--u-shadow), 0 0 0 1px var(--u-line)' } },
    options: { shimmer: false },
  };

  class ScriptMissing extends Error {}

  function loadScript(src, attributes = {}) {
    return new Promise((resolve, reject) => {
      const script = document.createElement('script');
      const fail = what => reject(new ScriptMissing(`${what}: ${src}`));
      const timer = setTimeout(fail, PATIENCE, 'No answer in 15 seconds');
      script.onload = () => (clearTimeout(timer), resolve());
      script.onerror = () => (clearTimeout(timer), fail('Could not be loaded'));
      script.async = true;
      script.crossOrigin = 'anonymous';
      script.nonce = nonce;
      for (const [name, value] of Object.entries(attributes)) script.setAttribute(name, value);
      script.src = src;
      document.head.append(script);
    });
  }

  function origins() {
    const more = JSON.parse(allowedRedirectOrigins || '[]');
    // A list of our own replaces the library's default, which this origin is part of.
    return more.length > 0 ? [location.origin, ...more] : undefined;
  }

  /** `/sign-in#/factor-one?a=b`, as the library builds it for hosted pages, is `/sign-in/factor-one?a=b` here. */
  function unfold(address) {
    const url = new URL(address, location.href);
    if (!url.hash.startsWith('#/')) return url;
    const inner = new URL(url.hash.slice(1), url.origin);
    url.hash = inner.hash;
    url.pathname = `${url.pathname.replace(/\/$/, '')}${inner.pathname === '/' ? '' : inner.pathname}`;
    for (const [name, value] of inner.searchParams) url.searchParams.set(name, value);
    return url;
  }

  /** Steps within the mounted component change the address in place; everything else is another page. */
  const navigate = change => (to, { windowNavigate }) => {
    const url = unfold(to);
    const within = page !== 'home' && (url.pathname === `/${page}` || url.pathname.startsWith(`/${page}/`));
    if (within) history[change](history.state, '', url);
    else windowNavigate(url);
  };

  const options = () => ({
    ui: { ClerkUI: window.__internal_ClerkUICtor },
    nonce,
    appearance,
    allowedRedirectOrigins: origins(),
    signInUrl: '/sign-in',
    signUpUrl: '/sign-up',
    signInFallbackRedirectUrl: '/',
    signUpFallbackRedirectUrl: '/',
    afterSignOutUrl: '/',
    routerPush: navigate('pushState'),
    routerReplace: navigate('replaceState'),
    telemetry: false,
  });

  const mount = {
    'sign-in': clerk => clerk.mountSignIn(part('component'), { routing: 'path', path: '/sign-in', signUpUrl: '/sign-up' }),
    'sign-up': clerk => clerk.mountSignUp(part('component'), { routing: 'path', path: '/sign-up', signInUrl: '/sign-in' }),
    'sso-callback': async clerk => {
      // What is left to do there needs the challenge's place, should one be asked for.
      await clerk.handleRedirectCallback({ signInUrl: '/sign-in', signUpUrl: '/sign-up', signInFallbackRedirectUrl: '/', signUpFallbackRedirectUrl: '/' });
    },
    waitlist: clerk => clerk.mountWaitlist(part('component'), { signInUrl: '/sign-in' }),
    user: clerk => {
      if (!clerk.user) return clerk.redirectToSignIn({ signInForceRedirectUrl: location.href, signUpForceRedirectUrl: location.href });
      mountUserButton(clerk);
      clerk.mountUserProfile(part('component'), { routing: 'path', path: '/user' });
    },
    organization: clerk => {
      if (!clerk.user) return clerk.redirectToSignIn({ signInForceRedirectUrl: location.href, signUpForceRedirectUrl: location.href });
      mountUserButton(clerk);
      if (!clerk.organization) return clerk.redirectToCreateOrganization();
      clerk.mountOrganizationProfile(part('component'), { routing: 'path', path: '/organization' });
    },
    'create-organization': clerk => {
      if (!clerk.user) return clerk.redirectToSignIn({ signInForceRedirectUrl: location.href, signUpForceRedirectUrl: location.href });
      mountUserButton(clerk);
      clerk.mountCreateOrganization(part('component'), { routing: 'path', path: '/create-organization', afterCreateOrganizationUrl: '/organization' });
    },
    home: clerk => {
      part('sign-out').onclick = () => clerk.signOut();
      clerk.addListener(() => showHome(clerk));
      showHome(clerk);
    },
  };

  const mountUserButton = clerk =>
    clerk.mountUserButton(part('account'), { userProfileMode: 'navigation', userProfileUrl: '/user' });

  let greeted = null;

  function showHome(clerk) {
    const { user } = clerk;
    if (user) {
      const identity = user.primaryEmailAddress?.emailAddress ?? user.primaryPhoneNumber?.phoneNumber ?? user.username ?? '';
      const name = user.firstName || user.username || identity;
      part('greeting').textContent = name ? `Hello, ${name}` : 'Hello';
      part('identity').textContent = identity && identity !== name ? `You are signed in as ${identity}.` : 'You are signed in.';
    }
    part('signed-in').hidden = !user;
    part('signed-out').hidden = Boolean(user);
    if (Boolean(user) === greeted) return;
    if (user) mountUserButton(clerk);
    else if (greeted) clerk.unmountUserButton(part('account'));
    greeted = Boolean(user);
  }

  function fail(error) {
    part('loading').hidden = true;
    part('failure-reason').textContent =
      error instanceof ScriptMissing
        ? 'A script that draws this page is missing.'
        : 'The scripts are here, but the server did not answer them as expected.';
    part('failure-detail').textContent = (error?.errors?.[0]?.message ?? error?.message ?? String(error)).split('\n')[0];
    part('retry').onclick = () => location.reload();
    part('failure').hidden = false;
    console.error(error);
  }

  async function start() {
    part('loading').hidden = false;
    // What a script throws while it starts, as for a malformed publishable key, reaches the window only.
    let thrown = null;
    addEventListener('error', ({ error }) => (thrown ??= error));
    await Promise.all([
      loadScript(`/npm/@clerk/ui@${uiVersion}/dist/ui.browser.js`),
      loadScript(`/npm/@clerk/clerk-js@${jsVersion}/dist/clerk.browser.js`, {
        'data-clerk-js-script': 'true',
        'data-clerk-publishable-key': publishableKey,
        'data-clerk-proxy-url': proxyUrl,
      }),
    ]);
    if (!window.Clerk?.load || !window.__internal_ClerkUICtor) throw thrown ?? new Error('The scripts did not start.');
    // Without an answer about the visitor, the library goes on with what it remembers, and says "degraded".
    window.Clerk.on('status', status => (part('degraded').hidden = status !== 'degraded'), { notify: true });
    await window.Clerk.load(options());
    await mount[page](window.Clerk);
    part('loading').hidden = page !== 'sso-callback';
  }

  start().catch(fail);
})();
