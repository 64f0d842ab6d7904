// An app with @clerk/express on its own hosts over https, as in production: no proxy, scripts from the Frontend API's host.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import express from 'express';
import { clerkMiddleware, getAuth } from '@clerk/express';

const { PORT, CERTIFICATE, CERTIFICATE_KEY, CLERK_PUBLISHABLE_KEY, AUTHORIZED_PARTIES, SATELLITE, SIGN_IN_URL } = process.env;
// On a satellite scripts and cookies come from the Frontend API below its own domain, and signing in is the primary's.
const frontendApi = `https://${SATELLITE ? `clerk.${SATELLITE}` : atob(CLERK_PUBLISHABLE_KEY.split('_')[2]).slice(0, -1)}`;
const satellite = SATELLITE ? { isSatellite: true, satelliteAutoSync: true, domain: SATELLITE, signInUrl: SIGN_IN_URL } : {};
const page = readFileSync(new URL('../html/index.html', import.meta.url), 'utf8')
  .replaceAll('{{CLERK_PUBLISHABLE_KEY}}', CLERK_PUBLISHABLE_KEY)
  .replaceAll(' data-clerk-proxy-url="{{CLERK_PROXY_URL}}"', SATELLITE ? ` data-clerk-domain="${SATELLITE}"` : '')
  .replace("signUpUrl: '/sign-up' }", `signUpUrl: '/sign-up', ...${JSON.stringify(satellite)} }`)
  .replaceAll('{{CLERK_PROXY_URL}}', frontendApi);

const app = express();
const seen = new Set();
app.use((request, response, next) => {
  for (const part of (request.headers.cookie ?? '').split('; ')) seen.add(part.split('=')[0]);
  next();
});
// What the app's server ever saw, and a page that has nothing to do with it, for other sites and neighbours.
app.get('/seen', (request, response) => response.json([...seen].sort()));
app.get('/blank', (request, response) => response.type('html').send('<!doctype html><title>Blank</title><link rel="icon" href="data:,"><p>Blank'));
app.use(clerkMiddleware({ authorizedParties: AUTHORIZED_PARTIES.split(','), ...satellite }));
app.get('/api/me', (request, response) => {
  const { userId, sessionId } = getAuth(request);
  response.json({ userId: userId ?? null, sessionId: sessionId ?? null });
});
app.get('/{*path}', (request, response) => response.set('x-user-id', getAuth(request).userId ?? 'nobody').type('html').send(page));

https.createServer({ cert: readFileSync(CERTIFICATE), key: readFileSync(CERTIFICATE_KEY) }, app).listen(Number(PORT), '127.0.0.1');
