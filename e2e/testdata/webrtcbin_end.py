"""An end of a call, with GStreamer, that knows nothing of docs/call.md. It reads an offer and writes an answer, in lines of JSON."""

import json
import sys
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

PIPELINE = """
webrtcbin name=end bundle-policy=max-bundle
videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=15/1 ! vp8enc deadline=1 keyframe-max-dist=15
 ! rtpvp8pay ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! end.
audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc
 ! rtppcmupay ! application/x-rtp,media=audio,encoding-name=PCMU,payload=0 ! end.
"""
# The binding makes a type at its first use, and threads that use it then may see half of it.
SOURCE, BUFFER, OK = Gst.PadDirection.SRC, Gst.PadProbeType.BUFFER, Gst.PadProbeReturn.OK
COMPLETE, OPEN = GstWebRTC.WebRTCICEGatheringState.COMPLETE, GstWebRTC.WebRTCDataChannelState.OPEN
seen = {"frames": 0, "heard": 0, "opened": []}


def say(**message):
    print(json.dumps(message), flush=True)


def ask(end, name, *arguments):
    promise = Gst.Promise.new()
    end.emit(name, *arguments, promise)
    promise.wait()
    return promise  # which owns its reply


def received(end, pad, pipeline):
    """Counts the frames of video, and drops everything."""
    if pad.get_direction() != SOURCE:
        return
    video = pad.get_current_caps().get_structure(0).get_string("encoding-name") == "VP8"
    sink = Gst.parse_bin_from_description(
        ("rtpvp8depay ! " if video else "") + "fakesink name=drain sync=false", True
    )
    pipeline.add(sink)
    sink.sync_state_with_parent()
    pad.link(sink.sinkpads[0])
    if video:
        sink.get_by_name("drain").sinkpads[0].add_probe(BUFFER, count_frame)


def count_frame(_pad, _info):
    seen["frames"] += 1
    return OK


def heard(_channel, _message):
    seen["heard"] += 1


def call(pipeline, loop):
    end = pipeline.get_by_name("end")
    pipeline.set_state(Gst.State.READY)
    channel = end.emit("create-data-channel", "chat", None)  # in band
    channel.connect("on-message-string", heard)
    end.connect("on-data-channel", lambda _, other: seen["opened"].append(other.get_property("label")))
    end.connect("pad-added", received, pipeline)
    pipeline.set_state(Gst.State.PLAYING)
    _, offer = GstSdp.SDPMessage.new_from_text(json.loads(sys.stdin.readline())["sdp"])
    ask(end, "set-remote-description", GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.OFFER, offer))
    answered = ask(end, "create-answer", None)
    reply = answered.get_reply()
    ask(end, "set-local-description", reply.get_value("answer"))
    while end.get_property("ice-gathering-state") != COMPLETE:
        time.sleep(0.05)
    say(type="answer", sdp=end.get_property("local-description").sdp.as_text())
    while seen["frames"] < 20 or channel.get_property("ready-state") != OPEN:
        time.sleep(0.05)
    for _ in range(300):
        channel.emit("send-string", "hello")
    time.sleep(0.5)  # for what the other end may do about it
    say(connected=True)
    sys.stdin.readline()  # until the test has seen enough
    say(
        channel=channel.get_property("ready-state").value_nick,
        connection=end.get_property("connection-state").value_nick,
        **seen,
    )
    sys.stdin.readline()  # until it is closed
    loop.quit()


Gst.init(None)
main = GLib.MainLoop()
threading.Thread(target=call, args=(Gst.parse_launch(PIPELINE), main), daemon=True).start()
main.run()
