// What tasks printed and logged: folded by task, the children of a mapped one together; searched as one.
const logView = () => {
  const list = find('logs-list');
  if (!list) return;
  const logs = data.logs;
  const search = find('logs-find'), level = find('logs-level'), count = find('logs-count'), more = find('logs-more'), all = find('logs-all');
  const PAGE = 12, MOST_LINES = 400, OPEN_FOUND = 6;
  const LEVELS = new Map([[10, 'DEBUG'], [20, 'INFO'], [30, 'WARNING'], [40, 'ERROR'], [50, 'CRITICAL']]);
  const keys = logs.map((log) => (log.name < 0 ? data.flow : keyOf(log.name, log.child)));
  const lower = logs.map((log) => log.text.map((text) => text.toLowerCase()));
  let limit = PAGE, isOpen = false;

  // Of each task its logs: one, or those of its children.
  const byName = new Map();
  logs.forEach((log, place) => {
    if (byName.has(log.name)) byName.get(log.name).push(place);
    else byName.set(log.name, [place]);
  });
  const groups = [...byName.values()];
  const title = (group) => (group.length === 1 ? keys[group[0]] : data.names[logs[group[0]].name]);
  const total = (group) => group.reduce((sum, place) => sum + logs[place].number, 0);

  /** The text with what was searched for marked. */
  const marked = (text, word) => {
    if (!word) return [text];
    const parts = [], small = text.toLowerCase();
    let from = 0;
    // A letter may have another length in lower case; then nothing is marked.
    for (let place = small.length === text.length ? small.indexOf(word) : -1; place >= 0; place = small.indexOf(word, from)) {
      parts.push(text.slice(from, place), make('mark', {}, text.slice(place, place + word.length)));
      from = place + word.length;
    }
    return [...parts, text.slice(from)];
  };

  const lineElement = ([place, line], word, named) => {
    const log = logs[place], rank = log.level[line], text = make('span', {});
    if (named) text.append(make('b', {class: 'level'}, `[${log.child}]`), ' ');
    if (rank) text.append(make('b', {class: rank >= 40 ? 'loud' : rank >= 30 ? 'care' : 'level'}, LEVELS.get(rank) || String(rank)), ' ');
    text.append(...marked(log.text[line], word));
    if (log.cut[line]) text.append(make('span', {class: 'cut'}, `… ${number(log.cut[line])} more bytes`));
    const attempt = log.attempts ? `#${log.attempt[line]} ` : '';
    return make('div', {}, make('time', {}, `${attempt}+${duration(log.at[line] * data.unit)}`), text);
  };

  /** A line of ours about what is not there. */
  const remark = (text, command) => make('div', {}, make('time', {}), make('span', {class: 'cut'}, text, ...(command ? [make('code', {}, command)] : [])));

  const fill = (box, group, lines, word) => {
    box.replaceChildren();
    const named = group.length > 1;
    const add = (from) => {
      for (const [place, line] of lines.slice(from, from + MOST_LINES)) {
        const log = logs[place];
        if (line === log.gap && log.skipped) box.append(remark(`… ${counted(log.skipped, 'line')} of ${keys[place].slice(0, 80)} left out; all: `, log.command));
        box.append(lineElement([place, line], word, named));
      }
      const left = lines.length - from - MOST_LINES;
      if (left <= 0) return;
      const button = make('button', {type: 'button'}, `Show ${number(Math.min(left, MOST_LINES))} more of ${counted(left, 'line')}`);
      button.addEventListener('click', () => {
        button.remove();
        add(from + MOST_LINES);
        box.focus({preventScroll: true});
      });
      box.append(button);
    };
    add(0);
  };

  /** The lines of a task that are asked for, in order of time. */
  const linesOf = (group, word, least) => {
    const found = [], whole = title(group).toLowerCase().includes(word);
    for (const place of group) {
      const log = logs[place], named = whole || keys[place].toLowerCase().includes(word);
      log.text.forEach((_, line) => {
        if (log.level[line] >= least && (named || lower[place][line].includes(word))) found.push([place, line]);
      });
    }
    if (group.length > 1) found.sort(([a, i], [b, j]) => logs[a].at[i] - logs[b].at[j] || a - b || i - j);
    return found;
  };

  const groupElement = ([group, lines], rank, word, searching) => {
    const name = title(group), said = [];
    if (group.length > 1) said.push(`${number(group.length)} children`);
    said.push(searching ? `${number(lines.length)} of ${counted(total(group), 'line')}` : counted(total(group), 'line'));
    const summary = make('summary', {}, make('bdi', {class: 'key'}, ...marked(name.slice(0, 300), word)), make('span', {class: 'muted'}, said.join(', ')));
    const box = make('div', {class: 'lines', tabIndex: 0, role: 'region', 'aria-label': `Lines of ${name.slice(0, 100)}`});
    const details = make('details', {class: 'log'}, summary, box);
    details.addEventListener('toggle', () => details.open && !box.hasChildNodes() && fill(box, group, lines, word));
    if (isOpen || (searching && rank < OPEN_FOUND)) {
      fill(box, group, lines, word);
      details.open = true;
    }
    return details;
  };

  const draw = () => {
    const word = search.value.trim().toLowerCase(), least = Number(level.value);
    const searching = word !== '' || least >= 0;
    const hits = groups.map((group) => [group, linesOf(group, word, least)]).filter(([, lines]) => lines.length);
    list.replaceChildren(...hits.slice(0, limit).map((hit, rank) => groupElement(hit, rank, word, searching)));
    const left = hits.length - limit;
    more.hidden = left <= 0;
    if (left > 0) more.firstElementChild.textContent = `Show ${number(Math.min(left, limit * 4))} more of ${counted(left, 'task')}`;
    const lines = hits.reduce((sum, hit) => sum + hit[1].length, 0);
    count.textContent = searching ? `${counted(lines, 'line')} of ${counted(hits.length, 'task')} found` : '';
  };

  const again = settled(() => {
    limit = PAGE;
    draw();
  });
  search.addEventListener('input', again);
  level.addEventListener('change', again);
  more.firstElementChild.addEventListener('click', () => {
    limit *= 5;
    draw();
  });
  all.addEventListener('click', () => {
    isOpen = !isOpen;
    all.textContent = isOpen ? 'Close all' : 'Open all';
    draw();
  });
  find('logs-tools').hidden = false;
  draw();
};

timeline();
taskTable();
graphView();
logView();
