import Link from 'next/link';
import { auth } from '@clerk/nextjs/server';
import { UserButton } from '@clerk/nextjs';

/** What the server knows of the visitor, without asking the browser. */
export default async function Home() {
  const { userId } = await auth();
  return (
    <>
      <p id="server-user">{userId ?? 'nobody'}</p>
      <nav><Link href="/account" prefetch={false}>Account</Link> <Link href="/private" prefetch={false}>Private</Link></nav>
      <UserButton />
    </>
  );
}
