"""Run as root of a network namespace of its own: load an nft text, give nft a command, say what it said and what there is then.

Reads JSON (text, commands) from the standard input; each command meets the text as it was. Writes for each: the first
line of nft's error, and what `nft -a list table ip t` prints.
"""

import json
import subprocess
import sys


def nft(*words: str, given: str | None = None) -> tuple[str, str]:
    done = subprocess.run(["nft", *words], input=given, text=True, capture_output=True, check=False)
    return done.stdout, done.stderr.partition("\n")[0]


def main() -> None:
    text, commands = json.load(sys.stdin)
    told = []
    for command in commands:
        _, failed = nft("-f", "-", given=f"flush ruleset\n{text}")
        if failed:
            sys.exit(failed)
        _, error = nft("-f", "-", given=f"{command}\n")
        told.append([error, nft("-a", "list", "table", "ip", "t")[0]])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
