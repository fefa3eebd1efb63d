"""Every web address in the book, and the list of them: web/links.tsv, an address and what it is.

    python web/links.py              compare the files with the list, as the tests do
    python web/links.py --online     also ask each address whether it is still there

What stands behind an address begins with "name:" if it only names something, as an XML namespace
does: it is not asked. "notice:" marks one that stands in the words of others, such as a licence
from years ago: it is asked, and if it has gone, that is said and is no failure.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from mobilenet_lib.text import table

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "web" / "links.tsv"
# npm's own list, whose addresses are those of the packages; this list itself; what tests invent.
LEFT_OUT = ("web/package-lock.json", "web/links.tsv", "tests/")
ADDRESS = re.compile(r"https?://[^\s\"'`<>()\[\]{}|\\,;*$]+")
RESERVED = (
    *(".localhost", ".example", ".test", ".invalid"),
    *(".example.com", ".example.org", ".example.net"),
)
NAME, NOTICE = "name:", "notice:"
AGENT = "mobilenet-book link check (python web/links.py --online)"
TIMEOUT_S, PAUSE_S, HOSTS = 20, 1.0, 4
"""Seconds for an answer, seconds between two questions to one host, hosts asked at a time."""


def addresses(text: str) -> set[str]:
    """The addresses in a text, without the full stop behind one and the place in a page."""
    found = {match.rstrip(".:?!").split("#")[0] for match in ADDRESS.findall(text)}
    return {address for address in found if is_public(urlsplit(address).netloc)}


def is_public(host: str) -> bool:
    """Whether a name could be another machine's: not this one's, not one reserved for examples."""
    name = host.rpartition("@")[2].split(":")[0]
    if f".{name}".endswith(RESERVED):
        return False
    try:
        return not ipaddress.ip_address(name).is_loopback
    except ValueError:
        return bool(re.fullmatch(r"(?:[\w-]+\.)+[a-z]{2,}", name, re.IGNORECASE))


def in_the_book() -> dict[str, list[str]]:
    """Each address in the files that git keeps, and the files that it stands in."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT).decode().split("\0")
    found: dict[str, list[str]] = defaultdict(list)
    for name in listed[:-1]:
        path = ROOT / name
        if not name.startswith(LEFT_OUT) and path.is_file():
            content = path.read_bytes()
            if b"\0" not in content:
                for address in addresses(content.decode(errors="replace")):
                    found[address].append(name)
    return dict(found)


def the_list(text: str) -> dict[str, str]:
    """The list as a table; a ValueError names a line that is not an address, a tab and words."""
    rows: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        address, tab, what = line.partition("\t")
        if not tab or not what.strip() or addresses(address) != {address}:
            raise ValueError(
                f"line {number} of links.tsv is not ADDRESS, tab, what it is: {line!r}"
            )
        if address in rows:
            raise ValueError(f"line {number} of links.tsv lists {address} again")
        rows[address] = what
    if list(rows) != sorted(rows):
        raise ValueError("links.tsv is not sorted by address")
    return rows


def differences(found: dict[str, list[str]], listed: dict[str, str]) -> list[str]:
    """What stands in a file and not in the list, and the reverse."""
    unknown = [
        f"{address} in {', '.join(found[address][:3])}: give it a line in web/links.tsv"
        for address in sorted(found.keys() - listed.keys())
    ]
    unused = sorted(listed.keys() - found.keys())
    return unknown + [
        f"{address} stands in no file: take it out of web/links.tsv" for address in unused
    ]


def ask(address: str) -> str:
    """What an address answers: "ok", or what is wrong."""
    said = ""
    for method in ("HEAD", "GET"):  # not every server knows the first
        request = urllib.request.Request(address, method=method, headers={"User-Agent": AGENT})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return "ok" if answer.url == address else f"ok, at {answer.url}"
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.reason}"
            error.close()
        except (OSError, HTTPException) as error:
            return str(getattr(error, "reason", None) or error)
    return said


def ask_all(listed: dict[str, str]) -> dict[str, str]:
    """What each address answers; one host's are asked one after the other, with a pause."""
    hosts: dict[str, list[str]] = defaultdict(list)
    for address, what in listed.items():
        if not what.startswith(NAME):
            hosts[urlsplit(address).netloc].append(address)

    def ask_host(of_host: list[str]) -> dict[str, str]:
        said = {}
        for number, address in enumerate(of_host):
            time.sleep(PAUSE_S if number else 0)
            said[address] = ask(address)
        return said

    with ThreadPoolExecutor(HOSTS) as pool:
        answers = [pair for said in pool.map(ask_host, hosts.values()) for pair in said.items()]
    return dict(sorted(answers))


def main(arguments: list[str] | None = None) -> int:
    """Compare, ask if asked to; the exit code is 1 if the list is wrong or a link has gone."""
    parser = argparse.ArgumentParser(description="web addresses in the book, and their list")
    parser.add_argument("--online", action="store_true", help="ask each address if it is there")
    online = parser.parse_args(arguments).online
    listed = the_list(LIST.read_text("utf-8"))
    wrong = differences(in_the_book(), listed)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    failed = bool(wrong)
    if online:
        answers = ask_all(listed)
        rows = [("address", "answer", "what it is")]
        rows += [(address, said, listed[address]) for address, said in answers.items()]
        print(*table(rows, left=(0, 1, 2), rule=True), sep="\n")
        gone = [address for address, said in answers.items() if not said.startswith("ok")]
        ours = [address for address in gone if not listed[address].startswith(NOTICE)]
        print(f"{len(answers)} asked, {len(gone)} not there, {len(ours)} of them the book's own")
        failed |= bool(ours)
    elif not failed:
        print(f"{len(listed)} addresses, all listed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
