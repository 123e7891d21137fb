// SPDX-License-Identifier: Apache-2.0
// For test_mcp_client.sh: the official client of the Model Context Protocol calls each tool of
// kubectl holdpoint mcp, which asks an API server (here) that knows one hold.
//
// usage: node mcp_client.mjs FOLDER   with server.key, server.crt and a `kubectl` in it
import assert from 'node:assert/strict';
import fs from 'node:fs';
import https from 'node:https';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const folder = process.argv[2];
let state = 'pending';
const seen = [];

const server = https.createServer(
  { key: fs.readFileSync(`${folder}/server.key`), cert: fs.readFileSync(`${folder}/server.crt`) },
  (request, response) => {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      const spec = JSON.parse(body).spec;
      seen.push(spec);
      const answer = (status, object) => {
        response.writeHead(status, { 'Content-Type': 'application/json', Warning: '299 - "written down"' });
        response.end(JSON.stringify(object));
      };
      if (spec.hold !== undefined && spec.hold !== 42)
        return answer(403, { message: `no hold ${spec.hold} of yours` });
      answer(201, { status: { more: false, holds: [{ hold: 42, state, operation: 'DELETE', resource: 'pods',
        namespace: 'prod', name: 'web', rules: 'agents/deletes', approverNames: 'sre', decidedBy: null }] } });
    });
  });
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
fs.writeFileSync(`${folder}/config.json`, JSON.stringify({
  clusters: [{ cluster: { server: `https://127.0.0.1:${server.address().port}`,
    'certificate-authority-data': fs.readFileSync(`${folder}/server.crt`).toString('base64') } }],
  users: [{ user: { token: 'of-the-agent' } }] }));

const client = new Client({ name: 'test', version: '1' });
await client.connect(new StdioClientTransport({ command: `${process.env.HOLDPOINT_BIN}/kubectl-holdpoint`, args: ['mcp'],
  env: { ...process.env, PATH: `${folder}:${process.env.PATH}`, no_proxy: '*' }, stderr: 'inherit' }));
assert.equal(client.getServerVersion().name, 'holdpoint');
assert.match(client.getInstructions(), /cannot approve anything/);

const { tools } = await client.listTools();
assert.deepEqual(tools.map((tool) => tool.name).sort(),
  ['hold_comment', 'hold_status', 'hold_wait', 'hold_withdraw', 'holds_mine']);

// The client checks structuredContent against each tool's outputSchema.
const call = async (name, args, options) => {
  const result = await client.callTool({ name, arguments: args }, undefined, options);
  assert.equal(result.content[0].type, 'text');
  assert.equal(result.structuredContent.message, result.content[0].text);
  return result;
};
let result = await call('holds_mine', {});
assert.equal(result.structuredContent.next_step, 'wait_again');
assert.equal(result.structuredContent.holds[0].hold, 42);
result = await call('hold_status', { hold: 42 });
assert.match(result.content[0].text, /one of: sre[^]*Tell your user who has to approve/);
result = await call('hold_comment', { hold: 42, text: 'the release of tonight' });
assert.match(result.content[0].text, /written down/);
assert.deepEqual(seen.at(-1), { decision: 'Comment', hold: 42, reason: 'the release of tonight' });
const progress = [];
setTimeout(() => (state = 'approved'), 3000);
result = await call('hold_wait', { holds: [42], timeout_s: 40 }, { onprogress: (p) => progress.push(p) });
assert.equal(result.structuredContent.next_step, 'repeat_unchanged');
assert.match(result.content[0].text, /Repeat exactly the call that was held, unchanged/);
assert.ok(progress.length > 0);
result = await call('hold_withdraw', { hold: 42, reason: 'not needed' });
assert.equal(result.structuredContent.next_step, 'stop');
result = await call('hold_status', { hold: 7 });
assert.equal(result.isError, true);
assert.match(result.content[0].text, /no hold 7 of yours/);
await client.ping();
await client.close();
server.close();
console.log('each tool was called');
