import { clerkMiddleware, createRouteMatcher } from '@clerk/nextjs/server';

const isPrivate = createRouteMatcher(['/private(.*)']);

export default clerkMiddleware(async (auth, request) => {
  if (isPrivate(request)) await auth.protect();
}, { frontendApiProxy: { enabled: true } });

export const config = { matcher: ['/((?!_next|favicon.ico).*)', '/__clerk/(.*)'] };
