// The page's beginning: a link to the hub, and whether it is there.
import { Client } from './khub.js';

const STATES = {
  waiting: 'not connected; trying again…', connecting: 'connecting…', greeting: 'saying hello…', joined: 'connected',
  ended: 'ended',
};

const shown = document.querySelector('#connection');

function show(state, error) {
  shown.dataset.state = state;
  shown.textContent = error ? `${STATES[state]} (${error.message})` : STATES[state];
}

const url = new URL('ws', document.baseURI);
url.protocol = url.protocol.replace('http', 'ws');
const hub = new Client(`page-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`,
  { address: url.href, observer: true, specialization: 'page', onState: show });
hub.run().catch((error) => show('ended', error));
