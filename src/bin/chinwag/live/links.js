// Gossip between each two replica managers: what flows, and how far the other end is behind.

import { el, table } from './cards.js';

const DRAWN_MAX = 8; // replica managers; more of them do not fit a ring
const ROWS_MAX = 40;

/** Each direction of each pair. What one end says is missing if that end is silent. */
export function links(replicas, last) {
  const of = (state, peer) => state?.gossip.find((row) => row.peer === peer);
  const state = (one) => one.live?.state;
  return replicas.flatMap((from) => replicas.filter((to) => to !== from).map((to) => {
    const [sends, hears] = [of(state(from), to.name), of(state(to), from.name)];
    const before = of(last.get(to.name), from.name);
    return {
      from: from.name, to: to.name, lag: sends?.lag, sent: sends?.sent, received: hears?.received,
      heard: hears?.heard_ago_ms, flows: before !== undefined && hears?.received > before.received,
    };
  }));
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s ago`;

function row({ from, to, lag, sent, received, heard, flows }) {
  const unknown = el('span', { class: 'faint' }, '?');
  const last = heard === null ? 'never' : heard === undefined ? unknown : seconds(heard);
  const behind = lag === undefined ? unknown.cloneNode(true)
    : lag === 0 ? el('b', { class: 'tag stable' }, 'has all') : el('b', { class: 'tag waits' }, `lacks ${lag}`);
  const now = flows ? el('b', { class: 'flows' }, '● flows') : '';
  const cells = [`${from} → ${to}`, behind, last, now, sent ?? '?', received ?? '?'];
  return el('tr', { 'data-link': `${from}-${to}` }, ...cells.map((content) => el('td', {}, content)));
}

/** The links as a table, those that are most behind first. */
export function linkTable(all) {
  const sorted = all.toSorted((a, b) => (b.lag ?? 0) - (a.lag ?? 0));
  const heads = ['link', 'other end', 'last heard', '', 'sent', 'received'];
  const hidden = all.length - ROWS_MAX;
  return el('div', {}, table('', heads, sorted.slice(0, ROWS_MAX).map(row), 'There is only one: nobody to gossip with.'),
    hidden > 0 ? el('p', { class: 'faint' }, `and ${hidden} more, none of them further behind`) : null);
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The links as a picture: a ring of replica managers, an arrow each way. */
export function ring(replicas, all) {
  if (replicas.length < 2 || replicas.length > DRAWN_MAX) return null;
  const [size, radius, node] = [340, 118, 30];
  const at = new Map(replicas.map(({ name }, place) => {
    const angle = (place / replicas.length) * 2 * Math.PI - Math.PI / 2;
    return [name, [size / 2 + radius * Math.cos(angle), size / 2 + radius * Math.sin(angle)]];
  }));
  const arrows = all.map(({ from, to, lag, flows }) => {
    const [[x1, y1], [x2, y2]] = [at.get(from), at.get(to)];
    const length = Math.hypot(x2 - x1, y2 - y1);
    const [dx, dy] = [(x2 - x1) / length, (y2 - y1) / length];
    // Each way a little to its own side. `t` along the arrow, `n` across it.
    const point = (t, n) => [x1 + dx * t - dy * (n - 8), y1 + dy * t + dx * (n - 8)];
    const [start, end] = [point(node + 3, 0), point(length - node - 9, 0)];
    const head = [point(length - node - 1, 0), point(length - node - 10, 5), point(length - node - 10, -5)];
    const [x, y] = point(length * 0.6, 0);
    const label = `+${lag > 9999 ? '9999…' : lag}`;
    const width = label.length * 8 + 8;
    return svg('g', { class: `${flows ? 'flows' : ''} ${lag > 0 ? 'behind' : ''}` },
      svg('line', { class: 'link', x1: start[0], y1: start[1], x2: end[0], y2: end[1] }),
      svg('polygon', { class: 'head', points: head.map((corner) => corner.join()).join(' ') }),
      ...(lag > 0 ? [svg('rect', { class: 'plate', x: x - width / 2, y: y - 9, width, height: 18, rx: 4 }),
        svg('text', { x, y }, label)] : []));
  });
  const nodes = replicas.map(({ name, live }) => {
    const [x, y] = at.get(name);
    const held = live?.state?.held_queries ?? 0;
    return svg('g', { class: live?.state ? '' : 'silent' },
      svg('circle', { class: 'node', cx: x, cy: y, r: node }),
      svg('text', { x, y: held ? y - 6 : y }, name),
      ...(held ? [svg('text', { x, y: y + 10, class: 'small' }, `holds ${held}`)] : []));
  });
  const behind = all.filter(({ lag }) => lag > 0).map(({ from, to, lag }) => `${to} lacks ${lag} of ${from}`);
  const said = behind.length ? behind.join(', ') : 'all have all';
  const lowest = Math.max(...[...at.values()].map(([, y]) => y));
  const height = lowest + size / 2 - radius;
  return svg('svg', { viewBox: `0 0 ${size} ${height}`, role: 'img', 'aria-label': `Gossip: ${said}` }, ...arrows, ...nodes);
}
