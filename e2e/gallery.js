// Looks at a screen as a test does: which it is, and what of it is too small, hidden, too wide or in the wrong language.
window.gallery ??= (() => {
  const visible = (element) => element.checkVisibility({visibilityProperty: true});
  const CONTROLS =
    'button, a[href], select, input:not([type="file"]), textarea, summary, [role="menuitem"]';

  // The open dialog, or else the open menu, or else the page.
  const foremost = () =>
    document.querySelector('dialog[open]') ??
    [...document.querySelectorAll('[role="menu"]')].find(visible) ??
    document.body;

  const controls = () =>
    [...foremost().querySelectorAll(CONTROLS)]
      .filter((control) => visible(control) && !control.closest('.unseen'))
      .map((control) => ({
        control,
        // A checkbox is as large as its label, which can be pressed as well.
        target: /checkbox|radio/.test(control.type) ? control.closest('label') : control,
      }));

  const nameOf = (element) =>
    `${element.localName} ${element.dataset.action ?? element.name ?? element.className} "${element.innerText?.trim().slice(0, 30)}"`;

  return {
    // Everything that a person can be shown, and what of it is on the screen now.
    parts: () => {
      const all = [];
      const shown = [];
      const add = (name, is) => {
        all.push(name);
        if (is) shown.push(name);
      };
      for (const section of document.querySelectorAll('body:not([data-phase]) [data-for]'))
        for (const screen of section.dataset.for.split(' '))
          add(`screen ${screen}`, document.body.dataset.screen === screen);
      for (const dialog of document.querySelectorAll('dialog'))
        add(`dialog ${dialog.dataset.dialog}`, dialog.open);
      for (const menu of document.querySelectorAll('[role="menu"]'))
        add(`menu ${menu.id}`, visible(menu));
      for (const part of document.querySelectorAll('aside, .kept'))
        add(`part ${part.className}`, visible(part));
      return {all, shown};
    },

    // Controls that are smaller than a finger. A link in a sentence may be as high as its line (WCAG 2.2, 2.5.8).
    small: () =>
      controls()
        .filter(({control}) => getComputedStyle(control).display !== 'inline')
        .filter(({target}) => {
          const {width, height} = target.getBoundingClientRect();
          return width < 43.9 || height < 43.9;
        })
        .map(({target}) => {
          const {width, height} = target.getBoundingClientRect();
          return `${nameOf(target)} is ${Math.round(width)}x${Math.round(height)}`;
        }),

    // Controls under something else, and content that is wider than the window.
    covered: () => {
      const found = [];
      const front = foremost();
      const boxes = [document.documentElement, ...document.querySelectorAll('*')].filter(
        (box) => box.scrollHeight > box.clientHeight,
      );
      const before = boxes.map((box) => box.scrollTop);
      for (const {target} of controls()) {
        // What is below the edge can be scrolled to, also from under a bar that stays.
        target.scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'});
        const {left, top, width, height} = target.getBoundingClientRect();
        const [x, y] = [left + width / 2, top + height / 2];
        const hit = document.elementFromPoint(x, y);
        if (!hit || target.contains(hit) || hit.contains(target)) continue;
        // The drawer of the chat covers the call on a small window.
        if (front === document.body && hit.closest('aside') && !target.closest('aside')) continue;
        found.push(`${nameOf(target)} is under ${nameOf(hit)}`);
      }
      for (const [i, box] of boxes.entries()) box.scrollTop = before[i];
      const {scrollWidth} = document.documentElement;
      if (scrollWidth > innerWidth) found.push(`${scrollWidth} px in a window of ${innerWidth}`);
      return found;
    },

    // Chinese texts on an English page, but for what says that it is Chinese, and the menu of languages.
    untranslated: () => {
      if (!document.documentElement.lang.startsWith('en')) return [];
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const found = [];
      while (texts.nextNode()) {
        const {data, parentElement} = texts.currentNode;
        if (!/\p{Script=Han}/u.test(data) || !visible(parentElement)) continue;
        if (parentElement.closest('[lang|="zh"], [data-language]')) continue;
        found.push(`${nameOf(parentElement)} is not in English`);
      }
      return found;
    },

    violations: async () => {
      // The browser's own colours, on a page without a style: axe takes their background for white, in the dark too.
      const styled = document.styleSheets.length > 0;
      const rules = styled ? {} : {'color-contrast': {enabled: false}};
      const {violations} = await axe.run(document, {resultTypes: ['violations'], rules});
      return violations.map(
        ({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 160)).join(' | ')}`,
      );
    },
  };
})();
