"""Opens idle WebSocket connections and reports the server's memory for each.

Uses plain sockets: a handshake each, then silence. A first lot is opened before the measurement, so
that what the server allocates once is not counted against the connections.
"""

import base64
import hmac
import json
import os
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit
from urllib.request import urlopen

WARM_UP = 500
SETTLE_S = 2.0

# The server's memory is measured, not whom it is: its certificate was made a moment ago.
TRUSTING = ssl._create_unverified_context()


def rss_bytes(pid: int) -> int:
    # `VmRSS` of `status` leaves out what each CPU has not added yet.
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        for line in rollup:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no Rss")


def slab_bytes() -> int:
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        for line in meminfo:
            if line.startswith("Slab:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no Slab")


def per_shard(url) -> list:
    scheme = {"ws": "http", "wss": "https"}[url.scheme]
    trusting = TRUSTING if scheme == "https" else None
    with urlopen(f"{scheme}://{url.netloc}/health", timeout=20, context=trusting) as answer:
        return json.load(answer)["connectionsPerShard"]


def token(user: str) -> str:
    """An HS256 token for the secret that the server was started with."""

    def part(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    claims = {"sub": user, "exp": int(time.time()) + 3_600}
    said = part(b'{"alg":"HS256","typ":"JWT"}') + "." + part(json.dumps(claims).encode())
    secret = os.environ["SHARDWIRE_AUTH_SECRET"].encode()
    return said + "." + part(hmac.digest(secret, said.encode(), "sha256"))


def headers(number: int, offers: list[str]) -> str:
    lines = ""
    if "--jwt" in offers:
        lines += f"Authorization: Bearer {token(f'user{number:06}')}\r\n"
    if "--deflate" in offers:
        lines += "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    return lines


def open_one(url, more: str) -> socket.socket:
    request = (
        f"GET {url.path or '/'} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
    client = socket.create_connection((url.hostname, url.port), timeout=20)
    if url.scheme == "wss":
        client = TRUSTING.wrap_socket(client, server_hostname=url.hostname)
    client.sendall(request.encode())
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(4096)
        if not part:
            raise RuntimeError(f"refused: {head[:200]!r}")
        head += part
    if not head.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"refused: {head[:200]!r}")
    return client


def main() -> int:
    pid, url, count = int(sys.argv[1]), urlsplit(sys.argv[2]), int(sys.argv[3])
    offers = sys.argv[4:]
    held = [open_one(url, headers(number, offers)) for number in range(WARM_UP)]
    time.sleep(SETTLE_S)
    rss, slab = rss_bytes(pid), slab_bytes()
    start = time.monotonic()
    held += [open_one(url, headers(WARM_UP + number, offers)) for number in range(count)]
    took = time.monotonic() - start
    time.sleep(SETTLE_S)
    rss_each = (rss_bytes(pid) - rss) / count
    slab_each = (slab_bytes() - slab) / count
    print(f"connections: {count} in {took:.1f} s, after {WARM_UP} to warm up")
    print(f"connections a shard: {per_shard(url)}")
    print(f"server RSS before: {rss / 1024:.0f} KiB")
    print(f"user space a connection: {rss_each:.0f} bytes of RSS")
    print(f"kernel a connection: {slab_each:.0f} bytes of slab, both ends, the whole machine's growth")
    for client in held:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
