"""
The wire between the hosts of a cluster test: one network interface (TUN) in each host's namespace, and this process
carries every packet from one to the other as lines in the real world do: late, slowly, or not at all. In user space,
because not every kernel has netem; what it needs is /dev/net/tun.

    switch.py MTU ADDRESS=PID ...    the longest packet; the address of each host, and a process in its network namespace

It says "ready", then takes one command a line, as JSON, and answers each with one line:

    {"line": ADDRESS, "delayMs": N, "lossPercent": N, "mbitPerSecond": N}   one way in, and one way out; 0: no limit
    {"cut": [[ADDRESS, ADDRESS], ...]}                                      these reach one another no more; all others do
    {"carried": [FROM, TO]}                                                 bytes so far

It ends, and all interfaces with it, when its input does.
"""
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PACKET_BYTES_MAX = 65536
# What waits for a slow line; more is dropped, as a router would.
QUEUE_SECONDS = 0.1
BURST = 64


class Way:
    """One direction of a host's line."""

    def __init__(self):
        self.delay, self.loss, self.rate, self.free_at = 0.0, 0.0, 0.0, 0.0

    def leave(self, at, size):
        """When a packet that enters at `at` leaves; None: never."""
        if self.loss and random.random() < self.loss:
            return None
        if self.rate:
            begin = max(at, self.free_at)
            if begin - at > QUEUE_SECONDS:
                return None
            at = self.free_at = begin + size / self.rate
        return at + self.delay


class Host:
    def __init__(self, mtu, address, pid):
        self.address = socket.inet_aton(address)
        self.out, self.into = Way(), Way()
        self.fd = open_interface(mtu, address, pid)


def open_interface(mtu, address, pid):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/proc/{pid}/ns/net") as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter the network namespace of {address}")
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"eth0", IFF_TUN | IFF_NO_PI))
    for words in (
        f"addr add {address}/24 dev eth0",
        f"link set eth0 mtu {mtu} up",
        "link set lo up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    return fd


class Switch:
    def __init__(self, hosts):
        self.hosts = {host.address: host for host in hosts}
        self.cut = set()
        self.carried = {}
        self.waiting, self.order = [], 0

    def read(self, host, now):
        for _ in range(BURST):
            try:
                packet = os.read(host.fd, PACKET_BYTES_MAX)
            except BlockingIOError:
                return
            self.take(host, packet, now)

    def take(self, host, packet, now):
        target = self.hosts.get(packet[16:20]) if packet[0] >> 4 == 4 else None
        if target is None or (host.address, target.address) in self.cut:
            return
        at = host.out.leave(now, len(packet))
        at = at and target.into.leave(at, len(packet))
        if at is None:
            return
        self.order += 1
        heapq.heappush(self.waiting, (at, self.order, host.address, target, packet))

    def deliver(self, now):
        """Hands over what is due; gives the seconds until the next is, or None."""
        while self.waiting and self.waiting[0][0] <= now:
            _, _, source, target, packet = heapq.heappop(self.waiting)
            pair = (source, target.address)
            self.carried[pair] = self.carried.get(pair, 0) + len(packet)
            try:
                os.write(target.fd, packet)
            except OSError:
                pass  # Its queue is full, or it is down: the packet is lost.
        return self.waiting[0][0] - now if self.waiting else None

    def command(self, order):
        if "line" in order:
            host = self.hosts[socket.inet_aton(order["line"])]
            for way in (host.out, host.into):
                way.delay, way.loss = order["delayMs"] / 1000, order["lossPercent"] / 100
                way.rate, way.free_at = order["mbitPerSecond"] * 1e6 / 8, 0.0
        if "cut" in order:
            pairs = [tuple(map(socket.inet_aton, pair)) for pair in order["cut"]]
            self.cut = {pair for a, b in pairs for pair in ((a, b), (b, a))}
        if "carried" in order:
            return self.carried.get(tuple(map(socket.inet_aton, order["carried"])), 0)
        return None


def main():
    switch = Switch([Host(sys.argv[1], *argument.split("=")) for argument in sys.argv[2:]])
    poll = select.epoll()
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    readers = {host.fd: host for host in switch.hosts.values()}
    for fd in readers:
        poll.register(fd, select.EPOLLIN)
    print("ready", flush=True)
    wait = None
    while True:
        ready = poll.poll(wait)  # In whole milliseconds, rounded up.
        now = time.monotonic()
        for fd, _ in ready:
            if fd in readers:
                switch.read(readers[fd], now)
                continue
            line = sys.stdin.readline()
            if line == "":
                return
            print(json.dumps(switch.command(json.loads(line))), flush=True)
        wait = switch.deliver(time.monotonic())


main()
