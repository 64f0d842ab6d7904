import { auth } from '@clerk/nextjs/server';

/** Reached only through `auth.protect()`, once in proxy.js and once here. */
export default async function Private() {
  const { userId } = await auth.protect();
  return <p id="private">{userId}</p>;
}
