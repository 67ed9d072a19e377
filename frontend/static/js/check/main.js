import {chooseLanguage, format, loadTexts} from '../i18n.js';
import {takeToken} from '../roomlink.js';
import {keepToken, recall, remember} from '../storage.js';
import {element} from '../ui/dom.js';
import {buildLanguageMenus, LANGUAGES, showLanguage} from '../ui/languages.js';
import {environmentOf} from './environment.js';
import {reportOf} from './report.js';
import {newRows, verdictOf} from './rows.js';
import {Check} from './run.js';
import {buildView, render, showCopied, showText} from './view.js';
/** @import {Key, Parameters, Texts} from '../i18n.js' */

/** The page that checks a connection, see docs/check.md. Its home is four folders above this module. */
const HOME = new URL('../../../../', import.meta.url);
const address = new URL(location.href);
const token = keepToken(takeToken(address));
// Neither the history nor a copied link may contain the token.
if (address.href !== location.href) history.replaceState(null, '', address);

const environment = environmentOf(HOME.href.slice(0, -1), token);

/** @type {Texts} */ let texts;
/** @type {Check|null} */ let check = null;

/** @param {Key} key @param {Parameters} [parameters] */
const t = (key, parameters) => format(texts, key, parameters);

function show() {
  const rows = check?.rows ?? newRows();
  const ended = check?.ended ?? false;
  render({
    phase: ended ? 'ended' : check ? 'running' : 'idle',
    rows,
    verdict: ended ? verdictOf(rows) : null,
    t,
  });
}

/** @param {boolean} withDevices */
async function start(withDevices) {
  if (check && !check.ended) return;
  check = new Check(environment, show);
  show();
  await check.run(withDevices);
  element('[data-verdict-title]').focus();
}

async function copy() {
  if (!check) return;
  const {version = ''} = document.documentElement.dataset;
  const report = reportOf(
    {
      rows: check.rows,
      verdict: verdictOf(check.rows),
      time: new Date(),
      browser: navigator.userAgent,
      version,
    },
    t,
  );
  try {
    await navigator.clipboard.writeText(report);
    showCopied(t);
  } catch {
    showText(report); // There is no clipboard on an insecure page, or it is forbidden.
  }
}

/** @param {string} language */
async function setLanguage(language) {
  texts = await loadTexts(language);
  document.documentElement.lang = texts.htmlLang;
  showLanguage(language);
  show();
}

const asked = new URLSearchParams(location.search).get('lang') ?? '';
const preferred = [asked, recall('lang'), ...navigator.languages];
const language = chooseLanguage(preferred, LANGUAGES);
texts = await loadTexts(language); // What is clicked before does nothing.
buildView({start: (withDevices) => void start(withDevices), copy: () => void copy()});
buildLanguageMenus((chosen) => {
  remember('lang', chosen);
  void setLanguage(chosen);
});
await setLanguage(language);
