"""An end of a call that knows nothing of docs/call.md. It reads an offer and writes an answer, in lines of JSON."""

import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

seen = {"frames": 0, "heard": 0, "opened": []}


def say(**message):
    print(json.dumps(message), flush=True)


async def line():
    return await asyncio.get_event_loop().run_in_executor(None, sys.stdin.readline)


async def consume(track):
    try:
        while True:
            await track.recv()
            if track.kind == "video":
                seen["frames"] += 1
    except MediaStreamError:
        pass


async def main():
    offer = json.loads(await line())
    pc = RTCPeerConnection()
    channel = pc.createDataChannel("chat")  # in band

    @channel.on("message")
    def heard(_):
        seen["heard"] += 1

    @pc.on("datachannel")
    def opened(other):
        seen["opened"].append(other.label)

    tasks = []

    @pc.on("track")
    def received(track):
        tasks.append(asyncio.ensure_future(consume(track)))

    pc.addTrack(AudioStreamTrack())
    pc.addTrack(VideoStreamTrack())
    await pc.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
    await pc.setLocalDescription(await pc.createAnswer())
    say(type="answer", sdp=pc.localDescription.sdp)
    while seen["frames"] < 20 or channel.readyState != "open":
        await asyncio.sleep(0.05)
    for _ in range(300):
        channel.send("hello")
    await asyncio.sleep(0.5)  # for what the other end may do about it
    say(connected=True)
    await line()  # until the test has seen enough
    say(channel=channel.readyState, connection=pc.connectionState, **seen)
    await pc.close()


asyncio.run(main())
