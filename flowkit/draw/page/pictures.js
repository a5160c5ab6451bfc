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
  svg.setAttribute('role', 'group');  // what is in a picture of the role `img` cannot be reached
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
