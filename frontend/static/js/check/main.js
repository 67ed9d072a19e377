import {chooseLanguage, format, loadTexts} from '../i18n.js';
import {takeToken} from '../roomlink.js';
import {keepToken, recall, remember} from '../storage.js';
import {canCall} from '../support.js';
import {element} from '../ui/dom.js';
import {reportOf} from './report.js';
import {newRows, verdictOf} from './rows.js';
import {Check} from './run.js';
import {buildView, render, showCopied, showText} from './view.js';
/** @import {Key, Language, Texts} from '../i18n.js' */
/** @import {Environment} from './run.js' */

/** The page that checks a connection, see docs/check.md. Its home is four folders above this module. */
const HOME = new URL('../../../../', import.meta.url);
const address = new URL(location.href);
const token = keepToken(takeToken(address));
// Neither the history nor a copied link may contain the token.
if (address.href !== location.href) history.replaceState(null, '', address);

/** @type {Environment} */
const environment = {
  server: HOME.href.slice(0, -1),
  token,
  fetch: (...request) => fetch(...request),
  WebSocket,
  PeerConnection: globalThis.RTCPeerConnection,
  canCall,
  secure: isSecureContext,
  devices: navigator.mediaDevices,
  permission: async (name) => {
    try {
      const status = await navigator.permissions.query({
        name: /** @type {PermissionName} */ (name),
      });
      return status.state;
    } catch {
      return '';
    }
  },
  now: () => performance.now(),
  date: () => Date.now(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** @type {Language} */ let language = 'en';
/** @type {Texts} */ let texts;
/** @type {Check|null} */ let check = null;

/** @param {Key} key @param {Record<string, string|number>} [parameters] */
const t = (key, parameters) => format(texts, key, parameters);

function show() {
  const rows = check?.rows ?? newRows();
  const ended = check?.ended ?? false;
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  element('[data-other-language]').textContent = language === 'zh' ? 'English' : '中文';
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

/** @param {Language} next */
async function setLanguage(next) {
  texts = await loadTexts(next);
  language = next;
  show();
}

buildView({start: (withDevices) => void start(withDevices), copy: () => void copy()});
element('[data-action="language"]').addEventListener('click', () => {
  const next = language === 'en' ? 'zh' : 'en';
  remember('lang', next);
  void setLanguage(next);
});
const asked = new URLSearchParams(location.search).get('lang') ?? '';
await setLanguage(chooseLanguage([asked, recall('lang'), ...navigator.languages]));
