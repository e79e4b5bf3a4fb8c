#!/usr/bin/env python3
"""make_ip_cases.py: writes tests/pii/ip.txt, lines with IP addresses between {{ and }} and lines with look-alikes.

Fixed seed: the same file every time. The addresses are made by Python's ipaddress and written in every notation
that RFC 4291 and RFC 4007 allow; a port, a prefix length and brackets are no part of an address, a zone is.
"""
import ipaddress
import os
import random

CONTEXTS = [
    "{} could not connect", "my address is {}.", "request from {} failed twice", "blocked {}, please unblock", "see ({})",
    "ip={} user=mia", "client: \"{}\"", "ssh root@{} hangs", "ping {} works, but {} does not", "src={} dst={} proto=tcp",
    "2026-03-01T10:00:00Z INFO accepted connection from {}", "[error] 812#0: *44 upstream timed out, client: {}, server: shop",
    "{} - - [01/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 512", "X-Forwarded-For: {}, {}", "the gateway is {}; the resolver {}",
    "Mar  1 10:00:00 host sshd[811]: Failed password for root from {} port 51514 ssh2", "addr:{} is mine", "is {} yours?",
]
V4 = ["{}:8080 refused", "http://{}:8080/health is down", "see https://{}/login", "allow {}/24", "{}-{} is the range", "tcp/{}:443 open"]
V6 = ["http://[{}]:8080/health is down", "[{}]:443 refused", "allow {}/64", "listening on [{}]"]
CLEAN = [
    "version {a}.{b}.{c}.{d} crashes", "since v{a}.{b}.{c}.{d} it fails", "release {a}.{b}.{c}.{d} is out", "build {a}.{b}.{c}.{d}",
    "firmware: {a}.{b}.{c}.{d}", "see section {a}.{b}.{c}.{d}", "chapter {a}.{b}.{c}.{d} says so", "OID 1.3.6.1.4.1.{a}.{b}",
    "Mozilla/5.0 Chrome/{x}.0.0.0 Safari/537.36", "on 2026.{m}.{e} at {h}:{i}", "{e}.{m}.2026, {h}:{i}:{s}", "from {h}:{i}:{s} to {h}:{s}:{i}",
    "at {h}:{i}:{s}.{x} it broke", "mac {mac} is unknown", "mac {mac2} on port {a}", "eui64 {eui}", "key fingerprint {finger}",
    "std::vector<int> and std::x", "abc::def() is static", "use ::printf here", "a::b::c in C++", "face::add returns", "ratio {a}:{b}:{c}",
    "sha1 {sha}", "commit {short}", "not an address: {big}.{b}.{c}.{d}", "{a}.{b}.{c} is three numbers", "{a}.{b}.{c}.{d}.{e} is five",
    "{a}.{b}.{c}.0{d2} has a leading nought", "slice x[::{n}] of the list", "list[{a}::{n}]", "a :: b", "score {a}:{b}", "v6 is not 1:2:3:4",
    "uuid {uuid}", "{h}:{i}:{s}:{e} frames", "lat {a}.{x}, lon {b}.{x}", "costs {a}.{x} or {b}.{x}", "gggg::1 is none", "1:2:3:4:5:6:7:8:9",
]


def v4(r):
    return str(ipaddress.IPv4Address(r.choice([r.getrandbits(32), 0x0A000000 | r.getrandbits(24), 0xC0A80000 | r.getrandbits(16)])))


def v6(r):
    prefix = r.choice([0x20010DB8 << 96, 0xFE80 << 112, 0xFD00 << 112, 0x2A02 << 112])
    address = ipaddress.IPv6Address(prefix | r.getrandbits(r.choice([8, 16, 64, 90])))
    form = r.randrange(9)
    if form == 0:
        return address.exploded
    if form == 1:
        return address.compressed.upper()
    if form == 2:
        return ":".join(f"{int(group, 16):x}" for group in address.exploded.split(":"))
    if form == 3:
        return "::ffff:" + v4(r)
    if form == 4:
        return "64:ff9b::" + v4(r)
    if form == 5:
        return "%s%%%s" % (ipaddress.IPv6Address(0xFE80 << 112 | r.getrandbits(48)), r.choice(["eth0", "en1", "wlan0", "3"]))
    if form == 6:
        return r.choice(["::1", "fe80::", "2001:db8::", "ff02::1", "::ffff:0:0", "2001:db8::1:0:0:1"])
    return address.compressed


def hexes(r, count, mark):
    return mark.join("%02x" % r.getrandbits(8) for _ in range(count))


def clean(r, line):
    return line.format(a=r.randint(1, 40), b=r.randint(0, 30), c=r.randint(0, 99), d=r.randint(0, 99), e=r.randint(10, 28), m=r.randint(10, 12),
                       h=r.randint(10, 23), i=r.randint(10, 59), s=r.randint(10, 59), x=r.randint(90, 220), n=r.randint(1, 9), d2=r.randint(1, 9),
                       big=r.randint(256, 999), mac=hexes(r, 6, ":"), mac2=hexes(r, 6, "-"), eui=hexes(r, 8, ":"), finger=hexes(r, 16, ":"),
                       sha=hexes(r, 20, ""), short=hexes(r, 4, ""),
                       uuid="-".join(hexes(r, n, "") for n in (4, 2, 2, 2, 6)))


def main():
    r = random.Random(6)
    lines = []
    for form, own in ((v4, V4), (v6, V6)):
        for _ in range(6):
            for context in CONTEXTS + own:
                parts = context.split("{}")
                lines.append("".join(p + ("{{%s}}" % form(r) if i < len(parts) - 1 else "") for i, p in enumerate(parts)))
    for _ in range(6):
        lines.extend(clean(r, line) for line in CLEAN)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ip.txt")
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(lines) + "\n")


main()
