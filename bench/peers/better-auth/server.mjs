// better-auth over better-sqlite3 as its documentation sets it up for production, with the jwt plugin signing RS256.
// Arguments: the port and the data directory. It answers once the schema is there, and ends on SIGTERM.
import { createServer } from "node:http";
import { join } from "node:path";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { jwt } from "better-auth/plugins";
import Database from "better-sqlite3";

const [port, data] = process.argv.slice(2);
const database = new Database(join(data, "better-auth.db"));
// Usher's durability: a write-ahead log that is synced at every commit.
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");

const options = {
  baseURL: `http://localhost:${port}`,
  secret: "a secret for benchmarks, at least 32 characters",
  database,
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { disabled: true },
  plugins: [jwt({ jwks: { keyPairConfig: { alg: "RS256", modulusLength: 2048 } } })],
};
const { runMigrations } = await getMigrations(options);
await runMigrations();
const auth = betterAuth(options);
const answer = toNodeHandler(auth);

const server = createServer((request, response) => {
  if (request.url === "/healthz") {
    response.writeHead(200, { "content-type": "text/plain" });
    response.end("ok\n");
    return;
  }
  answer(request, response);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
