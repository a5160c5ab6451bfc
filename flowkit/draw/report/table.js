// All tasks: sorted by its head, found by name, the children of mapped ones folded.
let showTask = () => {};

const taskTable = () => {
  const tasks = data.tasks;
  const table = find('tasks-table');
  const head = table.tHead, body = table.tBodies[0];
  const search = find('tasks-find'), choice = find('tasks-state'), count = find('tasks-count'), more = find('tasks-more');
  const PAGE = 100;
  const size = tasks.name.length;
  const keys = tasks.name.map((name, row) => keyOf(name, tasks.child[row]));
  const lower = keys.map((key, row) => `${key}\n${data.notes[tasks.note[row]]}`.toLowerCase());
  const children = new Map();
  const tops = [];
  for (let row = 0; row < size; row++) {
    if (tasks.parent[row] < 0) tops.push(row);
    else if (children.has(tasks.parent[row])) children.get(tasks.parent[row]).push(row);
    else children.set(tasks.parent[row], [row]);
  }
  const open = new Set();
  let sorted = -1, up = true, limit = PAGE, spot = -1;

  const order = new Intl.Collator('en', {numeric: true}).compare;
  const columns = [
    ['Task', '', (a, b) => order(keys[a], keys[b])],
    ['State', '', (a, b) => tasks.state[a] - tasks.state[b]],
    ['Attempts', 'n', (a, b) => tasks.attempts[a] - tasks.attempts[b]],
    ['Started', 'n', (a, b) => tasks.began[a] - tasks.began[b]],
    ['Took', 'n', (a, b) => tasks.took[a] - tasks.took[b]],
    ['Waited', 'n', (a, b) => tasks.waited[a] - tasks.waited[b]],
    ['Worker', '', (a, b) => order(data.workers[tasks.worker[a]], data.workers[tasks.worker[b]])],
    ['Note', '', (a, b) => order(data.notes[tasks.note[a]], data.notes[tasks.note[b]])],
  ];

  const inOrder = (rows) => {
    if (sorted < 0) return rows;
    const compare = columns[sorted][2];
    return [...rows].sort((a, b) => (up ? compare(a, b) : compare(b, a)) || a - b);
  };
  const words = () => search.value.trim().toLowerCase();
  const chosen = () => choice.value;
  const matches = (row) => (!chosen() || stateOf(tasks.state[row])[0] === chosen()) && lower[row].includes(words());

  const rowsNow = () => {
    if (words() || chosen()) {
      const found = [];
      for (let row = 0; row < size; row++) if (matches(row)) found.push(row);
      return inOrder(found);
    }
    return inOrder(tops).flatMap((row) => (open.has(row) ? [row, ...inOrder(children.get(row) || [])] : [row]));
  };

  const time = (value) => (value < 0 ? '' : duration(value * data.unit));
  const nameCell = (row) => {
    const cell = make('th', {scope: 'row'});
    if (children.has(row) && !words() && !chosen()) {
      const isOpen = open.has(row);
      const fold = make('button', {type: 'button', class: 'fold', 'aria-expanded': String(isOpen), 'aria-label': `Children of ${keys[row]}`}, isOpen ? '▾' : '▸');
      fold.dataset.row = row;
      cell.append(fold);
    }
    cell.append(make('bdi', {class: 'key'}, keys[row].slice(0, 300)));
    return cell;
  };
  const rowElement = (row) => make(
    'tr', {class: `${tasks.parent[row] >= 0 ? 'child' : ''}${row === spot ? ' spot' : ''}`},
    nameCell(row),
    make('td', {}, stateElement(tasks.state[row])),
    make('td', {class: 'n'}, tasks.attempts[row] ? number(tasks.attempts[row]) : ''),
    make('td', {class: 'n'}, tasks.began[row] < 0 ? '' : `+${time(tasks.began[row])}`),
    make('td', {class: 'n'}, time(tasks.took[row])),
    make('td', {class: 'n'}, tasks.waited[row] > 0 ? time(tasks.waited[row]) : ''),
    make('td', {class: 'whole'}, data.workers[tasks.worker[row]]),
    make('td', {class: 'note'}, make('bdi', {}, data.notes[tasks.note[row]])),
  );

  const draw = () => {
    const rows = rowsNow();
    body.replaceChildren(...rows.slice(0, limit).map(rowElement));
    const left = rows.length - limit;
    more.hidden = left <= 0;
    if (left > 0) more.firstElementChild.textContent = `Show ${number(Math.min(left, limit * 4))} more of ${number(left)}`;
    count.textContent = words() || chosen() ? `${counted(rows.length, 'task')} of ${number(size)} found` : counted(tops.length, 'task');
  };

  const drawHead = () => {
    const cells = columns.map(([title, kind], place) => {
      const mark = place === sorted ? (up ? '↑' : '↓') : '';
      const sign = make('span', {class: 'mark', 'aria-hidden': 'true'}, mark);
      const button = make('button', {type: 'button'}, ...(kind ? [sign, title] : [title, sign])); // beside its column
      button.dataset.column = place;
      const cell = make('th', {scope: 'col', class: kind}, button);
      if (place === sorted) cell.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      return cell;
    });
    head.replaceChildren(make('tr', {}, ...cells));
  };
  head.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    const column = Number(button.dataset.column);
    const numeric = columns[column][1] === 'n' && column !== 3;
    if (column !== sorted) [sorted, up] = [column, !numeric];
    else if (up === !numeric) up = !up;
    else [sorted, up] = [-1, true];
    drawHead();
    draw();
    head.querySelectorAll('button')[column].focus();
  });
  body.addEventListener('click', (event) => {
    const fold = event.target.closest('.fold');
    if (!fold) return;
    const row = Number(fold.dataset.row);
    if (!open.delete(row)) open.add(row);
    draw();
    body.querySelector(`.fold[data-row="${row}"]`).focus();
  });
  more.firstElementChild.addEventListener('click', () => {
    limit *= 5;
    draw();
  });
  const again = settled(() => {
    limit = PAGE;
    draw();
  });
  search.addEventListener('input', again);
  choice.addEventListener('change', again);
  const present = [...new Set(tasks.state)].sort((a, b) => a - b);
  const spoken = [...new Set(present.map((place) => stateOf(place)[0]))];
  choice.append(...spoken.map((word) => make('option', {value: word}, word)));

  /** Find a task in the table; a child that is not listed stands for its parent. */
  showTask = (name, child) => {
    let row = tasks.name.findIndex((each, place) => each === name && tasks.child[place] === child);
    if (row < 0) row = tasks.name.findIndex((each, place) => each === name && tasks.child[place] < 0);
    if (row < 0) return;
    search.value = keys[row];
    choice.value = '';
    [spot, limit] = [row, PAGE];
    draw();
    find('tasks').scrollIntoView({block: 'start'});
    search.focus({preventScroll: true});
  };
  find('tasks-tools').hidden = false;
  drawHead();
  draw();
};
