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
