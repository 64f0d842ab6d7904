import Link from 'next/link';
import { currentUser } from '@clerk/nextjs/server';

export default async function Account() {
  const user = await currentUser();
  return (
    <>
      <p id="server-email-address">{user?.primaryEmailAddress.emailAddress ?? 'nobody'}</p>
      <Link href="/" prefetch={false}>Home</Link>
    </>
  );
}
