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
