// The graph: as wide as the page at first, then as large as it is wanted; a task of it is found in the table.
const graphView = () => {
  const frame = document.querySelector('.graph');
  const picture = frame && frame.querySelector('svg');
  if (!picture) return;
  const natural = Number(picture.getAttribute('width')), ratio = Number(picture.getAttribute('height')) / natural;
  let scale = 0; // 0: as wide as the page, never larger than it was drawn

  const fitting = () => Math.min(1, frame.clientWidth / natural);
  const draw = (wanted) => {
    const before = {x: (frame.scrollLeft + frame.clientWidth / 2) / frame.scrollWidth, y: (frame.scrollTop + frame.clientHeight / 2) / frame.scrollHeight};
    scale = wanted && Math.min(3, Math.max(0.05, wanted));
    const width = natural * (scale || fitting());
    picture.setAttribute('width', width);
    picture.setAttribute('height', width * ratio);
    frame.scrollLeft = before.x * frame.scrollWidth - frame.clientWidth / 2;
    frame.scrollTop = before.y * frame.scrollHeight - frame.clientHeight / 2;
  };
  const steps = {
    in: () => draw((scale || fitting()) * 1.4),
    out: () => draw((scale || fitting()) / 1.4),
    fit: () => draw(0),
    actual: () => draw(1),
  };
  const tools = find('graph-tools');
  tools.hidden = false;
  tools.addEventListener('click', (event) => {
    const step = steps[event.target.dataset.do];
    if (step) step();
  });
  frame.addEventListener('keydown', (event) => {
    const step = {'+': 'in', '=': 'in', '-': 'out', 0: 'fit', 1: 'actual'}[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    steps[step]();
  });
  frame.addEventListener('wheel', (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    draw((scale || fitting()) * Math.exp(-event.deltaY / 250));
  }, {passive: false});
  frame.addEventListener('click', (event) => {
    const node = event.target.closest('.fk-node');
    const name = node ? data.names.indexOf(node.dataset.key) : -1;
    if (name >= 0) showTask(name, -1);
  });
  new ResizeObserver(() => scale || draw(0)).observe(frame);
  draw(0);
};
