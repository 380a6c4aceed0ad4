"""What a command of the city looks like, or why it is none: strangers' JSON, and nothing guessed.

Unknown keys are refused, a wrong type is not converted. What is wrong is a `Refusal` in words.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.northbound.client import Received
from gateway.replay import Span

LARGEST: Final = 16 * 1024  # bytes of a command
NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Correlation = Annotated[str, Meta(min_length=1, max_length=128)]
Eui = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Form = TypeVar("Form", bound=msgspec.Struct)


class Refusal(Exception):
    """A command that is not carried out, and why."""


class Down(msgspec.Struct, forbid_unknown_fields=True):
    """`payload` in base64, or `object` for the codec: one of them."""

    correlation: Correlation
    device: Eui
    f_port: int
    payload: str | UnsetType = UNSET
    object: dict[str, Any] | UnsetType = UNSET
    confirmed: bool = False
    priority: Annotated[int, Meta(ge=0, le=255)] = 0
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None
    at: Annotated[datetime, Meta(tz=True)] | None = None

    def bytes_of_payload(self) -> bytes:
        if isinstance(self.payload, UnsetType):
            raise Refusal("give one of payload (base64) and object")
        try:
            return b64decode(self.payload, validate=True)
        except (NotBase64, ValueError) as error:
            raise Refusal(f"payload is not base64: {error}") from None


class Replay(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation
    begins: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="from")
    ends: Annotated[datetime, Meta(tz=True)] = msgspec.field(name="to")
    device: Eui | None = None

    def span(self, device: str | None) -> Span:
        """`device`: its DevEUI, where the city may have said a pseudonym."""
        return Span(self.begins.timestamp(), self.ends.timestamp(), device)


class Config(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation


class LogLevel(msgspec.Struct, forbid_unknown_fields=True):
    correlation: Correlation
    level: Literal["debug", "info", "warning", "error"]
    minutes: Annotated[int, Meta(ge=1, le=1440)] = 10


def said_in(message: Received) -> dict[str, Any]:
    """The command's JSON object. Raises Refusal."""
    if message.retained:
        raise Refusal("it is a retained message, which would come again and again: not carried out")
    if len(message.payload) > LARGEST:
        raise Refusal(f"{len(message.payload)} bytes: a command has at most {LARGEST}")
    try:
        return msgspec.json.decode(message.payload, type=dict[str, Any])
    except NOT_JSON as error:
        raise Refusal(f"it is not a JSON object: {error}") from None


def typed(said: dict[str, Any], form: type[Form]) -> Form:
    """Raises Refusal."""
    try:
        return msgspec.convert(said, form)
    except msgspec.ValidationError as error:
        raise Refusal(str(error)) from None


def text_of(form: Any, value: object) -> str | None:
    """The value if it has this form, however wrong the rest of its command is."""
    try:
        found: str = msgspec.convert(value, form)
    except msgspec.ValidationError:
        return None
    return found
