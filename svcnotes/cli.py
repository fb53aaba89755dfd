"""The command line: `svcnotes check`, `get`, `rules`, `trace` and `sweep`, the same words as in Python; and `course`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from svcnotes import __version__
from svcnotes.errors import InputError, RuleError, SvcnotesError

if TYPE_CHECKING:
    from svcnotes.trace import Trace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 an input was refused, 2 wrong usage.

    An error is one message on stderr, never a traceback.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser(with_course=given[:1] == ["course"]).parse_args(given)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        status = command(options)
        sys.stdout.flush()
    except SvcnotesError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (`head`, say) has gone: that is no fault. Python would complain at exit otherwise.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return status


def _parser(*, with_course: bool = False) -> argparse.ArgumentParser:
    """The parser; what a course needs is loaded only for `svcnotes course`."""
    parser = argparse.ArgumentParser(
        prog="svcnotes",
        description="How traffic from outside reaches a Kubernetes Service, rule by rule.",
    )
    parser.add_argument("--version", action="version", version=f"svcnotes {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("files", nargs="+", metavar="FILE", help="Kubernetes YAML; - reads standard input")
        sub.add_argument("--max-bytes", type=int, default=None, help="raise the limit on a file's size")
        return sub

    command("check", _check, "Print what `kubectl create -f FILE` prints on a fresh cluster, and exit alike.")

    get = command("get", _get, "Print what is stored, with what was allocated, as `kubectl get` does.")
    get.add_argument("-o", "--output", choices=["wide", "yaml"], default="", help="wide or yaml")

    rules = command("rules", _rules, "Print the rules that kube-proxy writes on a node.")
    rules.add_argument("--node", required=True)
    rules.add_argument("--proxy-mode", default=None)
    rules.add_argument("--family", type=int, choices=[4, 6], default=None)

    trace = command("trace", _trace, "Follow a packet there and back.")
    trace.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="SOURCE",
        help="an outside address, pod/NAMESPACE/NAME or node/NAME",
    )
    trace.add_argument(
        "--to",
        required=True,
        metavar="ADDRESS:PORT",
        help="or NAME:PORT, or [V6]:PORT; without a port for icmp",
    )
    trace.add_argument(
        "--protocol",
        default="tcp",
        help="tcp (default), udp, sctp, http for a health check, or icmp for a ping",
    )
    trace.add_argument(
        "--via", default=None, metavar="NODE", help="the node that the router hands the packet to"
    )
    trace.add_argument("--proxy-mode", default=None)
    trace.add_argument(
        "--engine",
        choices=["simulated", "kernel"],
        default="simulated",
        help="who carries the packet: the simulation (default), or real packets in namespaces of this machine's Linux",
    )
    trace.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="NODE=FILE",
        help="what iptables-save or `nft list ruleset` printed on a node, or one behind the other, in place of "
        "kube-proxy's rules (NODE/6= for those of IPv6); may be given several times",
    )
    trace.add_argument(
        "--sets", action="append", default=[], metavar="NODE=FILE", help="what ipset save printed on a node"
    )
    trace.add_argument(
        "--lenient",
        action="store_true",
        help="a rule in --rules with a match that is not understood never matches, instead of being an error",
    )
    trace.add_argument("--json", action="store_true", help="print JSON")

    sweep = command("sweep", _sweep, "Ask who reaches what: each source, each address of each Service.")
    sweep.add_argument("--sample", type=int, default=None, metavar="N", help="so many questions by chance")
    sweep.add_argument("--seed", type=int, default=0, help="which sample")
    sweep.add_argument(
        "--from",
        dest="sources",
        action="append",
        default=[],
        metavar="SOURCE",
        help="only from here: an outside address, pod/NAMESPACE/NAME or node/NAME; may be given several times",
    )
    sweep.add_argument("--proxy-mode", default=None)
    sweep.add_argument("--json", action="store_true", help="print JSON")

    text = "Assign the exercises and grade them."
    course = commands.add_parser("course", help=text, description=text)
    if with_course:
        from svcnotes.coursework.commands import add_parts

        add_parts(course)
    return parser


def _limit(options: argparse.Namespace) -> int:
    from svcnotes.control_plane.yaml_reader import MAX_BYTES

    return MAX_BYTES if options.max_bytes is None else int(options.max_bytes)


def _check(options: argparse.Namespace) -> int:
    from svcnotes.control_plane.kubectl.check import check

    answer = check(options.files, max_bytes=_limit(options))
    sys.stdout.write(answer.stdout)
    sys.stderr.write(answer.stderr)
    return answer.exit_code


def _get(options: argparse.Namespace) -> int:
    from svcnotes.control_plane.kubectl.printers import get
    from svcnotes.control_plane.load import load

    cluster = load(*_paths(options.files), max_bytes=_limit(options))
    sys.stdout.write(get(cluster.state, output=options.output))
    for note in cluster.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def _rules(options: argparse.Namespace) -> int:
    from svcnotes.control_plane.load import load
    from svcnotes.kube_proxy import rules

    cluster = load(*_paths(options.files), max_bytes=_limit(options))
    sys.stdout.write(rules(cluster, options.node, proxy_mode=options.proxy_mode, family=options.family))
    return 0


def _trace(options: argparse.Namespace) -> int:
    from svcnotes.control_plane.load import load
    from svcnotes.network.strange_names import strange_interfaces
    from svcnotes.trace import to_json

    cluster = load(
        *_paths(options.files),
        max_bytes=_limit(options),
        rules=_by_node("--rules", options.rules),
        sets=_by_node("--sets", options.sets),
        strict=not options.lenient,
    )
    for note in strange_interfaces(cluster):
        print(f"note: {note}", file=sys.stderr)
    try:
        found = _tracer(options.engine)(
            cluster,
            source=options.source,
            to=options.to,
            protocol=options.protocol,
            via=options.via,
            proxy_mode=options.proxy_mode,
        )
    except RuleError as error:  # the remedy, as it is said here
        raise RuleError(str(error).replace("strict=False", "--lenient")) from None
    except SvcnotesError as error:
        raise SvcnotesError(str(error).replace("engine=simulated", "--engine simulated")) from None
    if options.json:
        print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        print(found)
    return 0


def _sweep(options: argparse.Namespace) -> int:
    """Print the table; after Ctrl-C that of what was found so far, with the exit status of an interruption."""
    from svcnotes.control_plane.load import load
    from svcnotes.scenarios.sweep import sweep, to_json

    cluster = load(*_paths(options.files), max_bytes=_limit(options))
    found = sweep(
        cluster, options.sample, seed=options.seed, sources=options.sources, proxy_mode=options.proxy_mode
    )
    print(json.dumps(to_json(found), indent=2, ensure_ascii=False) if options.json else found)
    return 130 if found.stopped else 0


def _tracer(engine: str) -> Callable[..., Trace]:
    if engine == "kernel":
        from svcnotes.kernel.tracer import trace as real

        return real
    from svcnotes.trace import trace

    return trace


def _by_node(option: str, given: Sequence[str]) -> dict[str, str]:
    """Read `NODE=FILE`, one or several."""
    found: dict[str, str] = {}
    for word in given:
        node, equals, file = word.partition("=")
        if not (node and equals and file) or node in found:
            raise InputError(f"{option} {word}: write NODE=FILE, and each NODE once")
        found[node] = "/dev/stdin" if file == "-" else file
    return found


def _paths(files: Sequence[str]) -> list[Path]:
    return [Path("/dev/stdin") if name == "-" else Path(name) for name in files]


if __name__ == "__main__":
    raise SystemExit(main())
