// The page: where it is (the address says it), what it asks the server, and what the reader can do.

import { card, el, message, table } from './cards.js';

const $ = (id) => document.getElementById(id);
const RANDOM_STEPS = 10;
const STEP_MARGIN = 24; // pixels at the left of the step that the diagram is scrolled to
const ALL_FORMATS = ['svg', 'itf.json', 'shiviz.log', 'txt', 'scenario.txt', 'replay.json'];

let here = null; // the place that is shown
let shown = null; // the server's answer for it
let catalogue = null;
let asked = 0; // the number of the latest question: older answers are not drawn

// ---- the address

function placeOf(hash) {
  const said = new URLSearchParams(hash.replace(/^#/, ''));
  const numbers = (said.get('path') ?? '').split('.').filter((part) => part !== '').map(Number);
  const run = said.get('run');
  return {
    // A run that was recorded is no path of a model.
    place: run ? { run, mutant: said.get('bug'), at: said.has('at') ? Number(said.get('at')) : null } : {
      model: said.get('model') ?? 'pair',
      mutant: said.get('bug'),
      path: numbers,
      until: said.get('until'),
      at: said.has('at') ? Number(said.get('at')) : null,
    },
    find: said.get('find'),
  };
}

function hashOf(place, find) {
  const said = new URLSearchParams(place.run ? { run: place.run } : { model: place.model });
  if (place.mutant) said.set('bug', place.mutant);
  if (place.run) {
    if (place.at !== null) said.set('at', place.at);
  } else if (find) said.set('find', find);
  else {
    if (place.path.length) said.set('path', place.path.join('.'));
    if (place.until) said.set('until', place.until);
    if (place.at !== null) said.set('at', place.at);
  }
  return `#${said}`;
}

const startOfRun = (run, mutant) => ({ run, mutant, at: null });
const start = (model, mutant) => ({ model, mutant, path: [], until: null, at: null });

/** Goes to a place; the browser's own Back comes back from it. */
function go(place) {
  const hash = hashOf(place);
  if (hash === location.hash) load();
  else location.hash = hash;
}

/** Goes to a position of the path that is shown. */
function goTo(at) {
  if (!shown) return;
  const within = Math.max(0, Math.min(at, shown.length));
  if (within !== shown.at) go({ ...here, at: within === shown.length ? null : within });
}

// ---- the server

async function ask(path, body) {
  const answer = await fetch(path, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Says what goes on while it goes on, if it takes long enough to be read. */
async function busy(words, work) {
  const late = setTimeout(() => { $('busy').textContent = `${words} …`; $('busy').hidden = false; }, 150);
  try {
    return await work();
  } catch (error) {
    tellNews([el('p', { class: 'error' }, `Cannot do that: ${error.message}`)]);
    return null;
  } finally {
    clearTimeout(late);
    $('busy').hidden = true;
  }
}

async function load() {
  const number = ++asked;
  const { place, find } = placeOf(location.hash);
  if (find) {
    const found = await busy(`Looking for the shortest way to “${find}”`, () =>
      ask('/api/find', { ...place, until: find }));
    if (found && number === asked) {
      history.replaceState(null, '', hashOf(found.place));
      load();
    }
    return;
  }
  const state = await busy('Taking the steps', () => ask(place.run ? '/api/run' : '/api/state', place));
  if (!state || number !== asked) return;
  [here, shown] = [place, state];
  draw();
}

// ---- drawing

function draw() {
  drawHead();
  drawNews();
  $('parties').replaceChildren(...shown.parties.filter((party) => party.after).map(seen).map(card));
  const messages = shown.messages ?? [];
  const flying = messages.filter((one) => one.mark !== 'gone').length;
  $('messages-count').textContent = shown.messages ? `${flying || 'none'}` : 'not recorded';
  $('messages').replaceChildren(...messages.map(message));
  drawSteps();
  drawPath();
  const picture = new DOMParser().parseFromString(shown.diagram, 'image/svg+xml').documentElement;
  $('diagram').replaceChildren(document.importNode(picture, true));
  showLastStep();
  document.body.dataset.at = shown.at;
  document.title = `${here.mutant ?? here.model ?? here.run}, step ${shown.at} · chinwag explorer`;
}

/** Scrolls the diagram to what happened last, which may be at its far side. */
function showLastStep() {
  const box = $('diagram');
  box.scrollTop = box.scrollHeight;
  const last = [...box.querySelectorAll('circle')].at(-1)?.getBoundingClientRect();
  if (last) box.scrollLeft += last.left - box.getBoundingClientRect().left - STEP_MARGIN;
}

/** A party that was not there before was nothing then. */
function seen(party) {
  const lists = Object.entries(party.after).map(([field, is]) => [field, Array.isArray(is) ? [] : is]);
  return party.before ? party : { ...party, before: Object.fromEntries(lists) };
}

function drawHead() {
  $('model').value = here.model ?? '';
  $('bug').value = here.mutant ?? '';
  $('bug').disabled = Boolean(here.run) && !shown.exports.includes('scenario.txt');
  const about = here.run ? [[`${shown.about}.`, ...shown.tale].join(' ')]
    : [`${shown.about}. It is there for: ${shown.purpose}.`];
  for (const button of document.querySelectorAll('[data-format]')) {
    button.hidden = !(shown.exports ?? ALL_FORMATS).includes(button.dataset.format);
  }
  for (const id of ['violation', 'random', 'search', 'group']) $(id).disabled = Boolean(here.run);
  $('footer').hidden = Boolean(here.run); // It is of models.
  if (shown.slip) about.push(el('br'), `The bug: “${here.mutant}” — ${shown.slip}.`);
  $('about').replaceChildren(...about);
  $('position').textContent = `step ${shown.at} of ${shown.length}`;
  for (const id of ['first', 'back']) $(id).disabled = shown.at === 0;
  for (const id of ['forward', 'last']) $(id).disabled = shown.at === shown.length;
}

function tellNews(content) {
  $('news').replaceChildren(...content);
}

function drawNews() {
  const news = shown.last.map((line) => el('p', { class: 'last' }, line));
  if (shown.said) news.unshift(el('p', { class: 'seen' }, el('code', {}, shown.said)));
  if (shown.at === 0) {
    news.push(el('p', { class: 'last' }, `The start. ${shown.length ? 'Go forward with → .' : 'Take a step, or press f for famous runs.'}`));
  }
  if (shown.found || shown.headline) {
    const isBad = shown.found ? shown.violated.includes(shown.found) : shown.judged === 'bad';
    const others = shown.headline ? [] : shown.violated.filter((sentence) => sentence !== shown.found);
    // The diagram counts what arrives at once with a step (a reduction), too.
    const verdict = shown.verdict.replace(/at step \d+/, '$& of the diagram');
    const lines = others.length ? [...shown.explain, `Violated as well: ${others.join('; ')}.`] : shown.explain;
    const head = shown.headline ?? `${isBad ? 'Violated' : 'Seen'}: ${shown.found}`;
    const sign = isBad ? '✗ ' : shown.judged === 'not' ? '' : '✓ ';
    news.push(el('div', { class: isBad ? 'violated' : 'witnessed', role: 'alert' },
      el('h2', {}, `${sign}${head}`), el('p', {}, verdict),
      el('ul', {}, ...lines.map((line) => el('li', {}, line))), shown.beside ? beside(shown.beside) : null));
  }
  if (shown.note) news.push(el('p', { class: 'last' }, shown.note));
  if (shown.seen.length) news.push(el('p', { class: 'seen' }, `Seen so far: ${shown.seen.join('; ')}.`));
  tellNews(news);
}

/** What should have been beside what was. */
function beside({ columns, rows }) {
  const body = rows.map(([what, ...texts]) => el('tr', {}, el('th', { scope: 'row' }, what),
    ...texts.map((text) => el('td', {}, text || 'nothing'))));
  return el('div', { class: 'scroll beside' }, table('', ['', ...columns], body, ''));
}

function drawSteps() {
  const wanted = $('search').value.toLowerCase();
  const by = $('group').value;
  const fits = shown.choices.filter((c) => `${c.kind} ${c.party} ${c.text}`.toLowerCase().includes(wanted));
  const groups = new Map();
  for (const choice of fits) groups.set(choice[by], [...(groups.get(choice[by]) ?? []), choice]);
  let key = 0;
  const drawn = [...groups].sort(([a], [b]) => a.localeCompare(b)).flatMap(([name, choices]) => [
    el('h3', {}, by === 'party' ? `at ${name}` : name),
    ...choices.map((choice) => {
      key += 1;
      return el('button', { class: 'step', 'data-number': choice.number, onclick: () => take(choice.number) },
        key <= 9 ? el('kbd', {}, String(key)) : null, ` ${choice.text}`);
    }),
  ]);
  const all = shown.choices.length;
  $('steps-count').textContent = fits.length === all ? `${all}` : `${fits.length} of ${all}`;
  if (here.run) {
    $('steps-count').textContent = 'none';
    $('steps').replaceChildren(
      el('p', { id: 'read-only' }, 'Read only: this is a recorded run, no path of a model. It can be walked back and forth, and nothing else can happen in it.'),
      ...shown.read_only.map((note) => el('p', { class: 'faint' }, note)));
    return;
  }
  const fair = shown.length > here.path.length && shown.at >= here.path.length;
  const why = fair ? 'The fair continuation: everything under way arrives, everyone gossips.' : 'Nothing can happen any more.';
  $('steps').replaceChildren(...(all === 0 ? [el('p', { class: 'faint' }, why)] : drawn));
}

function drawPath() {
  const texts = ['start', ...shown.texts];
  const items = texts.map((text, at) => el('li', { class: at === shown.at ? 'current' : '' },
    el('button', { class: 'plain', 'aria-current': at === shown.at ? 'step' : false, onclick: () => goTo(at) }, text)));
  $('path').replaceChildren(...items);
  const current = items[shown.at];
  $('path').scrollTop = current.offsetTop - $('path').offsetTop - $('path').clientHeight / 2;
}

// ---- what the reader can do

const untilHere = () => here.path.slice(0, shown.at);

function take(number) {
  $('search').value = '';
  go({ ...here, path: [...untilHere(), number], until: null, at: null });
}

async function jumpToViolation() {
  if (!shown || here.run || shown.violated.length) return;
  const found = await busy('Looking for the nearest violation', async () => {
    const end = shown.at < shown.length ? await ask('/api/state', { ...here, at: null }) : null;
    return end?.violated.length ? { place: { ...here, at: null } } : ask('/api/nearest', here);
  });
  if (found?.place) go(found.place);
  else if (found) tellNews([el('p', { class: 'last' }, found.note)]);
}

async function randomWalk() {
  if (!shown || here.run) return;
  const seed = Math.floor(Math.random() * 2 ** 32);
  const walked = await busy('Walking', () => ask('/api/walk', { place: here, seed, steps: RANDOM_STEPS }));
  if (walked) go(walked.place);
}

async function save(format) {
  const file = await busy('Writing', () =>
    here.run ? ask('/api/run', { ...here, format }) : ask('/api/export', { place: here, format }));
  if (!file) return;
  const address = URL.createObjectURL(new Blob([file.text]));
  el('a', { href: address, download: file.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

async function copyLink() {
  await navigator.clipboard.writeText(location.href);
  $('copy').textContent = 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy link'; }, 1500);
}

function openFamous() {
  $('famous').showModal();
  $('famous-search').focus();
  drawFamous();
}

function drawFamous() {
  const wanted = $('famous-search').value.toLowerCase();
  const fits = (name, about) => [name, about].join(' ').toLowerCase().includes(wanted);
  const line = (name, about, shown = name) => (fits(name, about) ? el('li', {}, shown, el('br'), about) : null);
  const link = (hash, name, about) =>
    line(name, about, el('a', { href: hash, onclick: () => $('famous').close() }, name));
  const lists = [
    ['Seeded bugs: the counterexample that finds each out', catalogue.mutants.filter((m) => m.by).map((m) =>
      link(hashOf(start(m.model, m.name), m.by), m.name, `${m.slip}; “${m.by}” in ${m.model}`))],
    ['Seeded bugs that nobody can tell from the protocol: they have no counterexample',
      catalogue.mutants.filter((m) => !m.by).map((m) => line(m.name, `${m.slip}; ${m.why}`))],
    ['Corner cases: how it comes that …', catalogue.witnesses.map((w) =>
      w.model && link(hashOf(start(w.model, null), w.name), w.name, `${w.source}, in ${w.model}`))],
    ['Corner cases, as scenarios', catalogue.scenarios.flatMap((s) => [
      link(hashOf(startOfRun(s.run, null)), s.run, s.about),
      ...s.mutants.map((m) => link(hashOf(startOfRun(s.run, m.bug)), `${s.run}, with “${m.bug}”`, m.by)),
    ])],
    ['Models', catalogue.models.map((m) =>
      link(hashOf(start(m.model ?? m.name, null), m.refutes), m.name, m.refutes ? `${m.purpose}: refutes “${m.refutes}”` : m.purpose))],
  ];
  $('famous-list').replaceChildren(...lists.flatMap(([title, links]) => {
    const fit = links.filter(Boolean);
    return fit.length ? [el('h3', {}, `${title} (${fit.length})`), el('ul', {}, ...fit)] : [];
  }));
}

const KEYS = [
  ['← or h', 'one step back', () => goTo(shown.at - 1), ['ArrowLeft', 'h']],
  ['→ or l', 'one step forward on the path', () => goTo(shown.at + 1), ['ArrowRight', 'l']],
  ['Home', 'to the start', () => goTo(0), ['Home']],
  ['End', 'to the last step', () => goTo(shown.length), ['End']],
  ['1 to 9', 'take that step', null, []],
  ['/', 'search the steps', () => $('search').focus(), ['/']],
  ['Enter', 'in the search: take the first step that fits', null, []],
  ['g', 'group the steps by party or by kind', regroup, ['g']],
  ['v', 'jump to the nearest violation', jumpToViolation, ['v']],
  ['r', `random walk of ${RANDOM_STEPS} steps`, randomWalk, ['r']],
  ['f', 'famous runs', openFamous, ['f']],
  ['s', 'save the diagram as SVG', () => save('svg'), ['s']],
  ['?', 'this help', () => $('help').showModal(), ['?']],
  ['Esc', 'leave the search or a window', null, []],
];

function regroup() {
  $('group').value = $('group').value === 'party' ? 'kind' : 'party';
  drawSteps();
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') || !shown) return;
  if (event.target === $('search')) {
    if (event.key === 'Escape') { $('search').value = ''; $('search').blur(); drawSteps(); }
    if (event.key === 'Enter') $('steps').querySelector('button')?.click();
    return;
  }
  if (event.target.matches('select, input')) return;
  const act = KEYS.find(([, , , keys]) => keys.includes(event.key))?.[2];
  const step = /^[1-9]$/.test(event.key) && $('steps').querySelectorAll('button')[Number(event.key) - 1];
  if (!act && !step) return;
  event.preventDefault();
  if (act) act();
  else step.click();
}

// ---- the beginning

function listen() {
  const clicks = {
    first: () => goTo(0), back: () => goTo(shown.at - 1), forward: () => goTo(shown.at + 1),
    last: () => goTo(shown.length), violation: jumpToViolation, random: randomWalk,
    'famous-open': openFamous, 'help-open': () => $('help').showModal(), copy: copyLink,
  };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener('click', act);
  for (const button of document.querySelectorAll('[data-format]')) {
    button.addEventListener('click', () => save(button.dataset.format));
  }
  $('search').addEventListener('input', drawSteps);
  $('group').addEventListener('change', drawSteps);
  $('famous-search').addEventListener('input', drawFamous);
  $('model').addEventListener('change', () => $('model').value && go(start($('model').value, here?.mutant ?? null)));
  $('bug').addEventListener('change', () => {
    const bug = $('bug').value || null;
    go(here?.run ? startOfRun(here.run, bug) : start($('model').value, bug));
  });
  addEventListener('keydown', onKey);
  addEventListener('hashchange', load);
}

async function begin() {
  catalogue = await (await fetch('/api/catalogue')).json();
  $('model').append(el('option', { value: '', hidden: '' }, 'none'), ...catalogue.models.map((m) => el('option', { value: m.name }, m.name)));
  $('bug').append(el('option', { value: '' }, 'none'),
    ...catalogue.mutants.map((m) => el('option', { value: m.name }, m.name)));
  $('keys').append(...KEYS.map(([keys, what]) => el('tr', {}, el('th', {}, el('kbd', {}, keys)), el('td', {}, what))));
  $('footer').append('Beside this page: ', el('a', { href: catalogue.stateright },
    `stateright's own explorer`), ` of the model ${catalogue.stateright_model}.`);
  listen();
  if (!location.hash) history.replaceState(null, '', catalogue.opening);
  load();
}

begin();
