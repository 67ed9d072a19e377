/**
 * Adds a style sheet to a document, and waits until it is loaded.
 * @param {URL} url @param {Document} page
 */
export function loadStyle({href}, page = document) {
  const link = Object.assign(page.createElement('link'), {rel: 'stylesheet', href});
  return new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      link.remove();
      reject(new Error(`${href} cannot be loaded`));
    };
    page.head.append(link);
  });
}
