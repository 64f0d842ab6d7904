// Builds the table of browser files that `crates/assets` embeds: the official scripts of `web/sdk` and Usher's own pages.
//
//   node web/build.mjs [--force]
//
// Writes `web/build/`: every file compressed (`<hash>.gz`, `<hash>.br`) and `manifest.json`. Needs Node.js 20 and npm, and no
// package of its own. A second run with nothing changed reads a stamp and ends; compressed files are kept by content.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const web = dirname(fileURLToPath(import.meta.url));
const sdk = join(web, 'sdk');
const out = join(web, 'build');

/** The browser builds to serve, by entry file. Each entry names the hash of its own chunks; the legacy and native builds,
 * whose chunks lie in the same folder under other hashes, stay out. */
const PACKAGES = [
  { name: '@clerk/clerk-js', entries: ['clerk.browser.js'] },
  { name: '@clerk/ui', entries: ['ui.browser.js', 'ui.shared.browser.js'] },
];

/** Folders of our own static files; `*.html` are templates, which the server embeds as text. */
const OWN = ['shared', 'portal', 'inbox'];

const MIME = {
  '.js': 'application/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const hash = (...parts) => {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part);
  return sum.digest('hex');
};

/** Writes whole files only: a reader, or an interrupted run, never sees half of one. */
async function put(path, content) {
  const draft = `${path}.${process.pid}.draft`;
  await writeFile(draft, content);
  await rename(draft, path);
}

const read = path => readFile(path).catch(() => null);

/** The hash of everything a build depends on. The packages are pinned by the lock file, so that one stands for them. */
async function inputs() {
  const parts = [await readFile(fileURLToPath(import.meta.url)), ...(await lock())];
  for (const { path, source } of await ownFiles()) parts.push(path, await readFile(source));
  return hash(...parts);
}

const lock = () => Promise.all(['package.json', 'package-lock.json', '.npmrc'].map(name => readFile(join(sdk, name))));

async function install() {
  const mark = join(sdk, 'node_modules', '.usher-lock');
  const wanted = hash(...(await lock()));
  if (String(await read(mark)) === wanted) return;
  console.log('web: installing the official scripts (npm ci) …');
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--omit=peer', '--loglevel=error'], {
    cwd: sdk,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (npm.error || npm.status !== 0) {
    throw new Error(`npm ci failed in web/sdk (${npm.error?.message ?? `status ${npm.status}`}). Is npm installed, and the registry reachable?`);
  }
  await put(mark, wanted);
}

async function ownFiles() {
  const files = [];
  for (const folder of OWN) {
    for (const name of (await readdir(join(web, folder)).catch(() => [])).sort()) {
      if (MIME[extname(name)]) files.push({ path: `/_usher/${name}`, source: join(web, folder, name) });
    }
  }
  return files;
}

async function packageFiles({ name, entries }) {
  const root = join(sdk, 'node_modules', name);
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const names = await readdir(join(root, 'dist'));
  const chosen = new Set();
  for (const entry of entries) {
    const text = await readFile(join(root, 'dist', entry), 'utf8');
    // As in: …)+"_ui_"+i.h().slice(0,6)+"_1.36.0.js",i.h=()=>"58d0c711908d2399"
    const found = text.match(/"(_[\w.]+_)"\+\w+\.h\(\)\.slice\(0,6\)\+"(_[\w.-]+\.js)",\w+\.h=\(\)=>"([0-9a-f]{6})[0-9a-f]*"/);
    if (!found) throw new Error(`${name}@${version}: ${entry} does not name its chunks in the known way`);
    const ending = `${found[1]}${found[3]}${found[2]}`;
    const chunks = names.filter(chunk => chunk.endsWith(ending));
    if (chunks.length === 0) throw new Error(`${name}@${version}: no chunk *${ending} beside ${entry}`);
    for (const file of [entry, ...chunks]) chosen.add(file);
  }
  const base = `/npm/${name}@${version}`;
  return [
    ...[...chosen].sort().map(file => ({ path: `${base}/dist/${file}`, source: join(root, 'dist', file) })),
    { path: `${base}/LICENSE`, source: join(root, 'LICENSE'), mime: 'text/plain; charset=utf-8' },
  ];
}

const compressors = {
  gz: content => promisify(gzip)(content, { level: 9 }),
  br: content =>
    promisify(brotliCompress)(content, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
    }),
};

async function build() {
  await install();
  await mkdir(out, { recursive: true });
  const files = [...(await ownFiles()), ...(await Promise.all(PACKAGES.map(packageFiles))).flat()];
  const total = { files: files.length, plain: 0, gz: 0, br: 0 };
  // Some chunks are the same in two builds: one pair of compressed files serves both paths.
  const packed = new Map();
  const pack = async (file, content) => {
    for (const [ending, compress] of Object.entries(compressors)) {
      const target = join(out, `${file}.${ending}`);
      let bytes = await read(target);
      if (!bytes) await put(target, (bytes = await compress(content)));
      total[ending] += bytes.length;
    }
  };
  const manifest = await Promise.all(
    files.map(async ({ path, source, mime = MIME[extname(source)] }) => {
      const content = await readFile(source);
      const sha256 = hash(content);
      const file = sha256.slice(0, 32);
      total.plain += content.length;
      if (!packed.has(file)) packed.set(file, pack(file, content));
      await packed.get(file);
      return { path, file, mime, size: content.length, sha256 };
    }),
  );
  manifest.sort((a, b) => (a.path < b.path ? -1 : 1));
  manifest.forEach(({ path }, i) => {
    if (path === manifest[i - 1]?.path) throw new Error(`two files want the path ${path}`);
  });
  const kept = new Set(['manifest.json', 'stamp', ...manifest.flatMap(({ file }) => [`${file}.gz`, `${file}.br`])]);
  for (const name of await readdir(out)) if (!kept.has(name)) await rm(join(out, name), { recursive: true });
  await put(join(out, 'manifest.json'), `[\n${manifest.map(entry => JSON.stringify(entry)).join(',\n')}\n]\n`);
  return total;
}

const stamp = join(out, 'stamp');
const wanted = await inputs();
if (process.argv.includes('--force') || String(await read(stamp)) !== wanted || !existsSync(join(out, 'manifest.json'))) {
  await rm(stamp, { force: true });
  const { files, plain, gz, br } = await build();
  await put(stamp, wanted);
  const kb = bytes => `${Math.round(bytes / 1000)} kB`;
  console.log(`web: ${files} files, ${kb(plain)} plain, ${kb(gz)} gzip, ${kb(br)} brotli`);
}
