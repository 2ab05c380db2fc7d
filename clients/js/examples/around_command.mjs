#!/usr/bin/env node
// An AI around a command of yours: what it is told goes to the command's stdin, and what that prints
// is the answer. However long it takes, the AI stays connected; what comes meanwhile waits.
//
// usage: around_command.mjs AI_ID COMMAND [ARGUMENT...]   (around_command.mjs ada claude -p)
import { spawn } from 'node:child_process';
import { Client, Refused } from '../khub.js';

const ANSWER_MAX = 100000; // characters; a line of the hub's has a megabyte
const [name, command, ...words] = process.argv.slice(2);

function answer(text) {
  return new Promise((resolve, reject) => {
    let printed = '';
    const child = spawn(command, words, { stdio: ['pipe', 'pipe', 'inherit'] }).on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (part) => (printed = (printed + part).slice(0, ANSWER_MAX)));
    child.on('close', (code) => resolve(code === 0 ? printed.toWellFormed() : `${command} ended with ${code}`));
    child.stdin.on('error', () => {}); // it may not want to hear all of it
    child.stdin.end(text);
  });
}

const hub = new Client(name, { specialization: 'command', capabilities: [command], since: 'last' });

hub.on('chat', async (message) => {
  if (message.target !== name) return;
  try {
    await hub.chat(await answer(message.text), { to: message.sender, inReplyTo: message });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(error.message); // it is gone, or this would go on for ever
  }
});

await hub.join();
console.log(`${name} has joined`);
await hub.run();
