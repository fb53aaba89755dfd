"""`ping` (iputils) and `traceroute`: echo requests, and packets that run out of TTL on purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from svcnotes.errors import QuestionError
from svcnotes.network.conversation import Result, converse
from svcnotes.network.flight import THERE, Flight
from svcnotes.packet import Packet
from svcnotes.toolbox.hosts import network
from svcnotes.toolbox.naming import Found, look_up
from svcnotes.toolbox.observing import observe
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import Printed, err, out
from svcnotes.toolbox.session import Call
from svcnotes.trace import trace

SIZE = 56
PATIENCE = 10.0  # seconds that ping waits for a last answer without -W
_ROUND_TRIP = 0.062  # milliseconds for each hop there and back: for the eye only
_DEFAULT_COUNT = 4
_SAYS = {
    "net-unreachable": "Destination Net Unreachable",
    "host-unreachable": "Destination Host Unreachable",
    "port-unreachable": "Destination Port Unreachable",
    "admin-prohibited": "Packet filtered",
    "host-prohibited": "Destination Host Prohibited",
    "net-prohibited": "Destination Net Prohibited",
    "ttl-exceeded": "Time to live exceeded",
    "no-route": "Destination unreachable: No route",
    "addr-unreachable": "Destination unreachable: Address unreachable",
    "adm-prohibited": "Destination unreachable: Administratively prohibited",
}
_MARKS: Mapping[str, str] = {"net-unreachable": "!N", "host-unreachable": "!H", "admin-prohibited": "!X"}


def ping(call: Call) -> Printed:
    """`ping [-c COUNT] [-W SECONDS] [-i SECONDS] [-q] HOST`; without a count it stops after four."""
    try:
        found = read(call.args, flags=tuple("nq46DOv"), valued=("c", "W", "i", "s", "w", "I", "t"))
        count = int(found.get("c", default=str(_DEFAULT_COUNT)))
        patience, pause = float(found.get("W", default=str(PATIENCE))), float(found.get("i", default="1"))
    except UsageError as error:
        said = "option requires an argument" if error.needs_value else "invalid option"
        return err(f"ping: {said} -- '{error.option.lstrip('-')}'\n", 2)
    except ValueError:
        return err("ping: invalid argument: out of range: write a number\n", 1)
    if not found.words:
        return err("ping: usage error: Destination address required\n", 1)
    if not 1 <= count <= 1000:
        return err(f"ping: invalid argument: '{count}': out of range: 1 <= value <= 1000\n", 1)
    name = found.words[0]
    target = look_up(call.session, call.place, name)
    if not target.addresses:
        return err(_unknown(name, target), 2)
    address, name = target.addresses[0], target.name or name
    lines = [f"PING {name} ({address}) {SIZE}({SIZE + 28}) bytes of data."]
    if ":" in address:
        lines = [f"PING {name} ({address}) {SIZE} data bytes"]
    started, identifier = call.session.now, call.session.random.randrange(1, 65535)
    times: list[float] = []
    errors = 0
    for number in range(1, count + 1):
        call.session.now = started + (number - 1) * pause
        try:
            said, milliseconds = _one(call, address, number, identifier)
        except QuestionError as error:
            return err(f"ping: {name}: {error}\n", 2)
        if said and not found.has("q"):
            lines.append(said)
        times += [milliseconds] if milliseconds else []
        errors += bool(said) and not milliseconds
    if len(times) < count and not errors:
        call.session.now += patience
    return _summary(lines, name, count, times, errors, round((count - 1) * pause * 1000))


def _unknown(name: str, target: Found) -> str:
    why = "Temporary failure in name resolution" if target.silent else "Name or service not known"
    return f"ping: {name}: {why}\n"


def _one(call: Call, address: str, number: int, identifier: int) -> tuple[str, float]:
    """One echo request: the line it leads to, and how many milliseconds the answer took (0: none came)."""
    session = call.session
    found = trace(
        session.cluster,
        call.place.source,
        address,
        "icmp",
        source_port=identifier,
        now=session.now,
        memories=session.memories,
    )
    path = session.random.choices(found.paths, [float(one.probability) for one in found.paths])[0]
    session.memories = path.memories or session.memories
    before = None
    for hop in path.hops:
        observe(session, [hop], payload=SIZE, sequence=number, after=before)
        before = hop if hop.leaves is not None else None
    if path.outcome == "connected":
        milliseconds = round(_ROUND_TRIP * len(path.hops) + 0.004 * session.random.random(), 3)
        last = path.hops[-1].packet
        return (
            f"64 bytes from {address}: icmp_seq={number} ttl={last.ttl} time={milliseconds} ms",
            milliseconds,
        )
    if path.how == "enetunreach":
        return "ping: connect: Network is unreachable", 0.0
    if path.how == "eperm":
        return "ping: sendmsg: Operation not permitted", 0.0
    if path.icmp_from:
        short = path.how.removeprefix("icmp6-").removeprefix("icmp-")
        return f"From {path.icmp_from} icmp_seq={number} {_SAYS.get(short, short)}", 0.0
    return "", 0.0


def _summary(
    lines: list[str], name: str, count: int, times: list[float], errors: int, waited: int
) -> Printed:
    loss = round(100 * (count - len(times)) / count)
    failed = f", +{errors} errors" if errors else ""
    lines += [
        "",
        f"--- {name} ping statistics ---",
        f"{count} packets transmitted, {len(times)} received{failed}, {loss}% packet loss, time {waited}ms",
    ]
    if times:
        mean = sum(times) / len(times)
        deviation = (
            (sum(one * one for one in times) / len(times) - mean * mean) ** 0.5 if len(times) > 1 else 0.0
        )
        shown = "/".join(f"{one:.3f}" for one in (min(times), mean, max(times), abs(deviation)))
        lines.append(f"rtt min/avg/max/mdev = {shown} ms")
    return out([*lines, *([] if times else [""])], 0 if times else 1)


@dataclass(frozen=True, slots=True)
class _Probe:
    """What a probe of traceroute led to: who answered, with what mark, and whether it has arrived."""

    address: str = "*"
    mark: str = ""
    arrived: bool = False


def traceroute(call: Call) -> Printed:
    """`traceroute [-n] [-m HOPS] [-q PROBES] [-w SECONDS] [-T -p PORT | -I] HOST`: UDP, TCP or ICMP probes."""
    try:
        found = read(call.args, flags=tuple("nTIU46F"), valued=("m", "q", "w", "p", "f", "z"))
        most, probes = int(found.get("m", default="30")), int(found.get("q", default="3"))
        port = int(found.get("p", default="80" if found.has("T") else "33434"))
    except UsageError as error:
        return err(f"Bad option `{error.option}' (argc 1)\n", 2)
    except ValueError:
        return err("Cannot handle a cmdline arg: write a number\n", 2)
    if not found.words:
        return err('Specify "host" missing argument.\n', 2)
    name = found.words[0]
    target = look_up(call.session, call.place, name)
    if not target.addresses:
        return err(
            f'{name}: {_unknown(name, target).rpartition(": ")[2].strip()}\nCannot handle "host" cmdline arg `{name}\' on position 1\n',
            2,
        )
    address = target.addresses[0]
    lines = [f"traceroute to {name} ({address}), {most} hops max, 60 byte packets"]
    protocol = "tcp" if found.has("T") else "icmp" if found.has("I") else "udp"
    for ttl in range(1, min(most, 64) + 1):
        went = [
            _probe(call, address, protocol, ttl, port + (ttl * probes + number) * (protocol == "udp"))
            for number in range(max(1, min(probes, 10)))
        ]
        lines.append(f"{ttl:2} " + "".join(_shown(call, went, ttl)))
        if any(one.arrived or one.mark for one in went):
            break
    return out(lines)


def _shown(call: Call, went: list[_Probe], ttl: int) -> Iterator[str]:
    before = ""
    for one in went:
        if one.address == "*":
            yield " *"
            continue
        milliseconds = _ROUND_TRIP * ttl + 0.004 * call.session.random.random()
        host = "" if one.address == before else f" {one.address}"
        yield f"{host}  {milliseconds:.3f} ms{' ' + one.mark if one.mark else ''}"
        before = one.address


def _probe(call: Call, address: str, protocol: str, ttl: int, port: int) -> _Probe:
    """Send a packet with so little TTL and hear who complains."""
    session = call.session
    session.now += 0.001
    first = trace(
        session.cluster,
        call.place.source,
        address if protocol == "icmp" else _with_port(address, port),
        protocol,
        source_port=session.ephemeral_port(),
        now=session.now,
    )
    if not first.paths or not first.paths[0].hops:
        return _Probe()
    sent = first.paths[0].hops[0]
    net = network(session, call.place)
    packet = Packet(
        sent.packet.protocol,
        sent.packet.source,
        sent.packet.source_port,
        sent.packet.destination,
        sent.packet.destination_port,
        flags=sent.packet.flags,
        icmp=sent.packet.icmp,
        ttl=ttl,
    )
    flight = Flight(packet, sent.host, THERE, arrived=packet, memories=session.memories)
    results = list(converse(net, flight))
    result = session.random.choices(results, [float(one.flight.probability) for one in results])[0]
    session.memories = result.flight.memories
    return _heard(result, address)


def _heard(result: Result, address: str) -> _Probe:
    short = result.how.removeprefix("icmp6-").removeprefix("icmp-")
    if short == "ttl-exceeded":
        return _Probe(result.icmp_from)
    if result.outcome == "connected" or short in ("port-unreachable", "rst"):
        return _Probe(result.icmp_from or address, arrived=True)
    if result.icmp_from:
        return _Probe(result.icmp_from, _MARKS.get(short, "!X"))
    return _Probe()


def _with_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
