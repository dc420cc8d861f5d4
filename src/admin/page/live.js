'use strict';
// Asks for this page again every five seconds and exchanges the parts that changed. A part that has the focus stays as it is.
const byId = (page, id) => page.getElementById(id);
const sections = (page) => [...page.querySelectorAll('section')].map((part) => part.id);
const button = document.createElement('button');
let live = true;
button.type = 'button';
button.textContent = 'Pause';
button.addEventListener('click', () => { live = !live; button.textContent = live ? 'Pause' : 'Go on'; });
byId(document, 'header').append(button);
const exchange = (old, fresh) => {
  if (old.innerHTML !== fresh.innerHTML && !old.contains(document.activeElement)) old.replaceChildren(...fresh.childNodes);
};
const turn = async () => {
  if (!live || document.hidden) return;
  try {
    const answer = await fetch('/status', { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(4000) });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const ids = sections(document);
    if (ids.join() === sections(fresh).join()) ids.forEach((id) => exchange(byId(document, id), byId(fresh, id)));
    else exchange(byId(document, 'main'), byId(fresh, 'main'));
    exchange(byId(document, 'told'), byId(fresh, 'told'));
    if (live) button.textContent = 'Pause';
  } catch {
    if (live) button.textContent = 'No answer: pause';
  }
};
setInterval(turn, 5000);
