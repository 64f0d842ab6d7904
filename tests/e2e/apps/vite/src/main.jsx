import { createRoot } from 'react-dom/client';
import { ClerkProvider, Show, SignIn, SignUp, UserButton, useUser } from '@clerk/react';

function State() {
  const { isLoaded, user } = useUser();
  if (!isLoaded) return <p id="state">loading</p>;
  return <p id="state">{user ? `signed in as ${user.primaryEmailAddress.emailAddress}` : 'signed out'}</p>;
}

function Page() {
  if (location.pathname.startsWith('/sign-in')) return <SignIn routing="path" path="/sign-in" signUpUrl="/sign-up" />;
  if (location.pathname.startsWith('/sign-up')) return <SignUp routing="path" path="/sign-up" signInUrl="/sign-in" />;
  return <Show when="signed-in" fallback={<a href="/sign-in">Sign in</a>}><UserButton /></Show>;
}

createRoot(document.getElementById('root')).render(
  <ClerkProvider publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY} proxyUrl="/__clerk" telemetry={false}>
    <State />
    <Page />
  </ClerkProvider>,
);
