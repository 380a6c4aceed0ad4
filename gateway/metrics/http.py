"""What is asked of the metrics' address, as bytes. Pure; strangers' bytes are answered, no more.

There is one resource and one method: `GET /metrics`. An answer ends its connection.
"""

from http import HTTPStatus
from typing import Final

from gateway.metrics.exposition import CONTENT_TYPE

PATH: Final = "/metrics"
LONGEST_HEAD: Final = 8192  # bytes, with the empty line
_VERSIONS: Final = ("HTTP/1.0", "HTTP/1.1")


def judged(head: bytes) -> HTTPStatus:
    """How to answer a request of this head, up to its empty line."""
    line, _, _ = head.partition(b"\r\n")
    words = line.decode("latin-1").split(" ")
    if len(words) != 3 or words[2] not in _VERSIONS:
        return HTTPStatus.BAD_REQUEST
    method, target, _ = words
    if target.partition("?")[0] != PATH:
        return HTTPStatus.NOT_FOUND
    return HTTPStatus.OK if method == "GET" else HTTPStatus.METHOD_NOT_ALLOWED


def answer(status: HTTPStatus, body: str = "") -> bytes:
    """`body` goes with an OK; the others say their own words."""
    ok = status is HTTPStatus.OK
    content = (body if ok else f"{status.phrase}: here is {PATH}, to GET\n").encode()
    head = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {CONTENT_TYPE if ok else 'text/plain; charset=utf-8'}",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *(["Allow: GET"] if status is HTTPStatus.METHOD_NOT_ALLOWED else []),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content
