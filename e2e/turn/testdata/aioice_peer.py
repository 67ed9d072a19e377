"""An ICE agent of aioice with relay candidates only. It reads and writes lines of JSON."""

import asyncio
import json
import sys

import aioice


def say(**message):
    print(json.dumps(message), flush=True)


async def main(controlling, transport, host, port, username, password):
    connection = aioice.Connection(
        ice_controlling=controlling,
        turn_server=(host, port),
        turn_username=username,
        turn_password=password,
        turn_ssl=transport == "tls",
        turn_transport="udp" if transport == "udp" else "tcp",
        use_ipv6=False,
        transport_policy=aioice.ice.TransportPolicy.RELAY,
    )
    await connection.gather_candidates()
    say(
        ufrag=connection.local_username,
        pwd=connection.local_password,
        candidates=["candidate:" + c.to_sdp() for c in connection.local_candidates],
    )
    loop = asyncio.get_event_loop()
    other = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    connection.remote_username = other["ufrag"]
    connection.remote_password = other["pwd"]
    for candidate in other["candidates"]:
        await connection.add_remote_candidate(
            aioice.Candidate.from_sdp(candidate.split(":", 1)[1])
        )
    await connection.add_remote_candidate(None)
    await connection.connect()
    say(connected=True)
    if controlling:
        for i, size in enumerate(json.loads(await loop.run_in_executor(None, sys.stdin.readline))["sizes"]):
            payload = bytes((i + k) % 256 for k in range(size))
            await connection.send(payload)
            echo = await asyncio.wait_for(connection.recv(), 20)
            if echo != payload:
                say(fault="payload %d came back as %d bytes, %d were sent" % (i, len(echo), size))
        say(done=True)
        await loop.run_in_executor(None, sys.stdin.readline)  # until it is closed
    else:
        echoing = asyncio.ensure_future(echo_all(connection))
        await loop.run_in_executor(None, sys.stdin.readline)  # until it is closed
        echoing.cancel()
    await connection.close()


async def echo_all(connection):
    while True:
        await connection.send(await connection.recv())


asyncio.run(main(sys.argv[1] == "controlling", sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5], sys.argv[6]))
