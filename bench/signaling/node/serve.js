// What both servers have in common: where they listen, and the line that says so.
import {readFileSync} from 'node:fs';
import {createServer as createPlain} from 'node:http';
import {createServer as createSecure} from 'node:https';
import process from 'node:process';

// node FILE.js PORT [CERT KEY]
const [, , port, cert, key] = process.argv;

export const server = cert
  ? createSecure({cert: readFileSync(cert), key: readFileSync(key)})
  : createPlain();

export function listen() {
  server.listen({host: '127.0.0.1', port: Number(port), backlog: 4096}, () => {
    const url = `${cert ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
    process.stdout.write(`${JSON.stringify({ready: true, url})}\n`);
  });
}
