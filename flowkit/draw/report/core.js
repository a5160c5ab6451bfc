// What the parts share. Text of users only ever becomes text: nothing here makes markup of it.
const data = JSON.parse(document.getElementById('data').textContent);
const find = (id) => document.getElementById(id);

/** An element with properties, and children that are elements or text. */
const make = (tag, properties, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === 'class') made.className = value;
    else if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

/** `34ms`, `1.2s`, `1:05`, as in the terminal. */
const duration = (seconds) => {
  if (seconds < 0.0995) return seconds >= 0.001 ? `${(seconds * 1000).toFixed(0)}ms` : '<1ms';
  if (seconds < 59.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (number) => String(number).padStart(2, '0');
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

const number = (value) => value.toLocaleString('en');
const counted = (many, noun) => `${number(many)} ${noun}${many === 1 ? '' : 's'}`;

/** The key of a task by its place among the names, or of a child of it. */
const keyOf = (name, child) => (child < 0 ? data.names[name] : `${data.names[name]}[${child}]`);

/** What a state looks like: `[word, tone, symbol]`. */
const stateOf = (place) => data.states[place];

const stateElement = (place) => {
  const [word, tone, symbol] = stateOf(place);
  return make('span', {class: `state ${tone}`}, make('span', {'aria-hidden': 'true'}, symbol), ` ${word}`);
};

/** Calls `work` once the typing has paused. */
const settled = (work) => {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 120);
  };
};

// -- light and dark -------------------------------------------------------------------------------

const redraws = [];
const system = matchMedia('(prefers-color-scheme: dark)');
const themes = ['auto', 'light', 'dark'];
let theme = 'auto';

const showTheme = () => {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  find('theme').textContent = `Theme: ${theme}`;
  for (const redraw of redraws) redraw();
};

try {
  const kept = localStorage.getItem('flowkit-theme');
  if (themes.includes(kept)) theme = kept;
} catch { /* a page from a file may not be let to keep anything */ }
find('theme').hidden = false;
find('theme').addEventListener('click', () => {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length];
  try {
    localStorage.setItem('flowkit-theme', theme);
  } catch { /* it lasts for as long as the page does */ }
  showTheme();
});
system.addEventListener('change', showTheme);
showTheme();

// On paper all is light, and nothing is folded.
const opened = [];
addEventListener('beforeprint', () => {
  document.documentElement.dataset.theme = 'light';
  for (const redraw of redraws) redraw();
  for (const each of document.querySelectorAll('details:not([open]):not(.log)')) {
    each.open = true;
    opened.push(each);
  }
});
addEventListener('afterprint', () => {
  for (const each of opened.splice(0)) each.open = false;
  showTheme();
});
