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

  // Gives the page a file of so many blocks and some bytes, as a person does: with a button, by dropping or by pasting.
  talk.choose = async (name, blocks, rest, way = 'button') => {
    const parts = [];
    for (let n = 0; n < blocks; n++) parts.push(await talk.block(n));
    parts.push((await talk.block(blocks)).slice(0, rest));
    const transfer = new DataTransfer();
    transfer.items.add(new File(parts, name, {type: 'text/html'}));
    const input = document.querySelector('[data-attach]');
    const options = {bubbles: true, cancelable: true};
    if (way === 'drop') {
      for (const type of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, {...options, dataTransfer: transfer}));
    } else if (way === 'paste') {
      document.body.dispatchEvent(new ClipboardEvent('paste', {...options, clipboardData: transfer}));
    } else {
      input.files = transfer.files;
      input.dispatchEvent(new Event('change'));
    }
    return true;
  };

  // How much of all files has arrived, by their bars: 2.5 = two and a half.
  talk.received = () => {
    let sum = 0;
    for (const item of document.querySelectorAll('[data-transfer="other"]')) {
      sum += item.dataset.state === 'done' ? 1 : item.querySelector('progress').value;
    }
    return sum;
  };

  // Measures the frames of each second, and the memory of the page.
  talk.measured = {frames: [], heap: []};
  talk.measure = () => {
    let before;
    const measure = async () => {
      const {pc} = callbox;
      if (!pc) return; // The call is over.
      const stats = [...(await pc.getStats()).values()];
      const frames = stats
        .filter(({type, kind}) => type === 'inbound-rtp' && kind === 'video')
        .reduce((sum, {framesDecoded}) => sum + framesDecoded, 0);
      const now = {pc, frames, at: performance.now()};
      if (before?.pc === pc)
        talk.measured.frames.push((1000 * (frames - before.frames)) / (now.at - before.at));
      before = now;
      talk.measured.heap.push(performance.memory.usedJSHeapSize);
    };
    setInterval(measure, 1000);
    void measure();
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
