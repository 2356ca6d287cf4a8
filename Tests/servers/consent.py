"""Plays the user's browser at the OAuth server: logs in, answers the consent page, stops at the client's redirect.

    python consent.py URL --user alice --password alice-password [--deny] [--grant SCOPE ...] [--ca-file PEM]

URL is an authorization URL, or one that leads to it by redirects. What is printed is the URL at the client's
`redirect_uri` that the server sent the browser to. It is not fetched. The standard library suffices.
"""

from __future__ import annotations

import argparse
import http.cookiejar
import ssl
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

MOST_STEPS = 20  # pages and redirects


class ConsentError(Exception):
    """The pages did not lead to the client's redirect."""


def consent(
    url: str,
    user: str,
    password: str,
    approve: bool = True,
    grant: list[str] | None = None,
    ca_file: str | None = None,
) -> str:
    """The redirect URL that the flow ends with. `grant` narrows what is granted to these scopes."""
    browser = _browser(ca_file)
    redirect_uri = None  # where the flow will end; known once a URL names it
    form = None  # what to post to `url`, None to get it
    logged_in = False
    for _ in range(MOST_STEPS):
        redirect_uri = parse_qs(urlsplit(url).query).get("redirect_uri", [redirect_uri])[0]
        with _open(browser, url, form) as page:
            status, location, text = page.status, page.headers.get("Location"), page.read().decode()
        form = None
        if status in (301, 302, 303, 307, 308) and location:
            url = urljoin(url, location)
            if redirect_uri and _same_place(url, redirect_uri):
                return url
            continue
        fields = _Form.read(text)
        if status != 200 or fields is None:
            raise ConsentError(f"{urlsplit(url).path} answered {status} without a form: {text.strip()[:500]}")
        if "password" in fields:
            if logged_in:
                raise ConsentError("the password was refused")
            logged_in = True
            form = {**fields, "username": user, "password": password}
        else:
            form = dict(fields)
            if grant is not None:
                form["scope"] = " ".join(grant)
            if approve:
                form["allow"] = "yes"
    raise ConsentError(f"no end after {MOST_STEPS} steps")


class _StayHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class _Form(HTMLParser):
    """The fields of a page's form, name to value."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        field = dict(attrs)
        if tag == "input" and field.get("name"):
            self.fields[field["name"]] = field.get("value") or ""

    @staticmethod
    def read(text: str) -> dict[str, str] | None:
        form = _Form()
        form.feed(text)
        return form.fields or None


def _browser(ca_file: str | None) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)),
        _StayHere(),
    )


def _open(browser: urllib.request.OpenerDirector, url: str, form: dict[str, str] | None) -> Any:
    request = urllib.request.Request(url, data=None if form is None else urlencode(form).encode())
    request.add_header("Referer", url)  # Django's CSRF check wants it over HTTPS
    try:
        return browser.open(request, timeout=30)
    except urllib.error.HTTPError as answer:  # a redirect or an error page
        return answer


def _same_place(url: str, redirect_uri: str) -> bool:
    one, other = urlsplit(url), urlsplit(redirect_uri)
    return (one.scheme, one.netloc, one.path) == (other.scheme, other.netloc, other.path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--deny", action="store_true", help="press Deny")
    parser.add_argument("--grant", nargs="+", metavar="SCOPE", help="grant only these scopes")
    parser.add_argument("--ca-file", help="trust this CA instead of the system's")
    arguments = parser.parse_args()
    try:
        print(
            consent(
                arguments.url,
                arguments.user,
                arguments.password,
                approve=not arguments.deny,
                grant=arguments.grant,
                ca_file=arguments.ca_file,
            )
        )
    except (ConsentError, OSError) as error:
        sys.exit(f"consent: {error}")


if __name__ == "__main__":
    main()
