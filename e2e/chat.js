// Stands in for what people and networks do to chats and files. Runs before the page's own scripts.
(() => {
  const talk = {
    // Bytes of files that get through on one connection, and those that were sent.
    limit: Infinity,
    passed: 0,
    // Offsets at which files were asked for.
    takes: [],
    // What was saved: instead of downloads.
    saved: [],
    // Whether the next description asks for a new connection instead.
    rebuild: false,
  };
  Object.defineProperty(window, 'talk', {value: talk});

  const {send} = RTCDataChannel.prototype;
  RTCDataChannel.prototype.send = function (data) {
    if (this.label === 'file') {
      talk.passed += data.byteLength;
      if (talk.passed > talk.limit) return; // It is lost on the way.
    } else if (String(data).startsWith('{"type":"take"')) talk.takes.push(JSON.parse(data).offset);
    send.call(this, data);
  };

  const sendFrame = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    const frame = JSON.parse(text);
    const described = frame.type === 'message' && frame.data.description;
    if (talk.rebuild && described) {
      talk.rebuild = false;
      frame.data = {call: frame.data.call + 1, renegotiate: true};
    }
    sendFrame.call(this, JSON.stringify(frame));
  };

  let newest;
  const {createObjectURL} = URL;
  URL.createObjectURL = (blob) => {
    newest = blob;
    return createObjectURL.call(URL, blob);
  };
  HTMLAnchorElement.prototype.click = function () {
    talk.saved.push({name: this.download, type: newest.type, blob: newest});
  };

  // A block of a file: 1 MiB that is not the same as any other.
  talk.block = async (n) => {
    const bytes = new Uint8Array(1 << 20);
    const view = new DataView(bytes.buffer);
    for (let at = 0, x = n + 1; at < bytes.length; at += 4) {
      x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
      view.setUint32(at, x);
    }
    return bytes;
  };

  // Chooses a file of so many blocks and some bytes, as a person does in the browser's dialog.
  talk.choose = async (name, blocks, rest) => {
    const parts = [];
    for (let n = 0; n < blocks; n++) parts.push(await talk.block(n));
    parts.push((await talk.block(blocks)).slice(0, rest));
    const input = document.querySelector('[data-attach]');
    const chosen = new DataTransfer();
    chosen.items.add(new File(parts, name, {type: 'text/html'}));
    input.files = chosen.files;
    input.dispatchEvent(new Event('change'));
    return true;
  };

  // Compares the newest saved file with the one that was chosen. Returns '' or what is wrong.
  talk.compare = async (blocks, rest) => {
    const {blob} = talk.saved.at(-1);
    if (blob.size !== blocks * (1 << 20) + rest) return `it has ${blob.size} bytes`;
    for (let n = 0; n <= blocks; n++) {
      const got = new Uint8Array(await blob.slice(n << 20, (n + 1) << 20).arrayBuffer());
      const want = await talk.block(n);
      if (got.some((byte, i) => byte !== want[i])) return `block ${n} differs`;
    }
    return '';
  };
})();
