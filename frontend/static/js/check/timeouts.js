/** Every timeout and interval of a check, in milliseconds. */

/** How long the server may take to answer. */
export const SERVER_TIMEOUT = 6000;
/** How long a STUN server may take. A browser tries for longer, but a call would not wait. */
export const STUN_TIMEOUT = 5000;
/** How long a relay may take to be opened, and then to connect. */
export const RELAY_TIMEOUT = Object.freeze({open: 6000, connect: 6000});
/** Packets are sent to a relay for so long, one in each interval, and those that are late are waited for. */
export const PACKETS = Object.freeze({duration: 5000, interval: 20, late: 1000});
