import { defineConfig } from 'vite';

// Recipe of the documentation: the browser talks to one origin only, Vite passes /__clerk on to Usher.
const proxy = {
  '/__clerk': { target: process.env.CLERK_PROXY_URL, changeOrigin: false, rewrite: path => path.replace(/^\/__clerk/, '') },
};

export default defineConfig({ server: { proxy }, preview: { proxy } });
