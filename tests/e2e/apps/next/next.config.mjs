import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The packages are installed two folders up. */
export default { turbopack: { root }, outputFileTracingRoot: root, devIndicators: false };
