// The development inbox: asks for the newest messages every two seconds while the page is looked at.
//
// A message is the content of strangers as far as this page is concerned: it is only ever put into text nodes, and its HTML
// only into a frame that may run nothing and has no origin.

'use strict';

(() => {
  const LIMIT = 50;
  const PAUSE = 2_000;

  const part = id => document.getElementById(id);
  const field = part('to');
  const list = part('messages');
  const state = part('state');
  const empty = part('empty');

  /** The list items on the page by message id, so that open details, focus and selections stay across refreshes. */
  const shown = new Map();
  let filter = new URL(location.href).searchParams.get('to') ?? '';
  let timer = 0;
  /** Counts requests: the answer to an older one than the latest is dropped. */
  let turn = 0;
  let first = true;

  const address = to => `/inbox${to ? `?to=${encodeURIComponent(to)}` : ''}`;

  async function call(method, path) {
    const answer = await fetch(path, { method, headers: { accept: 'application/json' }, cache: 'no-store' });
    if (!answer.ok) throw new Error(`${method} ${path.split('?')[0]} answered ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  }

  async function refresh() {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const to = filter ? `&to=${encodeURIComponent(filter)}` : '';
      const { data, total_count: total } = await call('GET', `/inbox/messages?limit=${LIMIT}${to}`);
      if (mine !== turn) return;
      show(data, total);
    } catch (error) {
      if (mine !== turn) return;
      say(`Not up to date: ${error.message}. Trying again every two seconds.`, true);
    }
    if (!document.hidden) timer = setTimeout(refresh, PAUSE);
  }

  function say(text, failed = false) {
    if (state.textContent !== text) state.textContent = text;
    state.classList.toggle('failed', failed);
  }

  function show(data, total) {
    const ids = new Set(data.map(({ id }) => id));
    for (const [id, item] of shown) {
      if (ids.has(id)) continue;
      item.remove();
      shown.delete(id);
    }
    let before = list.firstElementChild;
    for (const message of data) {
      const known = shown.get(message.id);
      if (known) {
        if (known === before) before = known.nextElementSibling;
        else list.insertBefore(known, before);
        continue;
      }
      const item = draw(message);
      item.classList.toggle('new', !first);
      shown.set(message.id, item);
      list.insertBefore(item, before);
    }
    first = false;
    empty.disabled = total === 0 && !filter;
    part('nothing').hidden = data.length > 0;
    part('nothing-title').textContent = filter ? `No messages to ${filter}` : 'No messages yet';
    part('nothing-hint').textContent = filter
      ? 'They appear here as soon as one is sent. The whole address has to match.'
      : 'Sign up or ask for a code in your app, and the mail or SMS appears here.';
    const count = total === 1 ? '1 message' : `${total} messages`;
    say(total > data.length && data.length > 0 ? `${count}, the newest ${data.length} below` : total > 0 ? count : '');
  }

  function draw(message) {
    const item = part('message').content.firstElementChild.cloneNode(true);
    const within = selector => item.querySelector(selector);
    const text = message.text ?? '';

    within('.channel').textContent = message.channel === 'sms' ? 'SMS' : 'Mail';
    within('.to').textContent = message.to;
    within('.to').href = address(message.to);
    within('.to').title = `Only messages to ${message.to}`;
    within('.to').onclick = event => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      choose(message.to);
      field.value = message.to;
    };

    const sent = new Date(message.created_at);
    const time = within('time');
    time.dateTime = sent.toISOString();
    time.textContent = sent.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

    within('.subject').textContent = message.subject || (message.channel === 'sms' ? text : '(no subject)');
    within('.from').textContent = message.from ? `From ${message.from}` : '';
    within('.from').hidden = !message.from;

    within('.code').hidden = !message.code;
    within('output').textContent = message.code ?? '';
    within('.copy').setAttribute('aria-label', `Copy the code ${message.code}`);
    within('.copy').onclick = ({ currentTarget }) => copy(message.code, currentTarget, within('output'));

    const links = within('.links');
    for (const url of linksIn(text)) {
      const link = document.createElement('a');
      link.href = url;
      link.textContent = url;
      link.rel = 'noreferrer';
      links.appendChild(document.createElement('li')).append(link);
    }
    links.hidden = links.childElementCount === 0;

    within('.body').hidden = !text || (message.channel === 'sms' && !message.subject);
    within('.body').open = !message.code && links.hidden;
    within('pre').textContent = text;

    // The frame is made when it is first opened: fifty of them would cost more than the page.
    const html = within('.html');
    html.hidden = !message.html;
    html.ontoggle = () => {
      if (!html.open || html.querySelector('iframe')) return;
      const frame = document.createElement('iframe');
      frame.setAttribute('sandbox', '');
      frame.title = `Mail as designed: ${message.subject ?? ''}`;
      frame.srcdoc = message.html;
      html.append(frame);
    };
    return item;
  }

  /** The web addresses in a text. Only http and https: no other scheme becomes a link. */
  function linksIn(text) {
    const found = text.match(/\bhttps?:\/\/[^\s<>"'`]+/gi) ?? [];
    return [...new Set(found.map(url => url.replace(/[.,;:!?)\]]+$/, '')))].filter(url => URL.canParse(url));
  }

  async function copy(code, button, output) {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = 'Copied';
    } catch {
      // Without permission, or off a secure origin: leave it selected for the keyboard.
      getSelection().selectAllChildren(output);
      button.textContent = 'Selected';
    }
    setTimeout(() => (button.textContent = 'Copy'), 1_500);
  }

  function choose(to) {
    if (to === filter) return;
    filter = to;
    history.replaceState(null, '', address(to));
    refresh();
  }

  async function discard() {
    empty.disabled = true;
    try {
      await call('DELETE', '/inbox/messages');
      await refresh();
    } catch (error) {
      empty.disabled = false;
      say(`Could not empty the inbox: ${error.message}`, true);
    }
  }

  field.value = filter;
  let typing = 0;
  field.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => choose(field.value.trim()), 250);
  });
  part('filter').addEventListener('submit', event => {
    event.preventDefault();
    choose(field.value.trim());
  });
  empty.addEventListener('click', discard);
  document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : refresh()));
  refresh();
})();
