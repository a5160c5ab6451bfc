'use strict';
(() => {
const $ = id => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const data = JSON.parse($('data').textContent);
const down = data.direction === 'down';
const stage = $('stage'), panel = $('panel'), search = $('search');
const MANY = 80, FEW = 3, LEGIBLE = 0.5, FAR = 0.28;

// -- the pictures -------------------------------------------------------------------------------

/** A picture and its parts: nodes with their boxes, by number. */
function pictureOf(view) {
  const svg = view.querySelector('svg'), scene = svg.querySelector('g');
  const size = {x: 0, y: 0, width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height};
  for (const name of ['viewBox', 'width', 'height']) svg.removeAttribute(name);
  scene.removeAttribute('transform');
  const nodes = [...scene.querySelectorAll('.fk-node')];
  const boxes = nodes.map(boxOf);
  size.width -= 2 * 24; size.height -= 2 * 24;
  return {view, svg, scene, nodes, boxes, size};
}

function boxOf(node) {
  const rects = node.querySelectorAll('rect'), rect = rects[rects.length - 1];
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map(name => +rect.getAttribute(name));
  return {x, y, width, height};
}

const views = [...document.querySelectorAll('.view')];
const whole = pictureOf(views[0]);
const together = views.slice(1).map(pictureOf);
const lines = [...whole.scene.querySelectorAll('[data-ends]')].map(
  element => ({element, ends: element.dataset.ends.split(' ').map(Number)}));

// Groupings: for each node its group, or -1; for each picture of groups which of its nodes is what.
for (const [at, grouping] of data.groupings.entries()) {
  grouping.of = data.nodes.map(() => -1);
  grouping.groups.forEach((group, number) => group.members.forEach(node => { grouping.of[node] = number; }));
  const seen = new Set();
  grouping.shown = [];
  data.nodes.forEach((_, node) => {
    const group = grouping.of[node], name = group < 0 ? `n${node}` : `g${group}`;
    if (!seen.has(name)) { seen.add(name); grouping.shown.push(group < 0 ? {node} : {group}); }
  });
  grouping.picture = together[at];
  grouping.elements = [];
  grouping.shown.forEach((what, place) => {
    if ('group' in what) grouping.elements[what.group] = grouping.picture.nodes[place];
  });
}

// -- what is shown ------------------------------------------------------------------------------

let by = -1;             // the grouping, -1: every task by itself
let opened = new Set();  // its groups whose tasks are shown
let current = whole;     // the picture
let shown = [];          // what stands in it: {element, box, node} or {element, box, group}
let made = [];           // elements that were put into the whole picture for closed groups
let chosen = null;

function show({keep = null, fitting = true} = {}) {
  for (const element of made) element.remove();
  made = [];
  const grouping = data.groupings[by];
  if (!grouping) showWhole();
  else if (!opened.size) showTogether(grouping);
  else showMixed(grouping);
  for (const view of views) view.hidden = view !== current.view;
  for (const what of shown) prepare(what);
  search.value.trim() ? find() : unfind();
  choose(keep === null ? null : shown.find(what => matches(what, keep)) || null, {quietly: true});
  if (fitting) fit();
}

function matches(what, keep) {
  return 'node' in keep ? what.node === keep.node || holds(what, keep.node) : what.group === keep.group;
}

function holds(what, node) {
  return 'group' in what && data.groupings[by].of[node] === what.group;
}

function showWhole() {
  current = whole;
  shown = whole.nodes.map((element, node) => ({element, box: whole.boxes[node], node}));
  for (const {element} of lines) element.classList.remove('gone');
  for (const element of whole.nodes) element.classList.remove('gone');
  whole.bounds = whole.size;
}

function showTogether(grouping) {
  current = grouping.picture;
  shown = grouping.shown.map((what, place) => ({
    ...what, element: current.nodes[place], box: current.boxes[place]}));
  current.bounds = current.size;
}

/** Groups that are closed stand in the middle of where their tasks would be. */
function showMixed(grouping) {
  current = whole;
  const closed = node => grouping.of[node] >= 0 && !opened.has(grouping.of[node]);
  shown = [];
  whole.nodes.forEach((element, node) => {
    element.classList.toggle('gone', closed(node));
    if (!closed(node)) shown.push({element, box: whole.boxes[node], node});
  });
  const groups = new Map();
  grouping.groups.forEach((group, number) => {
    if (opened.has(number)) return;
    const what = groupIn(grouping, number, shown);
    groups.set(number, what);
    shown.push(what);
  });
  for (const {element, ends} of lines) element.classList.toggle('gone', ends.some(closed));
  joinGroups(grouping, groups, closed);
  for (const what of groups.values()) { whole.scene.append(what.element); made.push(what.element); }
  whole.bounds = boundsOf(shown);
}

function groupIn(grouping, number, others) {
  const source = grouping.elements[number], own = boxOf(source);
  const boxes = grouping.groups[number].members.map(node => whole.boxes[node]);
  const mean = name => boxes.reduce((sum, box) => sum + box[name] + box[name === 'x' ? 'width' : 'height'] / 2, 0)
    / boxes.length;
  const box = {...own, x: Math.round(mean('x') - own.width / 2), y: Math.round(mean('y') - own.height / 2)};
  clear(box, others.map(other => other.box));
  const element = source.cloneNode(true);
  element.setAttribute('transform', `translate(${box.x - own.x} ${box.y - own.y})`);
  return {element, box, group: number};
}

/** Moves a box across until it covers no other. */
function clear(box, others) {
  const across = down ? 'x' : 'y', size = down ? 'width' : 'height', gap = 16;
  const covers = other => box.x < other.x + other.width + gap && other.x < box.x + box.width + gap
    && box.y < other.y + other.height + gap && other.y < box.y + box.height + gap;
  for (let turn = 0; turn < 200; turn++) {
    const other = others.find(covers);
    if (!other) return;
    box[across] = other[across] + other[size] + gap;
  }
}

function joinGroups(grouping, groups, closed) {
  const place = node => (closed(node) ? groups.get(grouping.of[node]) : shown.find(what => what.node === node));
  const places = data.nodes.map((_, node) => place(node));
  const seen = new Set(), before = whole.nodes[0];
  for (const [source, target] of data.edges) {
    const from = places[source], to = places[target];
    if (from === to || !(closed(source) || closed(target))) continue;
    const name = `${shown.indexOf(from)} ${shown.indexOf(to)}`;
    if (seen.has(name)) continue;
    seen.add(name);
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', 'fk-line');
    path.setAttribute('d', wayBetween(from.box, to.box));
    const head = document.createElementNS(SVG, 'path');
    head.setAttribute('class', 'fk-head');
    head.setAttribute('d', headAt(to.box));
    for (const element of [path, head]) {
      element.own = [from, to];
      made.push(element);
      before.before(element);
    }
  }
}

function wayBetween(from, to) {
  if (down) {
    const x = from.x + from.width / 2, y = from.y + from.height, a = to.x + to.width / 2, b = to.y - 7;
    const bend = Math.max((b - y) / 2, 24);
    return `M${x} ${y}C${x} ${y + bend} ${a} ${b - bend} ${a} ${b}`;
  }
  const x = from.x + from.width, y = from.y + from.height / 2, a = to.x - 7, b = to.y + to.height / 2;
  const bend = Math.max((a - x) / 2, 24);
  return `M${x} ${y}C${x + bend} ${y} ${a - bend} ${b} ${a} ${b}`;
}

function headAt(box) {
  return down
    ? `M${box.x + box.width / 2} ${box.y}l-4.5 -8h9z`
    : `M${box.x} ${box.y + box.height / 2}l-8 -4.5v9z`;
}

function boundsOf(list) {
  const least = name => Math.min(...list.map(({box}) => box[name]));
  const most = (name, size) => Math.max(...list.map(({box}) => box[name] + box[size]));
  const x = least('x'), y = least('y');
  return {x, y, width: most('x', 'width') - x, height: most('y', 'height') - y};
}

function prepare(what) {
  const {element} = what;
  element.what = what;
  element.setAttribute('tabindex', '0');
  element.setAttribute('role', 'button');
  const title = element.querySelector('title').textContent.replaceAll('\n', ', ');
  element.setAttribute('aria-label', 'group' in what ? `group ${title}: opens` : title);
}

// -- the camera ---------------------------------------------------------------------------------

const camera = {scale: 1, x: 0, y: 0};

function look() {
  current.scene.setAttribute('transform', `translate(${camera.x} ${camera.y}) scale(${camera.scale})`);
  current.svg.classList.toggle('far', camera.scale < FAR);
}

function fit() {
  const {clientWidth: width, clientHeight: height} = stage, room = current.bounds, margin = 28;
  const scale = Math.min((width - 2 * margin) / room.width, (height - 2 * margin) / room.height, 1.35);
  camera.scale = Math.max(scale, 0.01);
  camera.x = (width - room.width * camera.scale) / 2 - room.x * camera.scale;
  camera.y = Math.max((height - room.height * camera.scale) / 2, margin) - room.y * camera.scale;
  look();
}

function zoom(by, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const scale = Math.min(Math.max(camera.scale * by, 0.01), 8), real = scale / camera.scale;
  camera.x = x - (x - camera.x) * real;
  camera.y = y - (y - camera.y) * real;
  camera.scale = scale;
  look();
}

function move(x, y) { camera.x += x; camera.y += y; look(); }

/** Brings a box into the free part of the window, as large as it can be read. */
function reveal(box, {always = false} = {}) {
  const covered = !panel.hidden && innerWidth <= 900 ? panel.offsetHeight : 0;
  const width = stage.clientWidth, height = stage.clientHeight - covered;
  const left = box.x * camera.scale + camera.x, top = box.y * camera.scale + camera.y;
  const right = left + box.width * camera.scale, bottom = top + box.height * camera.scale;
  const inside = left > 10 && top > 10 && right < width - 10 && bottom < height - 10;
  if (inside && (!always || camera.scale >= LEGIBLE)) return;
  if (camera.scale < LEGIBLE) camera.scale = 0.9;
  camera.x = width / 2 - (box.x + box.width / 2) * camera.scale;
  camera.y = height / 2 - (box.y + box.height / 2) * camera.scale;
  look();
}

// -- a task -------------------------------------------------------------------------------------

function choose(what, {quietly = false} = {}) {
  for (const element of current.svg.querySelectorAll('.near, .chosen')) element.classList.remove('near', 'chosen');
  chosen = what;
  current.svg.classList.toggle('focused', what !== null);
  if (what === null) { panel.hidden = true; return; }
  what.element.classList.add('chosen');
  for (const element of edgesOf(what)) element.classList.add('near');
  if (!quietly) tell(what);
}

function edgesOf(what) {
  const place = shown.indexOf(what);
  const own = current === whole ? what.node : place;
  const targets = new Set();
  const touches = element => {
    if (element.own) return element.own.includes(what);
    const ends = (element.dataset.ends || '').split(' ').map(Number);
    if (ends.length === 1) return targets.has(ends[0]);  // an arrow head, of all lines to its node
    if (ends.includes(own)) targets.add(ends.at(-1));
    return ends.includes(own);
  };
  return [...current.scene.querySelectorAll('.fk-line, .fk-head, .fk-label')].filter(touches);
}

function part(tag, text, name = '') {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.textContent = text;
  return element;
}

function tell(what) {
  if (!('node' in what)) return;
  const node = data.nodes[what.node], facts = $('facts');
  $('label').textContent = plain(node.label);
  facts.replaceChildren();
  if (node.state) facts.append(part('p', node.state, `state tone-${node.tone}`));
  if (node.critical) facts.append(part('p', 'on the critical path: the end of the run waited for it'));
  if (node.last) facts.append(part('p', `took ${node.last}`));
  const kinds = [node.kind === 'parameter' ? 'a parameter' : '', node.mapped ? 'mapped: runs once for each element' : ''];
  for (const kind of kinds.filter(Boolean)) facts.append(part('p', kind));
  if (node.tags) facts.append(part('p', `tags: ${node.tags.map(plain).join(', ')}`));
  if (node.doc) facts.append(part('h3', 'docstring'), part('p', plain(node.doc)));
  links(facts, 'needs', data.edges.filter(edge => edge[1] === what.node).map(edge => edge[0]));
  links(facts, 'is needed by', data.edges.filter(edge => edge[0] === what.node).map(edge => edge[1]));
  if ('code' in node) {
    facts.append(part('h3', node.place ? plain(node.place) : 'code'));
    const code = part('pre', plain(data.codes[node.code]));
    code.tabIndex = 0;
    facts.append(code);
  }
  panel.hidden = false;
}

/** Text whose control characters and changes of direction are seen, not obeyed. */
function plain(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function links(facts, title, nodes) {
  if (!nodes.length) return;
  const list = part('div', '', 'links');
  for (const node of nodes.slice(0, 30)) {
    const button = part('button', plain(data.nodes[node].label));
    button.type = 'button';
    button.addEventListener('click', () => goTo(node));
    list.append(button);
  }
  if (nodes.length > 30) list.append(part('span', `and ${nodes.length - 30} more`));
  facts.append(part('h3', title), list);
}

function goTo(node) {
  if (by >= 0 && data.groupings[by].of[node] >= 0 && !opened.has(data.groupings[by].of[node])) {
    opened.add(data.groupings[by].of[node]);
    show({keep: {node}});
  }
  const what = shown.find(each => each.node === node);
  choose(what);
  reveal(what.box, {always: true});
  what.element.focus({preventScroll: true});
}

function act(what) {
  if ('group' in what) {
    opened.add(what.group);
    const first = data.groupings[by].groups[what.group].members[0];
    show();
    const found = shown.find(each => each.node === first);
    if (camera.scale < LEGIBLE) reveal(found.box, {always: true});
    found.element.focus({preventScroll: true});
  } else {
    choose(what);
    reveal(what.box);
  }
}

function closeGroup(what) {
  const group = what && 'node' in what && by >= 0 ? data.groupings[by].of[what.node] : -1;
  if (group < 0) return;
  opened.delete(group);
  show();
  shown.find(each => each.group === group).element.focus({preventScroll: true});
}

// -- search -------------------------------------------------------------------------------------

let hits = [], hit = -1;

function find() {
  const words = search.value.trim().toLowerCase();
  unfind();
  if (!words) return;
  const fits = node => data.nodes[node].label.toLowerCase().includes(words)
    || (data.nodes[node].state || '').toLowerCase().includes(words)
    || (data.nodes[node].tags || []).some(tag => tag.toLowerCase().includes(words));
  hits = data.nodes.map((_, node) => node).filter(fits);
  current.svg.classList.add('searching');
  const found = new Set(hits);
  for (const what of shown) {
    const isHit = 'node' in what ? found.has(what.node)
      : data.groupings[by].groups[what.group].members.some(node => found.has(node));
    what.element.classList.toggle('hit', isHit);
  }
  $('found').textContent = hits.length ? `${hits.length} found` : 'none found';
}

function unfind() {
  hits = []; hit = -1;
  $('found').textContent = '';
  for (const {svg} of [whole, ...together]) {
    svg.classList.remove('searching');
    for (const element of svg.querySelectorAll('.hit')) element.classList.remove('hit');
  }
}

function next(step) {
  if (!hits.length) return;
  const all = hits, at = (hit + step + all.length) % all.length;
  goTo(all[at]);
  hits = all; hit = at;
  $('found').textContent = `${at + 1} of ${all.length}`;
  search.focus({preventScroll: true});
}

search.addEventListener('input', find);
search.addEventListener('keydown', event => {
  if (event.key === 'Enter') { event.preventDefault(); next(event.shiftKey ? -1 : 1); }
  if (event.key === 'Escape') { search.value = ''; unfind(); choose(null); stage.focus(); event.stopPropagation(); }
});

// -- pointer ------------------------------------------------------------------------------------

const pointers = new Map();
let moved = 0;

function nodeAt(event) {
  const element = event.target instanceof Element ? event.target.closest('.fk-node') : null;
  return element && element.what ? element.what : null;
}

stage.addEventListener('pointerdown', event => {
  if (event.button) return;
  if (!pointers.size) moved = 0;
  pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
});
addEventListener('pointermove', event => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const x = event.clientX - before.x, y = event.clientY - before.y;
  moved += Math.abs(x) + Math.abs(y);
  if (pointers.size === 2) {
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const corner = stage.getBoundingClientRect(), far = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
    const now = {x: event.clientX, y: event.clientY};
    zoom(far(now, other) / far(before, other), (now.x + other.x) / 2 - corner.left, (now.y + other.y) / 2 - corner.top);
  } else if (moved > 4) {
    stage.classList.add('moving');
    move(x, y);
  }
  pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
});
for (const name of ['pointerup', 'pointercancel']) {
  addEventListener(name, event => { pointers.delete(event.pointerId); stage.classList.remove('moving'); });
}
stage.addEventListener('click', event => {
  if (moved > 4) return;
  const what = nodeAt(event);
  what ? act(what) : choose(null);
});
stage.addEventListener('wheel', event => {
  event.preventDefault();
  const corner = stage.getBoundingClientRect();
  const step = event.deltaMode ? event.deltaY * 18 : event.deltaY;
  zoom(Math.exp(-step * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - corner.left, event.clientY - corner.top);
}, {passive: false});
// Focus may scroll what is hidden beyond the edges; the camera does that here.
stage.addEventListener('scroll', () => stage.scrollTo(0, 0));
stage.addEventListener('focusin', event => { const what = nodeAt(event); if (what) reveal(what.box); });

// -- keys ---------------------------------------------------------------------------------------

const ARROWS = {ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0]};

/** The nearest task in a direction. */
function beside(what, [x, y]) {
  const middle = box => [box.x + box.width / 2, box.y + box.height / 2];
  const [left, top] = middle(what.box);
  let best = null, least = Infinity;
  for (const other of shown) {
    const [a, b] = middle(other.box), along = (a - left) * x + (b - top) * y;
    const aside = Math.abs((a - left) * y) + Math.abs((b - top) * x);
    if (other !== what && along > 4 && along + 2.2 * aside < least) { best = other; least = along + 2.2 * aside; }
  }
  return best;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $('keys').open) return;
  const typing = event.target.matches('input, select, textarea');
  if (event.key === 'Escape') {
    const was = chosen;
    choose(null);
    if (was && panel.contains(document.activeElement)) was.element.focus({preventScroll: true});
    return;
  }
  if (typing || (panel.contains(event.target) && event.key in ARROWS)) return;
  const what = nodeAt(event);
  if (what && (event.key === 'Enter' || event.key === ' ')) act(what);
  else if (event.key in ARROWS) {
    const [x, y] = ARROWS[event.key];
    if (what) { const other = beside(what, [x, y]); if (other) other.element.focus({preventScroll: true}); }
    else if (stage.contains(event.target) || event.target === document.body) move(-80 * x, -80 * y);
    else return;
  }
  else if (event.key === 'c') closeGroup(what || chosen);
  else if (event.key === '/') search.focus();
  else if (event.key === '+' || event.key === '=') zoom(1.3);
  else if (event.key === '-') zoom(1 / 1.3);
  else if (event.key === '0') fit();
  else if (event.key === 't') turn();
  else if (event.key === '?') help();
  else return;
  event.preventDefault();
}

function turn() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  root.dataset.theme = dark ? 'light' : 'dark';
}

function help() { $('keys').showModal(); }

addEventListener('keydown', onKey);
new ResizeObserver(() => { if (!chosen) fit(); }).observe(stage);
$('in').addEventListener('click', () => zoom(1.3));
$('out').addEventListener('click', () => zoom(1 / 1.3));
$('fit').addEventListener('click', fit);
$('theme').addEventListener('click', turn);
$('help').addEventListener('click', help);
$('shut').addEventListener('click', () => $('keys').close());
$('close').addEventListener('click', () => { const was = chosen; choose(null); if (was) was.element.focus({preventScroll: true}); });

// -- start --------------------------------------------------------------------------------------

document.documentElement.classList.add('live');
$('tools').hidden = false;
if (data.groupings.length) {
  $('grouping').hidden = false;
  const titles = [['-1', 'every task'], ...data.groupings.map(({by}, at) => [String(at), `groups by ${by}`])];
  for (const [value, title] of titles) { const option = part('option', title); option.value = value; $('by').append(option); }
  if (data.nodes.length > MANY && together[0].nodes.length > FEW) by = 0;
  $('by').value = String(by);
  $('by').addEventListener('change', () => { by = +$('by').value; opened = new Set(); show(); });
}
show();
})();
