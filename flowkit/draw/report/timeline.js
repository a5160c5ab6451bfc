// The timeline: rows of spans on a canvas, so that thousands stay quick; as wide as the page, to be zoomed.
const timeline = () => {
  const spans = data.spans;
  const canvas = find('gantt');
  if (!canvas || !data.rows.length) return;
  const pen = canvas.getContext('2d');
  const overview = find('overview'), brush = find('brush'), spotted = find('spotted');
  const LEFT = 132, RIGHT = 12, TOP = 24, ROW = 22, BAR = 16;
  const SHARES = {cached: 0.6, warn: 0.75, halt: 0.4}; // of the height, so that not only the colour tells
  const total = data.total || 1;
  const rowHeight = data.rows.length > 40 ? 10 : ROW, barHeight = data.rows.length > 40 ? 8 : BAR;
  let from = 0, to = total, width = 0, colours = {}, spot = -1, hot = -1;

  // Of each row the first of its spans, and the one after the last: they come row by row, in order of time.
  const firsts = [];
  spans.row.forEach((row, place) => {
    while (firsts.length <= row) firsts.push(place);
  });
  while (firsts.length <= data.rows.length) firsts.push(spans.row.length);
  const begin = (place) => spans.at[place] * data.unit;
  const end = (place) => (spans.at[place] + spans.length[place]) * data.unit;
  const x = (seconds) => LEFT + ((seconds - from) / (to - from)) * (width - LEFT - RIGHT);
  const seconds = (at) => from + ((at - LEFT) / (width - LEFT - RIGHT)) * (to - from);

  const palette = () => {
    const tones = ['good', 'cached', 'bad', 'warn', 'halt', 'busy', 'off'];
    for (const name of ['text', 'muted', 'line', 'accent', ...tones, ...tones.map((tone) => `${tone}-soft`)]) {
      canvas.style.color = `var(--${name})`;
      colours[name] = getComputedStyle(canvas).color;
    }
    colours.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  };

  /** The first span of a row that ends at or after a moment. */
  const firstFrom = (row, moment) => {
    let low = firsts[row], high = firsts[row + 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (end(middle) < moment) low = middle + 1; else high = middle;
    }
    return low;
  };

  const label = (place) => (spans.many[place] > 1 ? `${spans.many[place]} attempts` : keyOf(spans.name[place], spans.child[place]));

  const drawSpan = (place, left, right, y) => {
    const [, tone, symbol] = stateOf(spans.state[place]);
    const wide = right - left;
    if (spans.wait[place]) {
      pen.fillStyle = colours.warn;
      pen.fillRect(left, y + barHeight / 2 - 1, Math.max(wide, 1), 2);
      return;
    }
    if (tone === 'bad') {
      // A mark above it, as one that is too narrow for a word has only its colour.
      const middle = (left + right) / 2;
      pen.fillStyle = colours.bad;
      pen.beginPath();
      pen.moveTo(middle - 4, y - 3);
      pen.lineTo(middle + 4, y - 3);
      pen.lineTo(middle, y + 2);
      pen.fill();
    }
    if (wide < 5 || rowHeight < ROW) {
      const height = Math.round(barHeight * (SHARES[tone] || 1));
      pen.fillStyle = colours[tone];
      pen.fillRect(Math.round(left), y + barHeight - height, Math.max(Math.round(wide - (wide > 3 ? 1 : 0)), 1), height);
    } else {
      pen.fillStyle = colours[`${tone}-soft`];
      pen.fillRect(left, y, wide - 1, barHeight);
      pen.fillStyle = colours[tone];
      pen.fillRect(left, y, 2.5, barHeight);
      pen.strokeStyle = colours[tone];
      pen.lineWidth = 1;
      pen.setLineDash(tone === 'cached' || tone === 'warn' ? [3, 2] : []);
      pen.strokeRect(left + 0.5, y + 0.5, wide - 2, barHeight - 1);
      pen.setLineDash([]);
      if (wide > 34) {
        const text = tone === 'good' ? label(place) : `${symbol} ${label(place)}`;
        pen.save();
        pen.beginPath();
        pen.rect(left, y, wide - 5, barHeight);
        pen.clip();
        pen.fillStyle = colours.text;
        pen.fillText(text.slice(0, 200), left + 7, y + barHeight / 2 + 0.5);
        pen.restore();
      }
    }
    if (place === spot || place === hot) {
      pen.strokeStyle = colours.accent;
      pen.lineWidth = 2;
      pen.strokeRect(left - 1, y - 1, Math.max(wide, 3) + 1, barHeight + 2);
    }
  };

  const drawRow = (row, y) => {
    const last = firsts[row + 1];
    const bad = []; // drawn last, so that nothing hides them
    let covered = -1;
    for (let place = firstFrom(row, from); place < last && begin(place) <= to; place++) {
      const left = Math.max(x(begin(place)), LEFT), right = Math.min(x(end(place)), width - RIGHT);
      if (stateOf(spans.state[place])[1] === 'bad') bad.push([place, left, Math.max(right, left + 2), y]);
      else if (right < covered && place !== spot && place !== hot) continue; // not a pixel of its own
      else drawSpan(place, left, right, y);
      covered = Math.max(covered, Math.floor(Math.max(right, left + 1)));
    }
    for (const each of bad) drawSpan(...each);
  };

  const steps = (span) => {
    const rough = span / Math.max(3, (width - LEFT) / 110);
    const known = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
    return known.find((each) => each >= rough) || Math.ceil(rough / 86400) * 86400;
  };
  const tick = (moment, step) => {
    if (moment === 0) return '0';
    if (step >= 1) return moment < 60 ? `${Math.round(moment)}s` : duration(moment);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    return step < 0.01 ? `${(moment * 1000).toFixed(Math.max(0, digits - 3))}ms` : `${moment.toFixed(digits)}s`;
  };

  const drawAxis = (height) => {
    const step = steps(to - from);
    pen.fillStyle = colours.muted;
    pen.textAlign = 'center';
    for (let count = Math.ceil(from / step - 1e-9); count * step <= to + 1e-9; count++) {
      const at = x(count * step);
      pen.fillStyle = colours.line;
      pen.fillRect(Math.round(at), TOP - 4, 1, height - TOP);
      pen.fillStyle = colours.muted;
      if (at < width - RIGHT - 12 || count === 0) pen.fillText(tick(count * step, step), Math.max(at, LEFT + 4), 12);
    }
    for (const moment of data.breaks) {
      if (moment <= from || moment >= to) continue;
      const at = Math.round(x(moment));
      pen.fillStyle = colours.accent;
      pen.fillRect(at, TOP - 6, 1.5, height - TOP + 2);
      pen.textAlign = 'left';
      pen.fillText('resumed', at + 5, height - 8);
      pen.textAlign = 'center';
    }
    pen.textAlign = 'left';
  };

  const fitted = (text, room) => {
    if (pen.measureText(text).width <= room) return text;
    let cut = text.slice(0, 60);
    while (cut.length > 1 && pen.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
    return `${cut}…`;
  };

  const draw = () => {
    width = canvas.clientWidth;
    const height = TOP + data.rows.length * rowHeight + (data.breaks.length ? 20 : 8);
    const scale = devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.font = colours.font;
    pen.textBaseline = 'middle';
    pen.clearRect(0, 0, width, height);
    drawAxis(height);
    let labelled = -14;
    data.rows.forEach((name, row) => {
      const y = TOP + row * rowHeight + (rowHeight - barHeight) / 2;
      if ((row === 0 || data.rows[row - 1] !== name) && y - labelled >= 14) {
        labelled = y;
        pen.fillStyle = colours.muted;
        pen.fillText(fitted(name, LEFT - 24), 12, y + barHeight / 2 + 0.5);
      }
      drawRow(row, y);
    });
    const whole = from <= 0 && to >= total;
    brush.hidden = whole;
    brush.style.left = `${(from / total) * 100}%`;
    brush.style.width = `${((to - from) / total) * 100}%`;
  };
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };

  const show = (low, high) => {
    const least = Math.max(total / 1e5, data.unit * 20);
    const length = Math.min(total, Math.max(least, high - low));
    from = Math.min(Math.max(0, low), total - length);
    to = from + length;
    later();
  };
  const zoom = (factor, around = (from + to) / 2) => show(around - (around - from) * factor, around + (to - around) * factor);
  const move = (by) => show(from + by, to + by);

  const tell = (place) => {
    if (place < 0) return;
    const [word, , symbol] = stateOf(spans.state[place]);
    const parts = [`${symbol} ${word}`, duration(spans.length[place] * data.unit), `from +${duration(begin(place))}`, data.rows[spans.row[place]]];
    if (spans.many[place] > 1) parts.unshift(`the worst of them ${keyOf(spans.name[place], spans.child[place])}`);
    else if (spans.wait[place]) parts[0] = `waits after attempt ${spans.attempt[place]}`;
    else if (spans.attempt[place] > 1) parts.push(`attempt ${spans.attempt[place]}`);
    spotted.replaceChildren(make('b', {}, label(place).slice(0, 300)), ` · ${parts.join(' · ')}`);
  };

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top - TOP) / rowHeight);
    if (row < 0 || row >= data.rows.length || event.clientX - box.left < LEFT) return -1;
    const slack = ((to - from) / (width - LEFT - RIGHT)) * 3;
    const moment = seconds(event.clientX - box.left);
    const place = firstFrom(row, moment - slack);
    return place < firsts[row + 1] && begin(place) <= moment + slack ? place : -1;
  };

  const select = (place) => {
    spot = place;
    tell(place);
    if (begin(place) < from || end(place) > to) {
      const length = Math.max(to - from, (end(place) - begin(place)) * 1.5);
      show(begin(place) - length * 0.3, begin(place) - length * 0.3 + length);
    }
    later();
  };

  const toRow = (step) => {
    const moment = spot < 0 ? from : (begin(spot) + end(spot)) / 2;
    for (let row = spans.row[Math.max(spot, 0)] + step; row >= 0 && row < data.rows.length; row += step) {
      if (firsts[row] === firsts[row + 1]) continue;
      select(Math.min(firstFrom(row, moment), firsts[row + 1] - 1));
      return;
    }
  };

  const keys = {
    ArrowRight: () => select(Math.min(spot + 1, spans.row.length - 1)),
    ArrowLeft: () => select(Math.max(spot - 1, 0)),
    ArrowDown: () => (spot < 0 ? select(0) : toRow(1)),
    ArrowUp: () => (spot < 0 ? select(0) : toRow(-1)),
    Home: () => select(0),
    End: () => select(spans.row.length - 1),
    '+': () => zoom(0.5, spot < 0 ? undefined : begin(spot)),
    '=': () => zoom(0.5, spot < 0 ? undefined : begin(spot)),
    '-': () => zoom(2, spot < 0 ? undefined : begin(spot)),
    0: () => show(0, total),
    Enter: () => spot >= 0 && showTask(spans.name[spot], spans.child[spot]),
  };
  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });

  let grabbed = null;
  canvas.addEventListener('pointerdown', (event) => {
    if (event.button) return;
    grabbed = {x: event.clientX, from, moved: false};
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (grabbed && (grabbed.moved || Math.abs(event.clientX - grabbed.x) > 3)) {
      grabbed.moved = true;
      const by = ((grabbed.x - event.clientX) / (width - LEFT - RIGHT)) * (to - from);
      show(grabbed.from + by, grabbed.from + by + (to - from));
      return;
    }
    const place = at(event);
    if (place !== hot) {
      hot = place;
      tell(place);
      later();
    }
  });
  canvas.addEventListener('pointerup', (event) => {
    if (grabbed && !grabbed.moved && at(event) >= 0) select(at(event));
    grabbed = null;
  });
  canvas.addEventListener('pointerleave', () => {
    hot = -1;
    later();
  });
  canvas.addEventListener('dblclick', (event) => zoom(0.4, seconds(event.clientX - canvas.getBoundingClientRect().left)));
  canvas.addEventListener('wheel', (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(event.deltaY / 250), seconds(event.clientX - canvas.getBoundingClientRect().left));
    } else if (event.deltaX) {
      event.preventDefault();
      move((event.deltaX / width) * (to - from));
    }
  }, {passive: false});

  // A drag over the overview chooses what is shown below it.
  let chosen = null;
  const share = (event) => {
    const box = overview.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * total;
  };
  overview.addEventListener('pointerdown', (event) => {
    chosen = share(event);
    overview.setPointerCapture(event.pointerId);
  });
  overview.addEventListener('pointermove', (event) => {
    if (chosen === null || Math.abs(share(event) - chosen) < total / 200) return;
    show(Math.min(chosen, share(event)), Math.max(chosen, share(event)));
  });
  overview.addEventListener('pointerup', (event) => {
    if (chosen !== null && Math.abs(share(event) - chosen) < total / 200) {
      show(chosen - (to - from) / 2, chosen + (to - from) / 2);
    }
    chosen = null;
  });

  const tools = find('timeline-tools');
  tools.hidden = false;
  tools.addEventListener('click', (event) => {
    const what = event.target.dataset.do;
    if (what === 'in') zoom(0.5);
    if (what === 'out') zoom(2);
    if (what === 'fit') show(0, total);
  });
  const redraw = () => {
    palette();
    draw();
  };
  redraws.push(redraw);
  new ResizeObserver(later).observe(canvas);
  redraw();
};
