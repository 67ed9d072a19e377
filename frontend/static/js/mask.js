/**
 * Hides the end of each IP address in a text, so that it tells neither the device nor the server.
 * @param {string} text
 */
export const maskAddresses = (text) =>
  text
    .replace(/(?<![\w./])(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?![\w.]*\w)/g, '$1.x.x')
    .replace(/[0-9a-f]*:[0-9a-f:.]*/gi, (token) => {
      // A time of day has two colons and no empty group.
      const groups = token.split(':');
      return token.includes('::') || groups.length > 4
        ? `${groups.slice(0, 2).join(':')}:x`
        : token;
    });
