import {screenOf} from './screens.js';
/** @import {Call} from './call.js' */
/** @import {Media} from './media.js' */

/** Defines `window.callbox` for tests and for people who look for a fault. @param {Call} call @param {Media} media */
export function exposeCall(call, media) {
  const stats = async () => {
    const {link} = call;
    await link?.measure(performance.now());
    const {quality, level, clock, sample, rates} = link ?? {};
    return {...sample, ...rates, quality: quality?.value, level: level?.value, clock};
  };
  const callbox = {
    get state() {
      return {...call.state, screen: screenOf(call.state), media: media.state};
    },
    get signaling() {
      return call.signaling;
    },
    get pc() {
      return call.link?.pc ?? null;
    },
    stats,
  };
  Object.defineProperty(window, 'callbox', {value: Object.freeze(callbox)});
}
