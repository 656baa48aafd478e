"""Keys and signatures: who may call, and whether the bytes are theirs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from contracts.errors import SettingsError
from contracts.settings.simulator import SimulatorSettings
from venues.simulated.errors import AHEAD, BAD_KEY, BAD_KEY_FORMAT, BAD_SIGNATURE, OUTSIDE_WINDOW, Refusal, missing
from venues.simulated.parameters import Parameters

DEFAULT_WINDOW_MS = 5_000
LONGEST_WINDOW_MS = 60_000
AHEAD_MS = 1_000
_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account's key. With `ed25519_public_key` signatures are Ed25519, otherwise HMAC-SHA256 with `secret`."""

    api_key: str
    secret: str = ""
    ed25519_public_key: Ed25519PublicKey | None = None

    @classmethod
    def from_environment(cls, settings: SimulatorSettings) -> Credentials | None:
        """Read the variables that the settings name; None while the key is unset."""
        key, secret = os.environ.get(settings.api_key_env), os.environ.get(settings.api_secret_env, "")
        pem = os.environ.get(settings.ed25519_public_key_env, "")
        if not key or not (secret or pem):
            return None
        return cls(key, secret, _public_key(pem, settings.ed25519_public_key_env) if pem else None)


def _public_key(pem: str, variable: str) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise SettingsError(f"{variable}: expected an Ed25519 public key in PEM form")
    return key


def payload_of(query: str, body: str) -> bytes:
    """Return the bytes that a REST signature covers: query and body as received, one after the other, without it."""
    return (_SIGNATURE.sub("", query).removeprefix("&") + _SIGNATURE.sub("", body).removeprefix("&")).encode()


def sorted_payload(parameters: dict[str, str]) -> bytes:
    """Return the bytes that a WebSocket API signature covers: sorted, not percent-encoded."""
    return "&".join(f"{key}={value}" for key, value in sorted(parameters.items()) if key != "signature").encode()


class Gate:
    """Check key, signature and time of signed calls."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials

    @property
    def needs_ed25519(self) -> bool:
        """Whether the account's key is an Ed25519 one."""
        return self._credentials is not None and self._credentials.ed25519_public_key is not None

    def check_key(self, api_key: str | None) -> None:
        """Refuse an absent, malformed or unknown key."""
        if not api_key:
            raise Refusal(*BAD_KEY_FORMAT, status=401)
        if self._credentials is None or not hmac.compare_digest(api_key, self._credentials.api_key):
            raise Refusal(*BAD_KEY, status=401)

    def check_time(self, parameters: Parameters, now_ms: int) -> None:
        """Refuse a timestamp outside of the window, by the exchange's own rule."""
        timestamp = parameters.integer("timestamp")
        if timestamp is None:
            raise missing("timestamp")
        window = parameters.decimal("recvWindow")
        if window is not None and window > LONGEST_WINDOW_MS:
            raise Refusal(-1131, "recvWindow must be less than 60000.")
        limit = DEFAULT_WINDOW_MS if window is None else window
        if timestamp >= now_ms + AHEAD_MS:
            raise Refusal(*AHEAD)
        if now_ms - timestamp > limit:
            raise Refusal(*OUTSIDE_WINDOW)

    def check_signature(self, signature: str | None, payload: bytes) -> None:
        """Refuse a signature that is not of these bytes."""
        if not signature:
            raise missing("signature")
        if self._credentials is None:
            raise Refusal(*BAD_KEY, status=401)
        key = self._credentials.ed25519_public_key
        if key is not None:
            try:
                key.verify(base64.b64decode(signature, validate=True), payload)
            except (InvalidSignature, binascii.Error):
                raise Refusal(*BAD_SIGNATURE) from None
            return
        expected = hmac.new(self._credentials.secret.encode(), payload, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise Refusal(*BAD_SIGNATURE)
