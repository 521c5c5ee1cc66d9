// Draws the state: a card for each party, a row for each message. Marks what the last step changed.

/** An element with attributes and children; text is never taken for markup. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The sign of a change, with what was there before. */
const dot = (was) => el('b', { class: 'mark', title: `was ${was}`, 'aria-label': `changed, was ${was}` }, '●');

/** A timestamp; its changed entries are marked. `was` is undefined where there was none. */
function timestamp(ts, was) {
  const changed = was !== undefined && !same(ts, was);
  const entries = ts.map((count, place) =>
    el('span', { class: changed && was[place] !== count ? 'entry changed' : 'entry' }, String(count)));
  const parts = entries.flatMap((entry, place) => (place ? [',', entry] : [entry]));
  return el('span', { class: 'ts' }, '[', ...parts, ']', changed ? dot(`[${was}]`) : null);
}

/** A value in words, marked if it changed. */
function words(text, was) {
  const changed = was !== undefined && was !== text;
  return el('span', { class: changed ? 'changed' : '' }, text, changed ? dot(was || 'nothing') : null);
}

/** The rows of a list by their `id`: those that are new, changed, and gone are marked. */
function rows(after, before, cells) {
  const old = new Map(before.map((row) => [row.id, row]));
  const drawn = after.map((row) => {
    const was = old.get(row.id);
    old.delete(row.id);
    const first = was ? null : el('b', { class: 'plus', 'aria-label': 'new' }, '+');
    return el('tr', { class: was ? '' : 'new' }, ...cells(row, was, first));
  });
  const gone = [...old.values()].map((row) =>
    el('tr', { class: 'gone', 'aria-label': 'gone' }, ...cells(row, undefined, '−')));
  return [...drawn, ...gone];
}

/** A table, or what is said if it has no rows. */
export function table(title, heads, body, empty) {
  const heading = title ? el('h4', {}, title) : null;
  if (body.length === 0) {
    return el('div', { class: 'field' }, heading, el('span', { class: 'faint' }, empty));
  }
  const head = el('tr', {}, ...heads.map((text) => el('th', { scope: 'col' }, text)));
  return el('div', { class: 'field' }, heading,
    el('div', { class: 'scroll' }, el('table', {}, el('thead', {}, head), el('tbody', {}, ...body))));
}

const cell = (...children) => el('td', {}, ...children);

/** The name of a request. A real front end has a long number, which is cut; the pointer shows it whole. */
function request(id) {
  const cut = id.replace(/^fe\d{5,}(?=\d{4}#)/, 'fe…');
  return cut === id ? id : el('span', { title: id }, cut);
}

/** Stable, or waiting, and for what. */
function status(row) {
  if (!row.waits) return el('b', { class: 'tag stable' }, 'stable');
  return el('b', { class: 'tag waits' }, `waits for ${row.waits_for ?? 'nothing'}`);
}

function field(name, content, hint) {
  return el('div', { class: 'pair' }, el('dt', { title: hint }, name), el('dd', {}, content));
}

function manager({ name, before, after }) {
  const shows = after.shows ? ` shows ${after.shows}` : '';
  const value = (state) => (state.value?.length ? state.value.join(' ') : 'empty');
  const ops = after.value !== undefined; // A running replica manager shows no payloads.

  const log = rows(after.log, before.log, (row, was, first) => [
    cell(first, ' ', row.id), ops ? cell(row.op) : null, cell(request(row.update)), cell(timestamp(row.prev)),
    cell(timestamp(row.ts)),
    cell(status(row), was && !same([row.waits, row.waits_for], [was.waits, was.waits_for])
      ? dot(was.waits ? `waiting for ${was.waits_for ?? 'nothing'}` : 'stable') : null)]);
  const executed = rows(after.executed, before.executed, (row, was, first) => [
    cell(first, ' ', request(row.id)), cell(timestamp(row.ts, was?.ts))]);
  const others = (state) => state.table.filter((row) => row.id !== name); // What it holds it knows anyway.
  const peers = rows(others(after), others(before), (row, was, first) => [
    cell(first, ' ', row.id), cell(timestamp(row.ts, was?.ts))]);
  const queries = rows(after.queries, before.queries, (row, was, first) => [
    cell(first, ' ', request(row.id)), cell(timestamp(row.prev)),
    cell(el('b', { class: 'tag waits' }, `waits for ${row.waits_for ?? 'nothing'}`)),
    row.held_ms === undefined ? null : cell(`for ${((row.held_ms ?? 0) / 1000).toFixed(1)} s`)]);
  return [
    el('dl', {},
      ops ? field('value', el('span', {}, words(value(after), value(before)), shows),
        'the updates that ran here, in order') : null,
      field('value timestamp', timestamp(after.value_ts, before.value_ts), 'what the value reflects'),
      field('replica timestamp', timestamp(after.replica_ts, before.replica_ts), 'what the log has received'),
      field('discarded up to', timestamp(after.discarded, before.discarded), 'what has left the log')),
    table('Log', ['record', ...(ops ? ['update'] : []), 'request', 'after', 'timestamp', ''], log, 'empty'),
    table('Executed', ['request', 'timestamp'], executed, 'none'),
    table('Timestamp table', ['manager', 'is known to hold'], peers, 'none'),
    queries.length ? table('Held-back queries', ['query', 'after', '', ''], queries, 'none') : null,
  ];
}

function frontEnd({ before, after }) {
  const requests = rows(after.requests, before.requests, (row, was, first) => [
    cell(first, ' ', row.id), cell(row.what), cell(timestamp(row.prev))]);
  return [
    el('dl', {},
      field('has seen', timestamp(after.ts, before.ts), 'all that the client has seen'),
      after.answer ? field('last answer', words(after.answer, before.answer ?? 'none')) : null,
      after.outbox.length ? field('still to ask', words(after.outbox.join(', '), before.outbox.join(', '))) : null),
    table('Unanswered requests', ['', 'what', 'after'], requests, 'none'),
  ];
}

/** The card of a party. */
export function card(party) {
  const changed = party.changes.length > 0;
  const isManager = party.kind === 'manager';
  const old = new Set(party.before.notes);
  const notes = party.after.notes.map((note) =>
    el('li', {}, note, old.has(note) ? null : dot('not so')));
  const heading = el('h3', {}, party.name, ' ',
    el('small', {}, isManager ? 'replica manager' : 'front end'), changed ? el('b', { class: 'mark' }, ' ●') : null);
  return el('article', { class: `card ${party.kind}${changed ? ' touched' : ''}`, 'data-party': party.name },
    heading, ...(isManager ? manager(party) : frontEnd(party)),
    notes.length ? el('ul', { class: 'notes' }, ...notes) : null);
}

/** The row of a message. */
export function message({ text, kind, mark }) {
  const sign = { new: el('b', { class: 'plus', 'aria-label': 'new' }, '+ '), gone: '− ' }[mark] ?? '';
  const [way, ...rest] = text.split(': ');
  return el('li', { class: mark, 'data-kind': kind }, sign, el('b', {}, way), ' ', rest.join(': '));
}
