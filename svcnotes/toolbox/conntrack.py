"""`conntrack`: what a node remembers of connections, as conntrack-tools 1.4.7 prints it.

Simplified: a full table is full of others' connections, which are counted and not listed; the order is that of the
beginnings, not of a hash table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_network

from svcnotes.netfilter import Conntrack, Entry, Flow
from svcnotes.netfilter.phases import ASSURED
from svcnotes.network import faults
from svcnotes.network.flight import Memory
from svcnotes.toolbox import mending
from svcnotes.toolbox.options import Options, UsageError, read
from svcnotes.toolbox.output import ERR, OUT, Printed, err, out
from svcnotes.toolbox.session import Call

TOOL = "conntrack v1.4.7 (conntrack-tools)"
FULL = 65_536
"""The room that a table of a small node has, where it is full."""
MOST = 262_144
NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmpv6": 58}
_LONG = {
    "--dump": "-L", "--delete": "-D", "--flush": "-F", "--count": "-C", "--stats": "-S", "--proto": "-p",
    "--orig-src": "-s", "--src": "-s", "--orig-dst": "-d", "--dst": "-d", "--reply-src": "-r", "--reply-dst": "-q",
    "--src-nat": "-n", "--dst-nat": "-g", "--any-nat": "-j", "--orig-port-src": "--sport",
    "--orig-port-dst": "--dport", "--family": "-f", "--output": "-o", "--status": "-u",
}  # fmt: skip
_PORTS = ("sport", "dport", "reply-port-src", "reply-port-dst", "state")
Test = Callable[[Entry], bool]


def conntrack(call: Call) -> Printed:
    """`conntrack -L|-D|-F|-C|-S [-p PROTO] [--dport N] [-s|-d|-r|-q ADDRESS] [--state S] [-f ipv6]`."""
    args = [_LONG.get(word, word) for word in call.args if word != "conntrack"]
    try:
        found = read(
            args,
            flags=tuple("LDFCS"),
            valued=("p", "s", "d", "r", "q", "f", "o", "u", *_PORTS),
            optional=dict.fromkeys("ngj", "any"),
        )
        _ports_need_protocol(found)
    except UsageError as error:
        return _unknown(error.option)
    if found.has("F"):
        return _flush(call)
    if found.has("C"):
        return out(f"{count(call)}\n")
    if found.has("S"):
        return out(f"{_statistics(call)}\n")
    if not (found.has("L") or found.has("D")):
        said = "Missing mandatory option: a command such as -L, -D, -F, -C or -S"
        return err(f"{TOOL}: {said}\nTry `conntrack -h' or 'conntrack --help' for more information.\n", 2)
    version = _family(call, found)
    try:
        test = _filter(found)
    except ValueError:
        return err(f"{TOOL}: invalid port or address\n", 2)
    entries = [entry for entry in living(call, version) if test(entry)]
    lines = [line(entry, call.session.now, extended=found.get("o") == "extended") for entry in entries]
    if found.has("D"):
        _change(call, version, lambda table: _without(table, entries))
    did = "deleted" if found.has("D") else "shown"
    said = f"{TOOL}: {len(entries)} flow entries have been {did}.\n"
    parts = ((OUT, "".join(f"{text}\n" for text in lines)), (ERR, said))
    return Printed(tuple(part for part in parts if part[1]), 1 if found.has("D") and not entries else 0)


def _unknown(option: str) -> Printed:
    return err(
        f"{TOOL}: unknown option `{option}'\nTry `conntrack -h' or 'conntrack --help' for more information.\n",
        2,
    )


def _ports_need_protocol(found: Options) -> None:
    """Ports and states are options of a protocol: without -p the tool does not know them."""
    given = next((name for name in _PORTS if found.has(name)), "")
    if given and not found.has("p"):
        raise UsageError(f"--{given}")


def _family(call: Call, found: Options) -> int:
    given = found.get("f")
    return 6 if given == "ipv6" or (not given and call.cluster.families[0] == 6) else 4


def table_of(call: Call, version: int) -> Conntrack:
    """What the node remembers of a family."""
    memory = call.session.memories.get((call.place.host, version))
    return memory.conntrack if memory is not None else Conntrack()


def living(call: Call, version: int) -> list[Entry]:
    """The entries that are not forgotten yet."""
    return [entry for entry in table_of(call, version) if entry.expires >= call.session.now]


def count(call: Call) -> int:
    """How many connections the node remembers: nf_conntrack_count."""
    if faults.conntrack_full(call.cluster, call.place.host):
        return FULL
    return sum(len(living(call, version)) for version in (4, 6))


def most(call: Call) -> int:
    """How many it may remember: nf_conntrack_max."""
    return FULL if faults.conntrack_full(call.cluster, call.place.host) else MOST


def _statistics(call: Call) -> str:
    events, host = call.session.events, call.place.host
    numbers = {
        "found": 0, "invalid": events[host, "invalid"], "insert": 0,
        "insert_failed": events[host, "insert_failed"], "drop": events[host, "drop"], "early_drop": 0, "error": 0, "search_restart": 0, "clash_resolve": 0,
        "chaintoolong": 0,
    }  # fmt: skip
    return "cpu=0   \t" + "".join(f"{name}={value} " for name, value in numbers.items())


_ADDRESSES: Mapping[str, Callable[[Entry], str]] = {
    "s": lambda entry: entry.original.source,
    "d": lambda entry: entry.original.destination,
    "r": lambda entry: entry.reply.source,
    "q": lambda entry: entry.reply.destination,
}
_NUMBERS: Mapping[str, Callable[[Entry], int]] = {
    "sport": lambda entry: entry.original.source_port,
    "dport": lambda entry: entry.original.destination_port,
    "reply-port-src": lambda entry: entry.reply.source_port,
    "reply-port-dst": lambda entry: entry.reply.destination_port,
}


def _filter(found: Options) -> Test:
    """What the options ask of an entry; raises ValueError for what is no port or address."""
    tests = [_address(read_end, found.get(name)) for name, read_end in _ADDRESSES.items() if found.has(name)]
    tests += [_port(read_end, int(found.get(name))) for name, read_end in _NUMBERS.items() if found.has(name)]
    tests += [_nat(letter, found.get(letter)) for letter in "ngj" if found.has(letter)]
    protocol, phase, wanted = found.get("p").lower(), found.get("state").upper(), found.get("u").upper()
    if protocol:
        known = {protocol, *(name for name, number in NUMBERS.items() if str(number) == protocol)}
        tests.append(lambda entry: entry.original.protocol in known)
    if phase:
        tests.append(lambda entry: entry.phase == phase)
    if wanted:
        tests.append(lambda entry: wanted in (status(entry), "SEEN_REPLY" if entry.seen_reply else ""))
    return lambda entry: all(test(entry) for test in tests)


def _address(read_end: Callable[[Entry], str], wanted: str) -> Test:
    network = ip_network(wanted, strict=False)
    return lambda entry: ip_address(read_end(entry)) in network


def _port(read_end: Callable[[Entry], int], wanted: int) -> Test:
    return lambda entry: read_end(entry) == wanted


def _nat(letter: str, wanted: str) -> Test:
    def test(entry: Entry) -> bool:
        given = (entry.snat and letter in "nj", entry.dnat and letter in "gj")
        ends = (entry.reply.destination, entry.reply.source)
        return any(on and wanted in ("any", end) for on, end in zip(given, ends, strict=True))

    return test


def status(entry: Entry) -> str:
    """The status in brackets that an entry shows: UNREPLIED, ASSURED, or none."""
    if not entry.seen_reply:
        return "UNREPLIED"
    return "ASSURED" if entry.phase in ASSURED else ""


def line(entry: Entry, now: float, *, extended: bool = False) -> str:
    """One entry as `conntrack -L` prints it."""
    protocol = entry.original.protocol
    version = 6 if ":" in entry.original.source else 4
    shown = "icmpv6" if protocol == "icmp" and version == 6 else protocol
    words = [f"{f'ipv{version}':<8} {10 if version == 6 else 2}"] if extended else []
    words += [f"{shown:<8} {NUMBERS[shown]}", str(max(int(entry.expires - now), 0))]
    words += [entry.phase] if protocol in ("tcp", "sctp") else []
    words.append(_flow(entry.original, version, answer=False))
    words += ["[UNREPLIED]"] if status(entry) == "UNREPLIED" else []
    words.append(_flow(entry.reply, version, answer=True))
    words += ["[ASSURED]"] if status(entry) == "ASSURED" else []
    return " ".join([*words, f"mark={entry.mark}", "use=1"])


def _flow(flow: Flow, version: int, *, answer: bool) -> str:
    ends = f"src={flow.source} dst={flow.destination}"
    if flow.protocol != "icmp":
        return f"{ends} sport={flow.source_port} dport={flow.destination_port}"
    kinds = {4: (8, 0), 6: (128, 129)}[version]
    return f"{ends} type={kinds[answer]} code=0 id={flow.source_port or flow.destination_port}"


def _without(table: Conntrack, entries: Iterable[Entry]) -> Conntrack:
    for entry in entries:
        table = table.without_entry(entry)
    return table


def _flush(call: Call) -> Printed:
    for version in (4, 6):
        _change(call, version, lambda _: Conntrack())
    call.session.cluster = mending.conntrack_enlarged(call.cluster, call.place.host)
    return err(f"{TOOL}: connection tracking table has been emptied.\n", 0)


def _change(call: Call, version: int, how: Callable[[Conntrack], Conntrack]) -> None:
    where = (call.place.host, version)
    memory = call.session.memories.get(where, Memory())
    call.session.memories = {
        **call.session.memories,
        where: memory._replace(conntrack=how(memory.conntrack)),
    }
