"""An ICE agent of libnice with relay candidates only. It reads and writes lines of JSON."""

import ctypes
import json
import queue
import sys
import threading

import gi

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # noqa: E402

# Payloads use the C interface, because the bindings take only text.
nice = ctypes.CDLL("libnice.so.10")
RECEIVER = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p
)
nice.nice_agent_attach_recv.argtypes = [
    ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, RECEIVER, ctypes.c_void_p
]
nice.nice_agent_send.argtypes = [
    ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_char_p
]
COMPONENT = 1


def say(**message):
    print(json.dumps(message), flush=True)


def main(controlling, transport, host, port, username, password):
    loop = GLib.MainLoop()
    agent = Nice.Agent.new(loop.get_context(), Nice.Compatibility.RFC5245)
    for name, value in (("controlling-mode", controlling), ("force-relay", True), ("upnp", False), ("ice-tcp", False)):
        agent.set_property(name, value)
    local = Nice.Address.new()
    local.set_from_string("127.0.0.1")
    agent.add_local_address(local)
    pointer, stream = hash(agent), agent.add_stream(1)
    relay = Nice.RelayType.UDP if transport == "udp" else Nice.RelayType.TCP
    agent.set_relay_info(stream, COMPONENT, host, port, username, password, relay)
    agent.set_stream_name(stream, "application")
    gathered, ready, received = threading.Event(), threading.Event(), queue.Queue()
    agent.connect("candidate-gathering-done", lambda *_: gathered.set())

    def changed(_agent, _stream, _component, state):
        if state == Nice.ComponentState.READY:
            ready.set()

    agent.connect("component-state-changed", changed)

    def receive(_agent, _stream, _component, length, data, _user):
        payload = ctypes.string_at(data, length)
        if controlling:
            received.put(payload)
        else:
            nice.nice_agent_send(pointer, stream, COMPONENT, length, payload)

    receiver = RECEIVER(receive)
    nice.nice_agent_attach_recv(pointer, stream, COMPONENT, None, receiver, None)
    threading.Thread(target=loop.run, daemon=True).start()
    agent.gather_candidates(stream)
    if not gathered.wait(20):
        raise SystemExit("gathering is not done")
    _, ufrag, pwd = agent.get_local_credentials(stream)
    say(
        ufrag=ufrag,
        pwd=pwd,
        candidates=[
            agent.generate_local_candidate_sdp(c).removeprefix("a=")
            for c in agent.get_local_candidates(stream, COMPONENT)
        ],
    )
    other = json.loads(sys.stdin.readline())
    agent.set_remote_credentials(stream, other["ufrag"], other["pwd"])
    remote = [agent.parse_remote_candidate_sdp(stream, "a=" + c) for c in other["candidates"]]
    agent.set_remote_candidates(stream, COMPONENT, remote)
    if not ready.wait(20):
        raise SystemExit("not connected")
    say(connected=True)
    if controlling:
        for i, size in enumerate(json.loads(sys.stdin.readline())["sizes"]):
            payload = bytes((i + k) % 256 for k in range(size))
            nice.nice_agent_send(pointer, stream, COMPONENT, size, payload)
            echo = received.get(timeout=20)
            if echo != payload:
                say(fault="payload %d came back as %d bytes, %d were sent" % (i, len(echo), size))
        say(done=True)
    sys.stdin.readline()  # until it is closed
    agent.remove_stream(stream)
    GLib.timeout_add(500, loop.quit)
    threading.Event().wait(0.5)


main(sys.argv[1] == "controlling", sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6])
