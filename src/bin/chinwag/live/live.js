// The page of a running cluster: looks again and again, and draws with the explorer's cards.

import { card, el } from './cards.js';
import { linkTable, links, ring } from './links.js';

const $ = (id) => document.getElementById(id);
const EVERY_MS = 500;
const OLD_MS = 1500; // a busy replica manager shows itself less often

let paused = false;
let heard = null; // when the cluster was heard last
let last = new Map(); // the state of each replica manager at the last look

/** What is marked as a change: not that time goes by, nor gossip that says nothing new. */
const drawn = (state) => JSON.stringify(state, (key, value) => (['gossip', 'held_ms'].includes(key) ? null : value));

/** The card of one that answers, without the rows of those who were replaced. */
function running({ name, live }, replaced) {
  const those = (state) => ({ ...state, table: state.table.filter((row) => !replaced.includes(row.id)) });
  const [before, after] = [those(last.get(name) ?? live.state), those(live.state)];
  const changes = drawn(before) === drawn(after) ? [] : ['state'];
  const shown = card({ name, kind: 'manager', before, after, changes });
  if (live.age_ms > OLD_MS) {
    shown.querySelector('h3').after(el('p', { class: 'error' },
      `As of ${(live.age_ms / 1000).toFixed(1)} s ago: it is busy, or hangs.`));
  }
  return shown;
}

const silent = ({ name, why }) => el('article', { class: 'card silent', 'data-party': name },
  el('h3', {}, name, ' ', el('small', {}, 'replica manager')),
  why ? el('p', { class: 'error' }, why) : el('p', { class: 'faint' }, 'was asked just now'));

const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function draw({ cluster, service, replicas, replaced }) {
  const up = replicas.filter(({ live }) => live?.state);
  const sum = (field) => up.reduce((all, { live }) => all + live.state[field], 0);
  $('cluster').textContent = `${cluster} · ${service}`;
  // At first it has asked nobody yet: then nothing is known, and that is no alarm.
  const asked = last.size > 0 || up.length > 0 || replicas.some(({ live, why }) => live || why);
  $('about').textContent = !asked ? 'Asking the replica managers.' : [
    `${up.length} of ${replicas.length} replica managers answer.`,
    `${counted(sum('waiting_updates'), 'update waits for its', 'updates wait for their')} past,`,
    `${counted(sum('held_queries'), 'query is', 'queries are')} held back.`,
    replaced.length ? `Replaced for good: ${replaced.join(', ')}.` : '',
  ].join(' ');
  const all = links(replicas, last);
  $('ring').replaceChildren(...[ring(replicas, all)].filter((picture) => picture));
  $('links').replaceChildren(linkTable(all));
  $('parties').replaceChildren(...replicas.map((one) => (one.live?.state ? running(one, replaced) : silent(one))));
  last = new Map(up.map(({ name, live }) => [name, live.state]));
}

async function look() {
  if (!paused && !document.hidden) {
    try {
      const answer = await fetch('/state');
      if (!answer.ok) throw new Error(await answer.text());
      const seen = await answer.json();
      if (seen.problem) throw new Error(seen.problem);
      if (!paused) {
        draw(seen);
        heard = performance.now();
      }
      document.body.classList.toggle('paused', paused);
      document.body.classList.remove('unheard');
      document.body.dataset.looks = Number(document.body.dataset.looks ?? 0) + 1;
    } catch (error) {
      const age = heard === null ? '' : ` What is shown is ${Math.round((performance.now() - heard) / 1000)} s old.`;
      $('about').textContent = `Nothing is heard of the cluster: ${error.message}.${age}`;
      document.body.classList.add('unheard');
    }
  }
  setTimeout(look, EVERY_MS);
}

function pause() {
  paused = !paused;
  document.body.classList.toggle('paused', paused);
  $('pause').textContent = paused ? 'Go on' : 'Pause';
}

$('pause').addEventListener('click', pause);
document.addEventListener('keydown', ({ key, target }) => {
  if (key === 'p' && target.tagName !== 'BUTTON') pause();
});
look();
