"""Every web address in the book is in web/links.tsv, and what asks them is polite and exact."""

import http.server
import threading
import time

import pytest
from isolated_git import needs_git
from scripts import ROOT, script

links = script("web/links.py")


@needs_git
def test_every_address_in_the_book_is_in_the_list_and_no_other():
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    found = links.in_the_book()
    assert {"http://www.w3.org/2000/svg", "https://github.com/rsms/inter"} <= found.keys()
    assert links.differences(found, links.the_list(links.LIST.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://a.org/b.", {"https://a.org/b"}),
        ("[the page](https://a.org/b?c=1#d), and", {"https://a.org/b?c=1"}),
        ("<https://a.org/~b/>: 'http://b.org'", {"https://a.org/~b/", "http://b.org"}),
        ('{"x": "https://a.org\\n"}', {"https://a.org"}),
        ("http://127.0.0.1:8888/x http://[::1]/ http://localhost/ http://host/simple", set()),
        ("http://127.0.0.2/ https://book.example/ https://www.example.org/ https://", set()),
        ('f"https://{host}/" "https://" + host', set()),
        ("HTTP://a.org ftp://a.org www.a.org", set()),
    ],
)
def test_addresses_are_told_from_what_stands_around_them(text, found):
    assert links.addresses(text) == found


def test_differences_are_named_in_both_directions():
    said = links.differences({"https://a.org": ["README.md"]}, {"https://b.org": "a page"})
    assert said == [
        "https://a.org in README.md: give it a line in web/links.tsv",
        "https://b.org stands in no file: take it out of web/links.tsv",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("https://a.org a page\n", "line 1 of links.tsv is not ADDRESS, tab"),
        ("https://a.org\t \n", "line 1"),
        ("https://a.org\ta\nthe page\ta\n", "line 2"),
        ("https://a.org\ta\nhttps://a.org\tb\n", "again"),
        ("https://b.org\ta\nhttps://a.org\tb\n", "not sorted"),
    ],
)
def test_a_list_that_is_none_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        links.the_list(text)


class Pages(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.server.asked.append((self.command, self.path, time.monotonic()))
        self.server.agents.add(self.headers["User-Agent"])
        if self.path == "/slow":
            self.server.done.wait(20)
            return
        code = {"/there": 200, "/moved": 301, "/only-get": 405}.get(self.path, 404)
        if self.command == "GET" and code == 405:
            code = 200
        self.send_response(code)
        if code == 301:
            self.send_header("Location", "/there")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_):
        pass


@pytest.fixture
def pages():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.asked, server.agents, server.done = [], set(), threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.done.set()
    server.shutdown()
    server.server_close()


def test_what_an_address_answers(pages, closed_port, monkeypatch):
    assert links.ask(f"{pages.address}/there") == "ok"
    assert links.ask(f"{pages.address}/moved") == f"ok, at {pages.address}/there"
    assert links.ask(f"{pages.address}/only-get") == "ok"
    assert links.ask(f"{pages.address}/gone") == "404 Not Found"
    assert [what[:2] for what in pages.asked[-2:]] == [("HEAD", "/gone"), ("GET", "/gone")]
    assert "refused" in links.ask(f"http://127.0.0.1:{closed_port}/")
    monkeypatch.setattr(links, "TIMEOUT_S", 0.2)
    assert "timed out" in links.ask(f"{pages.address}/slow")
    assert pages.agents == {links.AGENT}


def test_a_host_is_asked_with_pauses_and_a_name_not_at_all(pages, monkeypatch):
    monkeypatch.setattr(links, "PAUSE_S", 0.3)
    listed = {f"{pages.address}/there": "a page", f"{pages.address}/gone": "notice: of somebody"}
    said = links.ask_all(listed | {f"{pages.address}/name": "name: a namespace"})
    assert said == {f"{pages.address}/gone": "404 Not Found", f"{pages.address}/there": "ok"}
    (_, _, first), (_, _, second), _ = pages.asked
    assert second - first >= 0.3


@pytest.mark.parametrize(("gone", "code"), [("notice: of somebody", 0), ("a page", 1)])
def test_the_script_fails_for_a_page_that_has_gone_and_not_for_a_notice(
    pages, tmp_path, monkeypatch, capsys, gone, code
):
    rows = {f"{pages.address}/there": "a page", f"{pages.address}/lost": gone}
    monkeypatch.setattr(links, "PAUSE_S", 0)
    monkeypatch.setattr(links, "is_public", lambda host: True)
    monkeypatch.setattr(links, "LIST", tmp_path / "links.tsv")
    links.LIST.write_text("".join(f"{a}\t{what}\n" for a, what in sorted(rows.items())))
    monkeypatch.setattr(links, "in_the_book", lambda: {address: [] for address in rows})
    assert links.main(["--online"]) == code
    said = capsys.readouterr().out
    assert "404 Not Found" in said
    assert f"2 asked, 1 not there, {code} of them the book's own" in said
    assert links.main([]) == 0
    assert "2 addresses, all listed" in capsys.readouterr().out
