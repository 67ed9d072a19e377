/**
 * Imports a module that is loaded when it is needed, unless the server does not answer: a browser does not fetch a
 * module again that it could not fetch once.
 * @template T
 * @param {URL} url of the module
 * @param {() => Promise<T>} load imports it
 */
export async function loadModule(url, load) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname}: ${response.status}`);
  return load();
}
