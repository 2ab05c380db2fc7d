// A visit of clients/js to a hub (js_doors.py): it is told in a line of its options and how many of
// the writer's chats it takes, prints those, and closes at the end of its input.
import { Client, Lines } from '../../clients/js/khub.js';

async function visit({ aiId, count, ...options }) {
  const hub = new Client(aiId, options);
  await hub.join();
  for (let left = count; left > 0;) {
    const message = await hub.receive();
    if (message.sender !== 'writer' || message.type !== 'chat') continue;
    process.stdout.write(`${JSON.stringify([message.seq, message.text])}\n`);
    left -= 1;
  }
  return hub;
}

let visiting;
const lines = new Lines(1 << 20, (line) => {
  visiting = visit(JSON.parse(line));
});
process.stdin.on('data', (bytes) => lines.feed(bytes));
process.stdin.on('end', async () => (await visiting).close());
