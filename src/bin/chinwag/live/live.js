// The page of a running cluster: looks again and again, and draws with the explorer's cards.

import { card, el, table } from './cards.js';

const $ = (id) => document.getElementById(id);
const EVERY_MS = 500;

let paused = false;
let last = new Map(); // the state of each replica manager at the last look

const nothing = { value_ts: [], replica_ts: [], discarded: [], log: [], executed: [], table: [], queries: [], notes: [] };

function party({ name, live }) {
  const after = live.state;
  const before = last.get(name) ?? { ...nothing, ...after };
  const drawn = (state) => JSON.stringify({ ...state, gossip: null }); // Gossip that says nothing new is no change.
  return { name, kind: 'manager', before, after, changes: drawn(before) === drawn(after) ? [] : ['state'] };
}

const silent = ({ name }) => el('article', { class: 'card', 'data-party': name },
  el('h3', {}, name, ' ', el('small', {}, 'replica manager')),
  el('p', { class: 'error' }, 'does not answer'));

function gossipRow(name, before, { peer, lag, sent, received, heard_ago_ms }) {
  const was = before?.gossip?.find((row) => row.peer === peer);
  const flows = was && received > was.received;
  const heard = heard_ago_ms === null ? 'never' : `${(heard_ago_ms / 1000).toFixed(1)} s ago`;
  const behind = lag === 0 ? el('b', { class: 'tag stable' }, 'equal') : el('b', { class: 'tag waits' }, `lacks ${lag}`);
  return el('tr', { 'data-link': `${peer}-${name}` }, ...[
    `${peer} → ${name}`, heard, flows ? '▶ flows' : '', received, sent, behind,
  ].map((content) => el('td', {}, content)));
}

function draw(all) {
  const up = all.filter(({ live }) => live?.state);
  const waiting = up.reduce((sum, { live }) => sum + live.state.waiting, 0);
  const held = up.reduce((sum, { live }) => sum + live.state.queries.length, 0);
  const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
  $('about').textContent = `${up.length} of ${all.length} replica managers answer. `
    + `${plural(waiting, 'update waits', 'updates wait')} for the past, ${plural(held, 'query is', 'queries are')} held back.`;
  const rows = up.flatMap(({ name, live }) => live.state.gossip.map((row) => gossipRow(name, last.get(name), row)));
  $('gossip').replaceChildren(table('', ['link', 'heard', '', 'received', 'sent back', 'the peer'], rows, 'no peers'));
  $('parties').replaceChildren(...all.map((one) => (one.live?.state ? card(party(one)) : silent(one))));
  last = new Map(up.map(({ name, live }) => [name, live.state]));
}

async function look() {
  if (!paused) {
    try {
      const answer = await fetch('/state');
      if (!answer.ok) throw new Error(await answer.text());
      const all = await answer.json();
      if (!paused) draw(all);
    } catch (error) {
      $('about').textContent = `The cluster does not answer any more: ${error.message}`;
    }
  }
  setTimeout(look, EVERY_MS);
}

$('pause').addEventListener('click', () => {
  paused = !paused;
  $('pause').textContent = paused ? 'Go on' : 'Pause';
});
look();
