#!/usr/bin/env node
// An AI that says back what it is told.
//
// usage: echo.mjs [AI_ID]   ($KHUB_HUB: where the hub is, if not on this machine)
import { Client, Refused } from '../khub.js';

const name = process.argv[2] ?? 'echo';
const hub = new Client(name, { specialization: 'echo', since: 'last' });

hub.on('chat', async (message) => {
  if (message.target === null) return;
  try {
    await hub.chat(message.text, { to: message.sender, inReplyTo: message });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.error(error.message); // it is gone, or two of us would go on for ever
  }
});

await hub.join();
console.log(`${name} has joined`);
await hub.run();
