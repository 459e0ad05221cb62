"""The plain door beside `serve --lan`: how a phone comes to trust this machine, and nothing else.

A phone that does not trust the certificate yet can not open a page that comes with it; this one page, the authority's
certificate and the page's own style come over http. No patient, person or password is ever here.
"""

import io
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import segno
from django.conf import settings
from django.template.loader import render_to_string

from retineye.config.lan import Papers, as_download

CERTIFICATE_PATH = "/retineye-ca.crt"
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2"}

_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'"),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where things are, as the people of the clinic type them."""

    service: str
    """By address."""
    by_name: str
    """By name; empty where the machine has none."""
    door: str


def qr(text: str) -> str:
    """Draw a text as a QR code: SVG without a size of its own."""
    out = io.BytesIO()
    segno.make(text, error="m").save(
        out, kind="svg", border=2, xmldecl=False, svgns=True, omitsize=True, svgclass="qr", lineclass=None, light="#fff"
    )
    return out.getvalue().decode("ascii")


def qr_for_terminal(text: str) -> str:
    """Draw a text as a QR code of letters."""
    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True, border=1)
    return out.getvalue()


class Door:
    """Serves the page until it is closed."""

    def __init__(self, host: str, port: int, addresses: Addresses, papers: Papers) -> None:
        page = render_to_string(
            "web/phone.html",
            {
                "addresses": addresses,
                "fingerprint": papers.fingerprint,
                "certificate": CERTIFICATE_PATH,
                "qr_door": qr(addresses.door),
                "qr_service": qr(addresses.service),
            },
        ).encode()
        static = Path(settings.STATIC_ROOT).resolve()
        prefix = f"/{settings.STATIC_URL.strip('/')}/"
        whole = {
            "/": ("text/html; charset=utf-8", page),
            CERTIFICATE_PATH: ("application/x-x509-ca-cert", as_download(papers.authority)),
        }

        def found(path: str) -> tuple[str, bytes] | None:
            if not path.startswith(prefix):
                return whole.get(path)
            file = (static / path.removeprefix(prefix)).resolve()
            if not file.is_relative_to(static) or file.suffix not in _TYPES or not file.is_file():
                return None
            return _TYPES[file.suffix], file.read_bytes()

        class Handler(BaseHTTPRequestHandler):
            """Gives the page, the certificate and the page's own style."""

            server_version, sys_version = "RetinEye", ""

            def do_GET(self) -> None:
                answer = found(self.path.partition("?")[0])
                if answer is None:
                    self.send_response(302)
                    self.send_header("Location", "/")
                    self.end_headers()
                    return
                kind, body = answer
                self.send_response(200)
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *_HEADERS):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Keep quiet: whoever looks at the page is nobody's business."""

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="door", daemon=True)

    def open(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
