"""A media server on aiortc: POST /whip takes a stream, POST /whep gives one, DELETE of the session's address ends it.

It writes its port as a line of JSON, and what it has received in a session when that ends.
"""

import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

sessions = {}
tasks = set()


def say(**message):
    print(json.dumps(message), flush=True)


async def consume(track, seen):
    try:
        while True:
            await track.recv()
            seen[track.kind] += 1
    except MediaStreamError:
        pass


async def create(path, offer):
    pc, seen = RTCPeerConnection(), {"audio": 0, "video": 0}

    @pc.on("track")
    def received(track):
        task = asyncio.ensure_future(consume(track, seen))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if path == "/whep":
        pc.addTrack(AudioStreamTrack())
        pc.addTrack(VideoStreamTrack())
    await pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    location = f"/session/{len(sessions)}"
    sessions[location] = (pc, seen)
    return location, pc.localDescription.sdp


async def respond(method, path, body):
    if method == "POST" and path in ("/whip", "/whep"):
        location, answer = await create(path, body)
        return "201 Created", {"Location": location, "Content-Type": "application/sdp"}, answer
    if method == "DELETE" and path in sessions:
        pc, seen = sessions.pop(path)
        await pc.close()
        say(**seen)
        return "200 OK", {}, ""
    return "405 Method Not Allowed", {}, ""


async def serve(reader, writer):
    method, path, _ = (await reader.readline()).decode().split()
    length = 0
    while line := (await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = (await reader.readexactly(length)).decode()
    status, headers, text = await respond(method, path, body)
    headers |= {"Content-Length": len(text.encode()), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n{text}".encode())
    await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", 0)
    say(port=server.sockets[0].getsockname()[1])
    await asyncio.get_event_loop().run_in_executor(None, sys.stdin.readline)


asyncio.run(main())
