import { readFileSync } from 'node:fs';
import express from 'express';
import { clerkClient, clerkMiddleware, getAuth } from '@clerk/express';

const { PORT, CLERK_PUBLISHABLE_KEY, CLERK_PROXY_URL } = process.env;
const page = readFileSync(new URL('../html/index.html', import.meta.url), 'utf8')
  .replaceAll('{{CLERK_PUBLISHABLE_KEY}}', CLERK_PUBLISHABLE_KEY)
  .replaceAll('{{CLERK_PROXY_URL}}', CLERK_PROXY_URL);

const app = express();
app.use(clerkMiddleware());

app.get('/api/me', async (request, response) => {
  const { isAuthenticated, userId, sessionId } = getAuth(request);
  if (!isAuthenticated) return response.status(401).json({ error: 'signed out' });
  const user = await clerkClient.users.getUser(userId);
  response.json({ userId, sessionId, emailAddress: user.primaryEmailAddress.emailAddress });
});

app.get('/{*path}', (request, response) => {
  response.set('x-user-id', getAuth(request).userId ?? 'nobody').type('html').send(page);
});

app.listen(Number(PORT), '127.0.0.1');
