"""The secrets that payment providers sign with, from the files that the settings name. They are shown nowhere.

Files, because settings are printed by ``farebox config show`` and inherited by every child process, and a file can be
mounted by what keeps secrets. One secret a line: two lines while one is changed for another.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge.core.payment_signatures import standard_secret_fault, stripe_secret_fault
from edge.proxy.payment_routes import PaymentSecrets
from edge.settings import InvalidSettings, Settings

SECRETS_MAX = 5
FILE_BYTES_MAX = 8_192


def read_payment_secrets(settings: Settings) -> PaymentSecrets:
    """Read the files that are set; raises ``InvalidSettings``, whose text never holds a secret."""
    return PaymentSecrets(
        _read(settings.payment_webhook_secret_file, "payment_webhook_secret_file", standard_secret_fault),
        _read(settings.stripe_webhook_secret_file, "stripe_webhook_secret_file", stripe_secret_fault),
    )


def _read(path: Path | None, setting: str, fault: Callable[[str], str | None]) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        content = path.read_bytes()[: FILE_BYTES_MAX + 1]
        secrets = content.decode("ascii").split()
    except OSError as why:
        raise InvalidSettings((f"The file {path} of {setting} cannot be read: {why.strerror}.",)) from why
    except UnicodeDecodeError:
        raise InvalidSettings((f"The file {path} of {setting} holds other letters than ASCII.",)) from None
    if not 0 < len(secrets) <= SECRETS_MAX or len(content) > FILE_BYTES_MAX:
        raise InvalidSettings((f"The file {path} of {setting} holds 1 to {SECRETS_MAX} secrets, one a line.",))
    for number, secret in enumerate(secrets, start=1):
        wrong = fault(secret)
        if wrong is not None:
            raise InvalidSettings((f"Secret {number} in the file {path} of {setting} is none: {wrong}.",))
    return tuple(secrets)
